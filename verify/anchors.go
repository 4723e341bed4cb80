package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/store"
)

// entryTime is how a time stands in an entry.
const entryTime = "2006-01-02T15:04:05.000Z"

// anchored is what a log.anchor says.
type anchored struct {
	n, size         int64
	sum, tsr, roots string
	time            string
}

func anchorOf(e entry) anchored {
	return anchored{
		n: e.n, size: e.size, sum: strings.Clone(e.sha256), tsr: strings.Clone(e.tsr), roots: strings.Clone(e.roots), time: strings.Clone(e.time),
	}
}

// evidence is what stands under checkpoints/ for one size.
type evidence struct {
	sealing  // what the time stamp says
	path     string
	note     []byte // nil when it is missing or cannot be read, and once it was looked at
	problems []Problem
	sum, tsr string // of checkpoint and stamp, "" where they could not be read
	stamped  bool   // there is a time stamp
	holds    bool   // it does, and its checkpoint is of this log
}

func (e *evidence) add(file, format string, args ...any) {
	e.problems = append(e.problems, Problem{File: file, Problem: fmt.Sprintf(format, args...)})
}

// checkpoints checks the checkpoints and time stamps beside the log, and that they
// are those that the log names. Each must be a prefix of the newest, where the
// entries have shown what the roots are.
func (s *scan) checkpoints(ctx context.Context, rooted bool) error {
	s.roots[0], _ = tlog.TreeHash(0, nil)
	sizes := slices.Concat(s.fs.checkpoints, s.fs.stamps)
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	found := map[int64]*evidence{}
	work := func(ctx context.Context, size int64) (*evidence, error) { return s.look(ctx, size) }
	err := ordered(ctx, s.workers(), slices.Values(sizes), work, func(e *evidence) error {
		s.prefix(ctx, e, rooted)
		found[e.size] = e
		return nil
	})
	if err != nil {
		return err
	}
	for _, a := range s.anchors {
		s.named(a, found)
	}
	var sealings []sealing
	for _, size := range sizes {
		e := found[size]
		s.report.Problems = append(s.report.Problems, e.problems...)
		if e.holds {
			s.report.note(e.sealing, s.Roots != nil)
			sealings = append(sealings, e.sealing)
		}
	}
	if len(sealings) > 0 {
		s.index.times = newTimeline(sealings)
	}
	s.cosignedBy(s.newest.path, s.newest.note)
	return s.rootFiles(ctx)
}

// look reads what stands under checkpoints/ for a size, and checks the stamp by
// itself: its form, its signature, and its chain where roots were given.
func (s *scan) look(ctx context.Context, size int64) (*evidence, error) {
	e := &evidence{sealing: sealing{size: size, n: -1}, path: manifest.LogPath(s.head.Log, fmt.Sprintf("checkpoints/%d", size))}
	_, e.stamped = slices.BinarySearch(s.fs.stamps, size)
	raw, err := store.ReadBare(ctx, s.Store, e.path, maxSmall)
	switch {
	case err == nil:
		e.note, e.sum = raw, hexSum(raw)
	case errors.Is(err, store.ErrNotExist) && e.stamped:
		e.add(e.path, "is missing, but its time stamp is there")
	default:
		e.add(e.path, "%s", s.unreadable(err))
	}
	if e.stamped && e.note != nil {
		path := e.path + ".tsr"
		reply, err := store.ReadBare(ctx, s.Store, path, stamp.MaxReply)
		switch {
		case err != nil:
			e.add(path, "%s", s.unreadable(err))
		default:
			e.tsr = hexSum(reply)
			s.judgeStamp(e, path, reply)
		}
	}
	return e, ctx.Err()
}

func (s *scan) judgeStamp(e *evidence, path string, reply []byte) {
	st, err := stamp.Parse(reply)
	if err == nil {
		err = st.Over(e.note)
	}
	if err != nil {
		e.add(path, "is no time stamp over its checkpoint: %v", err)
		return
	}
	e.time, e.accuracy, e.authority, e.until = st.Time, st.Accuracy, strings.Clone(st.Authority()), st.Expires()
	if s.Roots != nil {
		if e.until, err = st.Chain(s.Roots); err != nil {
			e.add(path, "is a time stamp of %q, which does not count: %v", e.authority, err)
			return
		}
	}
	e.holds = true
}

// prefix reports whether a checkpoint is one that this log has had.
func (s *scan) prefix(ctx context.Context, e *evidence, rooted bool) {
	if e.note == nil {
		return
	}
	var c manifest.Checkpoint
	err := s.signed(func(v note.Verifier) (err error) {
		c, err = manifest.OpenCheckpoint(e.note, s.head.Checkpoint.Origin, v)
		return err
	})
	switch {
	case err != nil:
		e.add(e.path, "%v", err)
	case c.Size != e.size:
		e.add(e.path, "is a checkpoint of %d entries", c.Size)
	case e.size > s.head.Checkpoint.Size && s.grew(ctx, e.size):
		e.note, e.holds = nil, false // it came after the log was opened
		return
	case e.size > s.head.Checkpoint.Size:
		e.add(e.path, "is signed and has %d entries, the newest checkpoint only %d: the log was cut short", e.size, s.head.Checkpoint.Size)
	case rooted && c.Root != s.roots[e.size]:
		e.add(e.path, "is signed, but the log had another history: it is forked")
	default:
		s.newest.path, s.newest.note = e.path, e.note // sizes ascend
	}
	e.note, e.holds = nil, e.holds && len(e.problems) == 0
}

// grew reports whether the log has as many entries by now.
func (s *scan) grew(ctx context.Context, size int64) bool {
	now, err := Open(ctx, s.Options)
	return err == nil && now.Checkpoint.Size >= size
}

// named compares what a log.anchor names with what is there.
func (s *scan) named(a anchored, found map[int64]*evidence) {
	path := manifest.LogPath(s.head.Log, fmt.Sprintf("checkpoints/%d", a.size))
	wrong := func(file, format string, args ...any) {
		s.report.add(file, format+": entry %d (log.anchor) names another", append(args, a.n)...)
	}
	e := found[a.size]
	if e == nil {
		s.report.add(path, "is missing, but entry %d (log.anchor) names it", a.n)
		return
	}
	good := e.sum == "" || a.sum == e.sum
	if !good {
		wrong(path, "has the digest %s", e.sum)
	}
	switch {
	case a.tsr == "":
	case !e.stamped:
		s.report.add(path+".tsr", "is missing, but entry %d (log.anchor) names it", a.n)
	case e.tsr != "" && a.tsr != e.tsr:
		good = false
		wrong(path+".tsr", "has the digest %s", e.tsr)
	case e.holds && a.time != "" && a.time != e.time.Format(entryTime):
		good = false
		s.report.add(path+".tsr", "is of %s, but entry %d (log.anchor) says %q", e.time.Format(entryTime), a.n, a.time)
	default:
		e.n = a.n
	}
	if a.size > a.n {
		good = false
		s.report.add(path, "is named by entry %d, which it covers", a.n)
	}
	e.holds = e.holds && good
	if a.roots != "" {
		if d, err := clip.ParseDigest(a.roots); err != nil || !slices.Contains(s.fs.roots, d) {
			s.report.add(manifest.LogPath(s.head.Log, "tsa/"+a.roots+".pem"), "is missing, but entry %d (log.anchor) names it", a.n)
		}
	}
}

// rootFiles checks that the roots beside the log have the digests they are called by.
func (s *scan) rootFiles(ctx context.Context) error {
	for _, d := range s.fs.roots {
		path := manifest.LogPath(s.head.Log, "tsa/"+d.String()+".pem")
		text, err := store.ReadBare(ctx, s.Store, path, maxSmall)
		switch {
		case err != nil:
			s.report.add(path, "%s", s.unreadable(err))
		case hexSum(text) != d.String():
			s.report.add(path, "has other bytes than its name says")
		}
	}
	return ctx.Err()
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
