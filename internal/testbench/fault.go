package testbench

import (
	"context"
	"sync"
	"syscall"
	"time"
)

// Kind is a way in which a camera misbehaves.
type Kind string

// The kinds. What is said of bytes holds for read requests as the kernel makes
// them, at most 512 KiB each.
const (
	ReadError Kind = "read error" // reads in [At, At+N) fail with Errno (EIO, N 1); bytes before At are still given
	EarlyEOF  Kind = "early eof"  // the file ends at At though its size says more; no error
	ShortRead Kind = "short read" // a read gives at most N bytes (1)
	BitFlip   Kind = "bit flip"   // the lowest bit of the byte At is wrong
	Differ    Kind = "differ"     // the byte At is another one at each opening but the first
	Grow      Kind = "grow"       // size and contents grow by N bytes (1) at each stat
	Hang      Kind = "hang"       // reads that reach At or start past it wait for Heal or a signal
	HangDeaf  Kind = "hang deaf"  // the same, and no signal ends them (D state), only Heal and Unplug
	Slow      Kind = "slow"       // reads take their time: N bytes a second, each read for itself
	Paced     Kind = "paced"      // all reads of what Path names share N bytes a second, as those of one card do
	OpenError Kind = "open error" // opening fails with Errno (EIO)
	ListError Kind = "list error" // a listing fails with Errno (EIO) after At names
	ListEmpty Kind = "list empty" // a listing is empty and no error is told
	EraseFail Kind = "erase fail" // unlink fails with Errno (EROFS)
	EraseLost Kind = "erase lost" // unlink says done and does nothing
)

// Fault is one programmed misbehaviour.
type Fault struct {
	Path  string // slash-separated, relative to the camera; "" is its root, "*" is everything
	Kind  Kind
	At    int64         // bytes from the start; names for ListError
	N     int64         // see Kind
	After int           // how many matching operations pass before the first firing
	Times int           // how often it fires; 0 is always
	Errno syscall.Errno // see Kind
	Do    func()        // called at each firing, before its effect
}

// armed is a fault and its life on one camera.
type armed struct {
	Fault
	seen, fired int
	healed      chan struct{}
	free        time.Time // of Paced: when the next byte may go
}

func (a *armed) errno(other syscall.Errno) syscall.Errno {
	if a.Errno != 0 {
		return a.Errno
	}
	return other
}

// n is N, or 1 when it was not given.
func (a *armed) n() int64 { return max(a.N, 1) }

// faults are all faults of one camera.
type faults struct {
	mu      sync.Mutex
	all     []*armed
	fired   map[Kind]int
	changed chan struct{} // closed at the next firing
}

func newFaults() *faults {
	return &faults{fired: map[Kind]int{}, changed: make(chan struct{})}
}

func (f *faults) add(list []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range list {
		f.all = append(f.all, &armed{Fault: one, healed: make(chan struct{})})
	}
}

// heal takes the faults of these kinds away, all without any, and lets go of
// the reads they hold.
func (f *faults) heal(kinds []Kind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.all[:0]
	for _, a := range f.all {
		if len(kinds) == 0 || contains(kinds, a.Kind) {
			close(a.healed)
			continue
		}
		kept = append(kept, a)
	}
	clear(f.all[len(kept):])
	f.all = kept
}

func contains(kinds []Kind, k Kind) bool {
	for _, one := range kinds {
		if one == k {
			return true
		}
	}
	return false
}

// armedAt finds the faults of one kind that stand at path, fired or not.
func (f *faults) armedAt(path string, k Kind) []*armed {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []*armed
	for _, a := range f.all {
		if a.Kind == k && (a.Path == path || a.Path == "*") {
			found = append(found, a)
		}
	}
	return found
}

// fire counts a matching operation and reports whether the fault acts on it.
func (f *faults) fire(a *armed) bool {
	f.mu.Lock()
	a.seen++
	if a.seen <= a.After || a.Times > 0 && a.fired >= a.Times {
		f.mu.Unlock()
		return false
	}
	a.fired++
	f.fired[a.Kind]++
	close(f.changed)
	f.changed = make(chan struct{})
	f.mu.Unlock()
	if a.Do != nil {
		a.Do()
	}
	return true
}

// ahead is how much of its time a paced device makes up for when nobody asked it:
// what the kernel has read ahead by then.
const ahead = 30 * time.Millisecond

// reserve gives size bytes their time on a paced device and says how long they
// wait for it.
func (f *faults) reserve(a *armed, size int) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if late := now.Add(-ahead); a.free.Before(late) {
		a.free = late
	}
	a.free = a.free.Add(time.Duration(int64(size) * int64(time.Second) / a.n()))
	return a.free.Sub(now)
}

// spent reports whether the fault will never fire again.
func (f *faults) spent(a *armed) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return a.Times > 0 && a.fired >= a.Times
}

// first fires the first fault of this kind at path that is willing, else nil.
func (f *faults) first(path string, k Kind) *armed {
	for _, a := range f.armedAt(path, k) {
		if f.fire(a) {
			return a
		}
	}
	return nil
}

// count says how often a kind has fired, and gives a channel that is closed
// when it may be more.
func (f *faults) count(k Kind) (int, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired[k], f.changed
}

// pause waits d, or less when the fault is healed or the caller interrupted.
func (a *armed) pause(ctx context.Context, d time.Duration) syscall.Errno {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.healed:
	case <-ctx.Done():
		return syscall.EINTR
	}
	return 0
}
