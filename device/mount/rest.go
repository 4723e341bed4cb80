package mount

import (
	"time"

	"github.com/custodock/custodock/device"
)

// state is what must stay as it is for a file to be at rest. The change time is
// the kernel's own, so that a program which sets the modification time back is
// noticed.
type state struct {
	size         int64
	mtime, ctime time.Time
	ino          uint64
}

// seen is one file of a drop folder: its state, since when, and whether that
// state was already reported.
type seen struct {
	state state
	since time.Time
	told  bool
	round int // the listing that saw it last
}

// rest decides, from listings and the time alone, which files have been left
// unchanged for long enough.
type rest struct {
	quiet time.Duration
	files map[string]*seen
	round int
}

func newRest(quiet time.Duration) *rest {
	return &rest{quiet: quiet, files: map[string]*seen{}}
}

// begin opens a listing.
func (r *rest) begin() { r.round++ }

// saw takes one file of the listing and reports whether it just came to rest.
func (r *rest) saw(f device.File, now time.Time) bool {
	st := state{size: f.Size, mtime: f.ModTime, ctime: f.ChangeTime, ino: f.Ino}
	s := r.files[f.Path]
	if s == nil {
		s = &seen{}
		r.files[f.Path] = s
	}
	if s.since.IsZero() || s.state != st {
		*s = seen{state: st, since: now}
	}
	s.round = r.round
	return !s.told && now.Sub(s.since) >= r.quiet
}

// tell notes that the file was reported: it is not again until it changes.
func (r *rest) tell(path string) { r.files[path].told = true }

// again starts the quiet period of a file anew: it could not be taken.
func (r *rest) again(path string, now time.Time) { r.files[path].since = now }

// end forgets the files a complete listing did not see.
func (r *rest) end() {
	for path, s := range r.files {
		if s.round != r.round {
			delete(r.files, path)
		}
	}
}

// wait returns how long from now until the next file of the last listing can be
// at rest; false when none is on its way.
func (r *rest) wait(now time.Time) (time.Duration, bool) {
	least, any := r.quiet, false
	for _, s := range r.files {
		if !s.told && s.round == r.round {
			least, any = min(least, s.since.Add(r.quiet).Sub(now)), true
		}
	}
	return max(least, 0), any
}
