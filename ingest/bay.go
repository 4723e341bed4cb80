package ingest

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/custodock/custodock/configs"
)

// bay is what the board shows of one docking.
type bay struct {
	slot    string // what it is shown under
	public  string // the configured name, which may stand in entries; "" without one
	changed *broadcast

	central bool // the camera may go only when every clip is in central storage

	mu      sync.Mutex
	st      BayStatus
	waiting map[int64]bool // clips of this docking that wait for a store
	closed  bool
	broken  bool // the docking ended with an error
}

func (b *bay) update(f func(*BayStatus)) {
	b.mu.Lock()
	f(&b.st)
	b.mu.Unlock()
	b.changed.wake()
}

func (b *bay) status() BayStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.st
}

// await notes a clip that waits for the stores.
func (b *bay) await(n int64) {
	b.mu.Lock()
	b.waiting[n] = true
	b.mu.Unlock()
}

func (b *bay) clipStored(n int64) {
	b.mu.Lock()
	found := b.waiting[n]
	delete(b.waiting, n)
	if found {
		b.st.Stored++
		b.settle()
	}
	b.mu.Unlock()
	if found {
		b.changed.wake()
	}
}

// counting adds what is read through it to the bay's progress.
func (b *bay) counting(r io.Reader) io.Reader { return &counter{r, b} }

type counter struct {
	r io.Reader
	b *bay
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.b.update(func(st *BayStatus) { st.Bytes += int64(n) })
	return n, err
}

// newBay puts a docking on the board; the newest in a slot replaces the last.
func (s *Station) newBay(slot, name, path string, drop bool) *bay {
	b := &bay{slot: slot, changed: &s.change, central: s.conf().Policy == configs.PolicyCentral, waiting: map[int64]bool{}, st: BayStatus{
		Bay: name, Path: printable(path), Drop: drop, State: BayScanning, Opened: s.now(),
	}}
	s.mu.Lock()
	s.bays[slot] = b
	s.mu.Unlock()
	s.change.wake()
	return b
}

func (s *Station) allBays() []*bay {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*bay, 0, len(s.bays))
	for _, b := range s.bays {
		out = append(out, b)
	}
	return out
}

// removeBay clears the tile of a docking, if it is still the one shown.
func (s *Station) removeBay(b *bay) {
	s.mu.Lock()
	if s.bays[b.slot] == b {
		delete(s.bays, b.slot)
	}
	s.mu.Unlock()
	s.change.wake()
}

// clearSlot clears the tile of a place that is not served any more.
func (s *Station) clearSlot(slot string) {
	s.mu.Lock()
	delete(s.bays, slot)
	s.mu.Unlock()
	s.change.wake()
}

func (s *Station) bayStatus() []BayStatus {
	var out []BayStatus
	for _, b := range s.allBays() {
		out = append(out, b.status())
	}
	slices.SortFunc(out, func(a, b BayStatus) int {
		return strings.Compare(a.Bay+"\x00"+a.Path, b.Bay+"\x00"+b.Path)
	})
	return out
}

// broadcast wakes everyone who waits for news. It costs little where nobody does.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{} // nil as long as nobody waits
}

func (b *broadcast) wake() {
	b.mu.Lock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
	b.mu.Unlock()
}

func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

// changedAtMost is how often Changed returns while things go on.
const changedAtMost = 250 * time.Millisecond

// Changed blocks until something a Status shows has changed.
func (s *Station) Changed(ctx context.Context) error {
	select {
	case <-s.change.next():
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.pause(ctx, changedAtMost)
}
