package testbench

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// WireKind is a way in which a request over HTTP goes wrong.
type WireKind string

// The kinds. A request that was refused did not happen; one whose reply was
// lost did: a client that cannot tell them apart is the point of having both.
const (
	Refused        WireKind = "refused"         // the server never sees it; the answer is Status (503) with an S3 error as body, also for 200
	LostReply      WireKind = "lost reply"      // the server does it and answers in full; the client gets a reset, or Status with an S3 error
	ResetRequest   WireKind = "reset request"   // the connection breaks after N bytes of the request's body (half); without body the server never sees it
	FlippedRequest WireKind = "flipped request" // the lowest bit of byte N of the request's body is wrong
	CutReply       WireKind = "cut reply"       // the connection breaks after N bytes of the answer's body (half)
	ShortReply     WireKind = "short reply"     // the answer's body ends after N bytes (half), and its length says so
	LongReply      WireKind = "long reply"      // the answer's body has N bytes (1) more than the server sent, and its length says so
	FlippedReply   WireKind = "flipped reply"   // the lowest bit of byte N of the answer's body is wrong
	WrongChecksum  WireKind = "wrong checksum"  // the answer's x-amz-checksum headers are of other bytes; one is added where there is none
	Latency        WireKind = "latency"         // the request starts Delay later; other faults act on it as well
)

// WireFault is one programmed fault. Kinds that change an answer's body pass
// answers without body by.
type WireFault struct {
	Kind   WireKind
	Method string        // "" is every method
	Part   string        // what the escaped path and query contain: "uploadId=", "/bucket/key"
	Chance float64       // probability; 0 is certainty
	After  int           // how many matching requests pass before the first firing
	Times  int           // how often it fires; 0 is always
	Status int           // see Kind
	Code   string        // of the S3 error; "" is the usual one of the status
	N      int64         // see Kind
	Delay  time.Duration // see Kind
	Do     func()        // called at each firing, before its effect
}

// wireFaults are the faults of one line, and what passed it.
type wireFaults struct {
	mu      sync.Mutex
	dice    *rand.Rand
	all     []*armedWire
	fired   map[WireKind]int
	changed chan struct{} // closed at the next firing
	passed  []string      // "METHOD path?query" of what the server was asked
	carried []*carriage
}

type armedWire struct {
	WireFault
	seen, fired int
}

func newWireFaults(list []WireFault) *wireFaults {
	f := &wireFaults{fired: map[WireKind]int{}, changed: make(chan struct{})}
	f.Seed(1)
	f.Inject(list...)
	return f
}

// Seed starts the sequence that decides about faults with a Chance anew; at
// first it is 1.
func (f *wireFaults) Seed(seed uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dice = rand.New(rand.NewPCG(seed, 0))
}

// Inject adds faults; of those that are willing the first one acts.
func (f *wireFaults) Inject(list ...WireFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range list {
		f.all = append(f.all, &armedWire{WireFault: one})
	}
}

// Heal takes away the faults of these kinds, all of them when none is named.
func (f *wireFaults) Heal(kinds ...WireKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = slices.DeleteFunc(f.all, func(a *armedWire) bool {
		return len(kinds) == 0 || slices.Contains(kinds, a.Kind)
	})
}

// Fired says how often faults of a kind have acted.
func (f *wireFaults) Fired(k WireKind) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired[k]
}

// Await waits until faults of a kind have acted n times.
func (f *wireFaults) Await(t testing.TB, k WireKind, n int) {
	t.Helper()
	late := time.After(Patience)
	for {
		f.mu.Lock()
		got, changed := f.fired[k], f.changed
		f.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("fault %q fired %d times in %v, want %d", k, got, Patience, n)
		}
	}
}

// Passed counts the requests of a method ("" is every one) that were handed to
// the server and whose path and query contain part.
func (f *wireFaults) Passed(method, part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, line := range f.passed {
		m, uri, _ := strings.Cut(line, " ")
		if (method == "" || m == method) && strings.Contains(uri, part) {
			n++
		}
	}
	return n
}

func (f *wireFaults) pass(r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passed = append(f.passed, r.Method+" "+r.URL.RequestURI())
}

// count notes that something of a kind happened.
func (f *wireFaults) count(k WireKind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(k)
}

// note is count for one that holds the lock.
func (f *wireFaults) note(k WireKind) {
	f.fired[k]++
	close(f.changed)
	f.changed = make(chan struct{})
}

// pick fires the first willing fault of these kinds that matches, else nil.
func (f *wireFaults) pick(r *http.Request, kinds ...WireKind) *WireFault {
	f.mu.Lock()
	var found *armedWire
	for _, a := range f.all {
		if slices.Contains(kinds, a.Kind) && a.matches(r) && f.willing(a) {
			found = a
			a.fired++
			f.note(a.Kind)
			break
		}
	}
	f.mu.Unlock()
	if found == nil {
		return nil
	}
	if found.Do != nil {
		found.Do()
	}
	return &found.WireFault
}

func (a *armedWire) matches(r *http.Request) bool {
	return (a.Method == "" || a.Method == r.Method) && strings.Contains(r.URL.RequestURI(), a.Part)
}

// willing counts a matching request and decides about it.
func (f *wireFaults) willing(a *armedWire) bool {
	a.seen++
	if a.seen <= a.After || a.Times > 0 && a.fired >= a.Times {
		return false
	}
	return a.Chance == 0 || f.dice.Float64() < a.Chance
}
