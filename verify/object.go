package verify

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/store"
)

// state is what became of hashing one object.
type state uint8

const (
	unread state = iota
	whole
	absent
	damaged
	failed
)

// object is what was found where an object belongs.
type object struct {
	size  int64 // bytes read
	state state
	both  bool // it is hashed with SM3 too, since an entry says one of it
}

// plan is which clips to report and which objects they need.
type plan struct {
	*index
	clips   iter.Seq[fact]
	total   int                 // of clips
	digests []clip.Digest       // of all objects needed, sorted
	objects []object            // in the same order, once they have been read
	claimed []bool              // objects that are being read or have been
	trouble map[int]string      // by place in objects: why one could not be read
	sm3s    map[int]clip.Digest // by place too: of those that were hashed both ways
	unknown []string            // names asked for that are no clips
}

// newPlan selects the clips that were asked for, all when no name is given.
func newPlan(x *index, names []string) *plan {
	p := &plan{index: x, clips: x.all(), trouble: map[int]string{}, sm3s: map[int]clip.Digest{}}
	if len(names) > 0 {
		var chosen []fact
		for _, name := range names {
			n, ok := x.parseName(name)
			if f := x.find(n); ok && f != nil {
				chosen = append(chosen, *f)
			} else {
				p.unknown = append(p.unknown, name)
			}
		}
		p.clips = slices.Values(chosen)
	}
	needed := 0
	for f := range p.clips {
		p.total++
		for range p.needs(f) {
			needed++
		}
	}
	p.digests = make([]clip.Digest, 0, needed) // once: growing would hold it twice
	for f := range p.clips {
		for d := range p.needs(f) {
			p.digests = append(p.digests, d)
		}
	}
	slices.SortFunc(p.digests, compareDigests)
	p.digests = slices.Compact(p.digests)
	p.objects = make([]object, len(p.digests))
	p.claimed = make([]bool, len(p.digests))
	p.sumBoth()
	return p
}

// needs yields the objects that can prove a clip, that of its own bytes first.
func (p *plan) needs(f fact) iter.Seq[clip.Digest] {
	return func(yield func(clip.Digest) bool) {
		if f.lost || !yield(f.digest) {
			return
		}
		for _, d := range p.index.objects[f.n] {
			if !yield(d) {
				return
			}
		}
	}
}

func (p *plan) place(d clip.Digest) (int, bool) {
	return slices.BinarySearchFunc(p.digests, d, compareDigests)
}

func compareDigests(a, b clip.Digest) int { return bytes.Compare(a[:], b[:]) }

// task is one clip on its way through the readers, with the objects that no
// clip before it has brought up.
type task struct {
	fact
	readings []reading
}

// reading is what reading one object gave.
type reading struct {
	object
	place int
	sm3   clip.Digest
	err   error
}

// objects hashes what the clips need, each object once, and reports them in
// the order of the plan.
func (r *run) objects(ctx context.Context, p *plan) error {
	for _, name := range p.unknown {
		if err := r.emit(Result{Clip: name, Result: Missing, Problem: "no such clip in log " + r.head.Log}); err != nil {
			return err
		}
	}
	var done, read int64
	pool := hash.NewPool(sm3Buffers * r.workers())
	emit := func(t *task) error {
		var size int64
		for _, o := range t.readings {
			p.objects[o.place] = o.object
			size += o.size
			if o.err != nil {
				p.trouble[o.place] = o.err.Error()
			}
			if o.both && o.state == whole {
				p.sm3s[o.place] = o.sm3
			}
		}
		done++
		read += t.size
		if r.Progress != nil {
			r.Progress(done, int64(p.total), read)
		}
		res := p.judge(t.fact)
		res.Bytes = size
		r.report.Bytes += size
		return r.emit(res)
	}
	return ordered(ctx, r.workers(), p.tasks, func(ctx context.Context, t *task) (*task, error) {
		for i := range t.readings {
			o := &t.readings[i]
			r.hashObject(ctx, p, t.fact, o, pool)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err := r.lost(ctx, o.object); err != nil {
				return nil, err
			}
		}
		return t, nil
	}, emit)
}

// tasks yields a task a clip; it is called from one goroutine.
func (p *plan) tasks(yield func(*task) bool) {
	for f := range p.clips {
		t := &task{fact: f}
		for d := range p.needs(f) {
			if k, ok := p.place(d); ok && !p.claimed[k] {
				p.claimed[k] = true
				t.readings = append(t.readings, reading{object: p.objects[k], place: k})
			}
		}
		if !yield(t) {
			return
		}
	}
}

// judge says what is proved of a clip, once its objects have been read.
func (p *plan) judge(f fact) Result {
	res := Result{Clip: p.name(f.n), Result: Mismatch, Problem: p.wrong[f.n]}
	p.times.put(f.n, &res)
	if f.derived {
		res.Of = p.name(p.made[f.n])
	}
	if f.lost {
		return res
	}
	res.SHA256 = f.digest.String()
	if res.Problem != "" {
		return res
	}
	found := false
	for d := range p.needs(f) {
		k, _ := p.place(d)
		o := p.objects[k]
		found = found || o.state == whole
		switch {
		case o.state == damaged:
			res.Problem = store.Name(d) + " has other bytes than its name says"
			return res
		case o.state == failed:
			res.Result, res.Problem = Missing, store.Name(d)+" cannot be read: "+p.trouble[k]
			return res
		case o.state == whole && d == f.digest && o.size != f.size:
			res.Problem = fmt.Sprintf("its entry says %d bytes, its object has %d", f.size, o.size)
			return res
		}
	}
	if !p.agrees(f, &res) {
		res.Problem = store.Name(f.digest) + " has another SM3 than the clip when it was recorded"
		return res
	}
	return p.verdict(f, res, found)
}

func (p *plan) verdict(f fact, res Result, found bool) Result {
	switch {
	case f.disposed:
		res.Result = Disposed
	case found && p.erased[f.n]:
		res.Result = RecordErased
	case found:
		res.Result = OK
	case f.stored:
		res.Result, res.Problem = Missing, store.Name(f.digest)+" is missing"
	default:
		res.Result, res.Problem = Missing, store.Name(f.digest)+" is missing and the log does not say that it was stored here"
	}
	return res
}
