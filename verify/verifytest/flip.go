package verifytest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"github.com/custodock/custodock/verify"
)

const (
	// MaxHeap is what one check of something small may allocate, in bytes. What it
	// gives back on the way counts as well, so it never holds more either.
	MaxHeap = 64 << 20

	// MaxTime is what it may take on a busy machine: far more than it does.
	MaxTime = 20 * time.Second

	// sparse is the stride where all bits would take too long. It has no divisor in
	// common with 8, so that each bit of a byte has its turn.
	sparse = 61
)

// Pass is a stretch of a file in which a specification lets a changed bit pass.
type Pass struct {
	File     string
	From, To int    // bytes, To not included
	Why      string // the specification, and why nothing is lost
}

// Flips changes evidence bit by bit and counts what is said to it.
type Flips struct {
	Refused int
	Passed  map[string]int // by Pass.Why

	t      testing.TB
	stride int
	passes []Pass
	heap   uint64 // the most that one check took
	took   time.Duration
}

// NewFlips takes all bits, with -short or the race detector one of many.
func NewFlips(t testing.TB, passes ...Pass) *Flips {
	f := &Flips{Passed: map[string]int{}, t: t, stride: 1, passes: passes}
	if testing.Short() || raced {
		f.stride = sparse
	}
	// Each check is small; most of the time would go to collecting between them.
	percent := debug.SetGCPercent(1000)
	t.Cleanup(func() { debug.SetGCPercent(percent) })
	return f
}

// Each has put change one bit after the other of what stands in file, calls check,
// and puts back what was there. A check must refuse with ErrMismatch, or the bit
// must lie in a Pass.
func (f *Flips) Each(file string, data []byte, put func(at int, b byte), check func() error) {
	f.t.Helper()
	for bit := 0; bit < len(data)*8; bit += f.stride {
		at, was := bit/8, data[bit/8]
		put(at, was^1<<(bit%8))
		heap, took, err := bounded(f.t, fmt.Sprintf("bit %d of byte %d of %s", bit%8, at, file), check)
		put(at, was)
		f.heap, f.took = max(f.heap, heap), max(f.took, took)
		if errors.Is(err, verify.ErrMismatch) {
			f.Refused++
			continue
		}
		why := f.allowed(file, at)
		if err != nil || why == "" {
			f.t.Errorf("bit %d of byte %d of %s (%q): %v", bit%8, at, file, around(data, at), err)
		}
		f.Passed[why]++
	}
}

// Memory is Each for every file of a store in memory.
func (f *Flips) Memory(m Memory, check func() error) {
	f.t.Helper()
	for name, whole := range m {
		broken := append([]byte(nil), whole...)
		m[name] = broken
		f.Each(name, whole, func(at int, b byte) { broken[at] = b }, check)
		m[name] = whole
	}
}

// Patch is whole with some bytes from at on in the place of the cut that stood there:
// what a fuzzer may do to evidence whose keys are new each time.
func Patch(whole []byte, at, cut uint16, with []byte) []byte {
	from := int(at) % (len(whole) + 1)
	return slices.Concat(whole[:from], with, whole[min(from+int(cut), len(whole)):])
}

func (f *Flips) allowed(file string, at int) string {
	for _, p := range f.passes {
		if p.File == file && at >= p.From && at < p.To {
			return p.Why
		}
	}
	return ""
}

func around(data []byte, at int) []byte { return data[max(0, at-20):min(len(data), at+20)] }

// Bounded runs one check and holds it to MaxHeap and MaxTime.
func Bounded(t testing.TB, what string, check func() error) error {
	t.Helper()
	_, _, err := bounded(t, what, check)
	return err
}

func bounded(t testing.TB, what string, check func() error) (heap uint64, took time.Duration, err error) {
	t.Helper()
	before, start := allocated(), time.Now()
	err = check()
	took, heap = time.Since(start), allocated()-before
	if heap > MaxHeap || took > MaxTime {
		t.Errorf("%s: the check takes %d bytes and %v", what, heap, took)
	}
	return heap, took, err
}

// allocated is all that the program has ever taken from the heap.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Done reports what was found. A Pass by which nothing passes is one too many, and
// so few refusals mean that the evidence was not there; with a stride neither
// can be told.
func (f *Flips) Done() {
	f.t.Helper()
	f.t.Logf("%d refused, at most %d KiB and %v a check", f.Refused, f.heap>>10, f.took)
	for why, n := range f.Passed {
		f.t.Logf("%d pass: %s", n, why)
	}
	if f.stride > 1 {
		return
	}
	for _, p := range f.passes {
		if f.Passed[p.Why] == 0 {
			f.t.Errorf("nothing passes by %q", p.Why)
		}
	}
}
