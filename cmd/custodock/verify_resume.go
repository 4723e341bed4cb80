package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/verify"
)

const (
	// noteEvery is how often it is written down how far a check is.
	noteEvery = 2 * time.Second
	// maxProgress bounds such a file, in bytes.
	maxProgress = 64 << 20
	// progressFormat is the only version of the file that there is.
	progressFormat = 1
)

// sitting is one run of a check: which clips it read, and when.
type sitting struct {
	From  int64     `json:"from"` // entries, the last one not included
	To    int64     `json:"to"`
	Begun time.Time `json:"begun"`
	Ended time.Time `json:"ended"`
}

// progress is how far a check of a store is. It is a note to oneself: who can
// write the file can say anything in it, so it is no evidence of what it says.
type progress struct {
	V     int    `json:"v"`
	Store string `json:"store"`
	Key   string `json:"key"`  // verifier key
	Size  int64  `json:"size"` // and Root: the log when it was last looked at
	Root  string `json:"root"`
	First int64  `json:"first"` // the range that is checked, as verify.Span has it
	Last  int64  `json:"last"`

	Next     int64           `json:"next"` // first entry whose clip was not read yet
	Done     bool            `json:"done"`
	Report   verify.Report   `json:"report"` // counts of the clips before Next
	Bad      []verify.Result `json:"bad"`    // those of them that are not proved
	Sittings []sitting       `json:"sittings"`

	path  string
	saved time.Time
}

// parseSpan reads A-B, first and last entry, or A-; all of a log is "".
func parseSpan(s string) (verify.Span, error) {
	r, err := parseRange(s)
	switch {
	case r == nil:
		if err != nil {
			err = usagef("--range %s: write the first and the last entry, such as 0-9999, or 10000-", message.Safe(s))
		}
		return verify.Span{}, err
	case r.to < 0:
		return verify.Span{From: r.from}, nil
	}
	return verify.Span{From: r.from, To: r.to + 1}, nil
}

// resumable opens the note of a check, or begins one, for exactly this store, key
// and range, and says in o where to go on.
func resumable(ctx context.Context, path string, o *verify.Options, from string, now time.Time) (*progress, error) {
	head, err := verify.Open(ctx, *o)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	want := progress{
		V: progressFormat, Store: from, Key: o.Key, Size: head.Checkpoint.Size, Root: head.Checkpoint.Root.String(), First: o.Span.From, Last: o.Span.To,
		path: abs,
	}
	p, err := readProgress(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p = &want
	case err != nil:
		return nil, fmt.Errorf("go on from %s: %w: remove it to begin anew", message.Safe(path), bare(err))
	case p.Done:
		return nil, usagef("--resume %s: that check came to its end: remove the file to begin anew", message.Safe(path))
	case p.V != want.V || p.Store != want.Store || p.Key != want.Key || p.First != want.First || p.Last != want.Last:
		return nil, usagef("--resume %s: it is of a check of another store, key or range: name another file", message.Safe(path))
	default:
		root, err := tlog.ParseHash(p.Root)
		if err == nil {
			err = verify.Extends(ctx, *o, "file "+message.Safe(path), p.Size, root)
		}
		if err != nil {
			return nil, err
		}
		p.Size, p.Root, p.path = want.Size, want.Root, want.path
	}
	o.Begin = p.Next
	p.Sittings = append(p.Sittings, sitting{From: max(p.Next, p.First), To: max(p.Next, p.First), Begun: now.UTC(), Ended: now.UTC()})
	return p, p.save(now)
}

// readProgress reads what save wrote.
func readProgress(path string) (*progress, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxProgress) {
		err = errors.New("it is no note of a check")
	}
	if err != nil {
		return nil, err
	}
	var p progress
	var b bytes.Buffer
	if _, err := b.ReadFrom(f); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(&b)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil || p.Next < 0 || len(p.Sittings) == 0 {
		return nil, errors.New("it is no note of a check")
	}
	return &p, nil
}

func (p *progress) save(now time.Time) error {
	p.saved = now
	b, err := json.Marshal(p)
	if err == nil {
		err = durable.WriteFile(p.path, append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("note how far the check is in %s: %w", message.Safe(p.path), bare(err))
	}
	return nil
}

// take notes the result of a clip; they come in the order of the log.
func (p *progress) take(r verify.Result, now time.Time) error {
	n, err := strconv.ParseInt(r.Clip[strings.LastIndexByte(r.Clip, '-')+1:], 10, 64)
	if err != nil {
		return fmt.Errorf("note result of %s: %w", message.Safe(r.Clip), err)
	}
	p.Next = n + 1
	last := &p.Sittings[len(p.Sittings)-1]
	last.To, last.Ended = p.Next, now.UTC()
	if severity(r.Result) >= severity(verify.Missing) {
		p.Bad = append(p.Bad, r)
	}
	p.Report = add(p.Report, verify.Report{
		Clips: 1, OK: one(r.Result == verify.OK), Disposed: one(r.Result == verify.Disposed), RecordErased: one(r.Result == verify.RecordErased),
		Missing: one(r.Result == verify.Missing), Mismatch: one(r.Result == verify.Mismatch),
		Stamped: one(!r.NotAfter.IsZero()), SM3: one(r.SM3 != ""), Bytes: r.Bytes,
	})
	if now.Sub(p.saved) < noteEvery {
		return nil
	}
	return p.save(now)
}

// one is how many clips a clip of which something holds is.
func one(holds bool) int {
	if holds {
		return 1
	}
	return 0
}

// part takes the range that was asked for. Only who reads one store as a whole can
// read a part of it, or go on.
func (c *verifyCall) part(text string) (err error) {
	if c.span, err = parseSpan(text); err != nil {
		return err
	}
	if (text != "" || c.resume != "") && (c.from == "" || len(c.clips)+len(c.files) > 0) {
		return usagef("--range and --resume go with --from, the store to read, and without names of clips and files")
	}
	return nil
}

// goOn is checkOne; with a note of earlier sittings it tells what they found wrong,
// goes on behind them, and notes how far it came, however it ends.
func (p *verifyPrinter) goOn(ctx context.Context, o verify.Options, c verifyCall, each func(verify.Result) error) (verify.Report, error) {
	if p.note == nil {
		return checkOne(ctx, o, c, each)
	}
	earlier, bad := p.note.Report, p.note.Bad
	for _, r := range bad {
		if err := each(r); err != nil {
			return earlier, err
		}
	}
	report, err := checkOne(ctx, o, c, func(r verify.Result) error {
		if err := p.note.take(r, p.a.now()); err != nil {
			return err
		}
		return each(r)
	})
	p.note.Done = err == nil || errors.Is(err, verify.ErrMismatch)
	if saved := p.note.save(p.a.now()); err == nil {
		err = saved
	}
	report = add(report, earlier)
	if err == nil && len(bad) > 0 {
		err = &verify.MismatchError{Report: report, Cause: bad[0].Clip + ": " + bad[0].Problem}
	}
	return report, err
}

// sat says which part was read, and when.
func (p *verifyPrinter) sat(c verifyCall) error {
	a := p.a
	if !a.flags.json && !c.span.Whole() {
		last := a.say("verify.part.end")
		if c.span.To > 0 {
			last = strconv.FormatInt(c.span.To-1, 10)
		}
		if err := a.println(a.say("verify.part", c.span.From, last)); err != nil {
			return err
		}
	}
	switch {
	case p.note == nil:
		return nil
	case a.flags.json:
		return a.printJSON(map[string]any{"sittings": p.note.Sittings, "done": p.note.Done})
	}
	for _, s := range p.note.Sittings {
		if err := a.println(a.say("verify.sitting", s.From, s.To, s.Begun.Local().Format(time.DateTime), s.Ended.Local().Format(time.DateTime))); err != nil {
			return err
		}
	}
	if len(p.note.Sittings) > 1 {
		return a.println(a.say("verify.sittings", message.Safe(c.resume)))
	}
	return nil
}
