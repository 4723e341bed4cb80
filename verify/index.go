package verify

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
)

// fact is what the log says of one clip. There are as many as clips, so it
// stays small; what few clips have stands in maps beside it.
type fact struct {
	n        int64
	size     int64
	digest   clip.Digest
	leaf     tlog.Hash
	disposed bool
	stored   bool // in the store that is verified
	lost     bool // its entry is gone; only others speak of it
}

// absence is a record that is in no record file.
type absence struct {
	n     int64
	about int64 // the clip it is about, -1 when it is about none
	typ   string
}

// index is what the entries of a log say of its clips.
type index struct {
	log      string
	path     func(n int64) string // of the file that entry n is in
	store    string               // name of the store whose versions are of interest
	bad      map[int64]string
	clips    []fact                  // by n
	objects  map[int64][]clip.Digest // stored bytes that are not the clip's own
	versions map[int64]string        // pinned version of the clip's object
	erased   map[int64]bool          // entries whose record was erased
	absent   []absence
	wrong    map[int64]string // the first thing wrong with a clip
	problems []Problem        // with what names no single clip
}

func newIndex(r *run, bad map[int64]string) *index {
	return &index{
		log: r.head.Log, store: r.StoreName, bad: bad,
		path:    func(n int64) string { return r.path(r.tileAt(-1, n/manifest.TileWidth)) },
		objects: map[int64][]clip.Digest{}, versions: map[int64]string{},
		erased: map[int64]bool{}, wrong: map[int64]string{},
	}
}

// ClipName is how people call the clip that entry n of log acquired.
func ClipName(log string, n int64) string { return manifest.Entry{Log: log, N: n}.Name() }

func (x *index) name(n int64) string { return ClipName(x.log, n) }

// find returns the clip that entry n acquired, nil when it is no clip.
func (x *index) find(n int64) *fact {
	i, ok := slices.BinarySearchFunc(x.clips, n, func(f fact, n int64) int { return int(min(max(f.n-n, -1), 1)) })
	if !ok {
		return nil
	}
	return &x.clips[i]
}

// parseName undoes ClipName for this log.
func (x *index) parseName(name string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, x.log+"-")
	n, ok2 := number(digits)
	return n, ok && ok2
}

// blame keeps the first thing that is wrong with clip n.
func (x *index) blame(n int64, format string, args ...any) {
	if x.wrong[n] == "" {
		x.wrong[n] = fmt.Sprintf(format, args...)
	}
}

// lose takes note that entry n cannot be believed. It becomes a clip when
// anything else says that it was one.
func (x *index) lose(n int64, why string) {
	if x.bad == nil {
		x.bad = map[int64]string{}
	}
	x.bad[n] = why
}

// suspect looks at an entry that is not what was signed, for names only.
func (x *index) suspect(e entry, why string) {
	if bytes.Contains(e.raw, []byte(`"clip.ingested"`)) {
		x.clips = append(x.clips, fact{n: e.n, lost: true})
		x.blame(e.n, "its entry %s", why)
	}
}

// add takes in one entry and returns the clip it is about, -1 when none.
func (x *index) add(e entry, leaf tlog.Hash) int64 {
	switch e.typ {
	case "clip.ingested":
		return x.ingested(e, leaf)
	case "record.erased":
		if e.target == x.log && e.targetN < e.n {
			x.erased[e.targetN] = true
		}
		return -1
	}
	n, ok := x.parseName(e.clip)
	if !ok {
		return -1 // about no clip, or one of another log
	}
	f := x.find(n)
	if f == nil {
		if why, bad := x.bad[n]; bad {
			x.missed(n, why)
			return n
		}
		x.problem(e.n, "speaks of %s, which is no clip of this log", x.name(n))
		return -1
	}
	if e.leaf != "" && e.leaf != hex.EncodeToString(f.leaf[:]) && !f.lost {
		x.blame(n, "entry %d (%s) speaks of another %s", e.n, e.typ, x.name(n))
	}
	switch e.typ {
	case "clip.stored":
		x.stored(f, e)
	case "clip.disposed":
		f.disposed = true
	}
	return n
}

func (x *index) ingested(e entry, leaf tlog.Hash) int64 {
	f := fact{n: e.n, leaf: leaf, size: e.size}
	var err error
	if f.digest, err = clip.ParseDigest(e.sha256); err != nil || e.size < 0 {
		f.lost = true
		x.blame(e.n, "its entry has no sha256 or no size")
	}
	x.clips = append(x.clips, f)
	return e.n
}

func (x *index) stored(f *fact, e entry) {
	if d, err := clip.ParseDigest(e.stored); err == nil && d != f.digest {
		x.objects[f.n] = append(x.objects[f.n], d)
	}
	if x.store != "" && e.store != x.store {
		return
	}
	f.stored = true
	if e.version != "" && x.store != "" {
		x.versions[f.n] = e.version
	}
}

// missed adds a clip that only a statement about it still tells of.
func (x *index) missed(n int64, why string) {
	i, found := slices.BinarySearchFunc(x.clips, n, func(f fact, n int64) int { return int(min(max(f.n-n, -1), 1)) })
	if !found {
		x.clips = slices.Insert(x.clips, i, fact{n: n, lost: true})
		x.blame(n, "its entry %s", why)
	}
}

func (x *index) problem(n int64, format string, args ...any) {
	x.problems = append(x.problems, wrongEntry(x.path(n), x.log, n, fmt.Sprintf(format, args...)))
}

// settle decides about records once all entries are known, and returns the
// problems that are no clip's.
func (x *index) settle() []Problem {
	for _, a := range x.absent {
		switch {
		case x.erased[a.n]:
		case a.about == a.n:
			x.blame(a.n, "its record is missing or changed")
		case a.about >= 0:
			x.blame(a.about, "the record of entry %d (%s) is missing or changed", a.n, a.typ)
		default:
			x.problem(a.n, "its record (%s) is missing or changed", a.typ)
		}
	}
	// An erasure that was announced and did not happen makes no difference.
	asked := x.erased
	x.erased = map[int64]bool{}
	for _, a := range x.absent {
		x.erased[a.n] = asked[a.n]
	}
	return x.problems
}
