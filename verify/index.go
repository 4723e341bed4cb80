package verify

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
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
	derived  bool // it is no clip, but was made from one
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
	clips    [][]fact                // by n, those of each bundle apart: nothing is copied as they grow
	objects  map[int64][]clip.Digest // stored bytes that are not the clip's own
	versions map[int64]string        // pinned version of the clip's object
	made     map[int64]int64         // of a derived file: the clip
	sm3      map[int64]clip.Digest   // of the bytes, where an entry says it
	erased   map[int64]bool          // entries whose record was erased
	absent   []absence
	wrong    map[int64]string // the first thing wrong with a clip
	problems []Problem        // with what names no single clip
	times    *timeline        // nil without time stamps
}

func newIndex(r *run, bad map[int64]string) *index {
	return &index{
		log: r.head.Log, store: r.StoreName, bad: bad,
		path:    func(n int64) string { return r.path(r.tileAt(-1, n/manifest.TileWidth)) },
		objects: map[int64][]clip.Digest{}, versions: map[int64]string{}, made: map[int64]int64{}, sm3: map[int64]clip.Digest{},
		erased: map[int64]bool{}, wrong: map[int64]string{},
	}
}

// ClipName is how people call the clip that entry n of log acquired.
func ClipName(log string, n int64) string { return manifest.Entry{Log: log, N: n}.Name() }

func (x *index) name(n int64) string { return ClipName(x.log, n) }

// room makes place for the clips of the next bundle.
func (x *index) room(b *bundle) {
	clips := 0
	for _, e := range b.entries {
		if e.typ == "clip.ingested" {
			clips++
		}
	}
	n := int(b.tile.N)
	x.reach(n)
	x.clips[n] = slices.Grow(x.clips[n], clips)
}

func (x *index) reach(bundle int) {
	for len(x.clips) <= bundle {
		x.clips = append(x.clips, nil)
	}
}

// put adds a clip, unless it is there: a statement may have told of it first.
func (x *index) put(f fact) {
	b := int(f.n / manifest.TileWidth)
	x.reach(b)
	i, found := slices.BinarySearchFunc(x.clips[b], f.n, compareFact)
	if !found {
		x.clips[b] = slices.Insert(x.clips[b], i, f)
	}
}

func compareFact(f fact, n int64) int { return cmp.Compare(f.n, n) }

// find returns the clip that entry n acquired, nil when it is no clip.
func (x *index) find(n int64) *fact {
	b := n / manifest.TileWidth
	if n < 0 || b >= int64(len(x.clips)) {
		return nil
	}
	i, ok := slices.BinarySearchFunc(x.clips[b], n, compareFact)
	if !ok {
		return nil
	}
	return &x.clips[b][i]
}

// all yields every clip in the order of the log.
func (x *index) all() iter.Seq[fact] {
	return func(yield func(fact) bool) {
		for _, clips := range x.clips {
			for _, f := range clips {
				if !yield(f) {
					return
				}
			}
		}
	}
}

// parseName undoes ClipName for this log.
func (x *index) parseName(name string) (int64, bool) {
	rest, ok := strings.CutPrefix(name, x.log)
	digits, ok2 := strings.CutPrefix(rest, "-")
	n, ok3 := number(digits)
	return n, ok && ok2 && ok3
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
		x.put(fact{n: e.n, lost: true})
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
	if f == nil || f.derived {
		if why, bad := x.bad[n]; bad {
			x.missed(n, why)
			return n
		}
		x.problem(e.n, "speaks of %s, which is no clip of this log", x.name(n))
		return -1
	}
	if said, err := clip.ParseDigest(e.leaf); e.leaf != "" && (err != nil || tlog.Hash(said) != f.leaf) && !f.lost {
		x.blame(n, "entry %d (%s) speaks of another %s", e.n, e.typ, x.name(n))
	}
	switch e.typ {
	case "clip.derived":
		x.derivation(e, leaf, n)
	case "derived.stored":
		if made := x.find(e.derived); made != nil && made.derived {
			x.stored(made, e)
		} else {
			x.problem(e.n, "speaks of %s, which is no derived file of this log", x.name(e.derived))
		}
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
	x.put(f)
	x.claim(e)
	return e.n
}

// derivation adds a file that was made from clip of; its object is proved like a
// clip's.
func (x *index) derivation(e entry, leaf tlog.Hash, of int64) {
	f := fact{n: e.n, leaf: leaf, size: e.size, derived: true}
	var err error
	if f.digest, err = clip.ParseDigest(e.sha256); err != nil || e.size < 0 {
		f.lost = true
		x.blame(e.n, "its entry has no sha256 or no size")
	}
	x.put(f)
	x.claim(e)
	x.made[e.n] = of
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
		x.versions[f.n] = strings.Clone(e.version)
	}
}

// missed adds a clip that only a statement about it still tells of.
func (x *index) missed(n int64, why string) {
	x.put(fact{n: n, lost: true})
	x.blame(n, "its entry %s", why)
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
