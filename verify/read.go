package verify

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// maxRecord bounds a record that is read into memory, in bytes. The longest are
// those of dockings with very many files.
const maxRecord = 128 << 20

// pairing pairs entries with their records, a record file at a time.
type pairing struct {
	run     *run
	log     string
	firsts  []int64 // first entries of the record files, ascending
	next    int     // of firsts: the file behind the one that covers now
	waiting []manifest.Entry
	lacking []int64        // entries whose record is in no file
	erased  map[int64]bool // whose record was erased lawfully, as far as the log says
	each    func(e manifest.Entry, record []byte) error
}

// Read hands the entries that are wanted to each, in order, each with its record:
// nil where it has none, or where it was erased lawfully. They are proved once Read
// has returned nil; a log that does not hold, and a record that is missing or
// changed, is a *MismatchError.
func Read(ctx context.Context, o Options, wanted func(manifest.Entry) bool, each func(e manifest.Entry, record []byte) error) (Head, error) {
	_, log, err := o.key()
	if err != nil {
		return Head{}, err
	}
	r := newRun(o, nil)
	p := &pairing{run: r, log: log, erased: map[int64]bool{}, each: each}
	err = r.only(ctx, func(e manifest.Entry) error {
		if e.N == 0 {
			// Only now: the records of a checkpoint are there before it is.
			if err := p.list(ctx); err != nil {
				return err
			}
		}
		return p.take(ctx, e, wanted(e))
	})
	if err == nil {
		err = p.flush(ctx)
	}
	if err == nil {
		err = p.excused()
	}
	if _, err = r.finish(ctx, err); err != nil {
		return Head{}, err
	}
	return r.head, nil
}

// take brings up the next entry of the log.
func (p *pairing) take(ctx context.Context, e manifest.Entry, wanted bool) error {
	target := e.Fields.Sub("target")
	if n, ok := target.Int("n"); ok && e.Type == "record.erased" && target.Str("log") == p.log && n < e.N {
		p.erased[n] = true
	}
	if p.next < len(p.firsts) && p.firsts[p.next] <= e.N {
		if err := p.flush(ctx); err != nil {
			return err
		}
		for p.next < len(p.firsts) && p.firsts[p.next] <= e.N {
			p.next++
		}
	}
	if wanted {
		p.waiting = append(p.waiting, e)
	}
	return nil
}

// list finds the record files.
func (p *pairing) list(ctx context.Context) error {
	top := "record/" + p.log + "/"
	for info, err := range p.run.Store.List(ctx, top) {
		if err != nil {
			return fmt.Errorf("list %s: %w", top, err)
		}
		digits, ok := strings.CutSuffix(strings.TrimPrefix(info.Name, top), ".ndjson")
		if n, isNumber := number(digits); ok && isNumber {
			p.firsts = append(p.firsts, n)
		}
	}
	slices.Sort(p.firsts)
	return ctx.Err()
}

// flush hands over the entries that wait, whose records are in the file before next.
func (p *pairing) flush(ctx context.Context) error {
	want := map[clip.Digest]bool{}
	for _, e := range p.waiting {
		if d, err := clip.ParseDigest(e.Record); err == nil {
			want[d] = true
		}
	}
	found := map[clip.Digest][]byte{}
	if len(want) > 0 && p.next > 0 {
		if err := p.lines(ctx, manifest.RecordPath(p.log, p.firsts[p.next-1]), want, found); err != nil {
			return err
		}
	}
	for _, e := range p.waiting {
		var record []byte
		if e.Record != "" {
			d, _ := clip.ParseDigest(e.Record)
			if record = found[d]; record == nil {
				p.lacking = append(p.lacking, e.N)
			}
		}
		if err := p.each(e, record); err != nil {
			return err
		}
	}
	p.waiting = p.waiting[:0]
	return nil
}

// lines reads the wanted records out of one file.
func (p *pairing) lines(ctx context.Context, path string, want map[clip.Digest]bool, found map[clip.Digest][]byte) error {
	f, err := store.OpenBare(ctx, p.run.Store, path)
	if err != nil {
		return &MismatchError{Cause: path + " " + p.run.unreadable(err)}
	}
	defer func() { _ = f.Close() }()
	in := newLineReader(f, maxRecord)
	for {
		line, err := in.next()
		switch {
		case err != nil:
			p.run.noticed(err)
			return &MismatchError{Cause: path + ": " + err.Error()}
		case line == nil:
			return ctx.Err()
		}
		if d := manifest.RecordDigest(line); want[d] {
			found[d] = bytes.Clone(line)
		}
	}
}

// excused refuses records that are gone and were not erased lawfully.
func (p *pairing) excused() error {
	for _, n := range p.lacking {
		if !p.erased[n] {
			p.run.unread.Store(true) // of several stores one that is away may have it
			return &MismatchError{Cause: fmt.Sprintf("the record of entry %s is missing or changed", ClipName(p.log, n))}
		}
	}
	return nil
}
