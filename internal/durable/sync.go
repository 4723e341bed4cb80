package durable

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A sync that several shared is followed by one that waits for more: as long as
// another caller joins in each gatherStep, and gatherMost at most. A caller who
// is alone never waits.
const (
	gatherStep = 2 * time.Millisecond
	gatherMost = 20 * time.Millisecond
)

// Syncer makes everything written to one file system durable, for many callers
// at the price of one syncfs(2). Since Linux 5.8 that call also reports write
// errors which happened since the directory was opened.
type Syncer struct {
	dir    *os.File
	syncfs func() error // replaced by tests

	mu      sync.Mutex
	next    *flight // collects callers until it starts; nil when nobody waits
	last    int     // callers of the flight before
	running bool
	closed  bool
	broken  error          // the first failure, for ever
	idle    sync.WaitGroup // the goroutine of run
}

// flight is one syncfs and those who wait for it.
type flight struct {
	callers int
	done    chan struct{}
	err     error // valid once done is closed
}

// NewSyncer opens dir, whose file system Sync is about.
func NewSyncer(dir string) (*Syncer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return NewSyncerOn(f), nil
}

// NewSyncerOn is NewSyncer for an open directory; Close closes it.
func NewSyncerOn(dir *os.File) *Syncer {
	s := &Syncer{dir: dir}
	s.syncfs = func() error {
		return ignoringEINTR(func() error { return unix.Syncfs(int(dir.Fd())) })
	}
	return s
}

// Sync returns nil after a syncfs that started after the call. Once one has
// failed every later call returns its error: the kernel forgets pages it could
// not write, so a later success would say nothing about them. When ctx ends
// first nothing is known.
func (s *Syncer) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := s.join()
	if err != nil {
		return err
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Syncer) join() (*flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("sync: %w", os.ErrClosed)
	}
	if s.broken != nil {
		return nil, s.broken
	}
	if s.next == nil {
		s.next = &flight{done: make(chan struct{})}
	}
	f := s.next
	f.callers++
	if !s.running {
		s.running = true
		s.idle.Add(1)
		go s.run()
	}
	return f, nil
}

// run works until nobody waits. A caller that comes while syncfs runs joins the
// flight after it, since its writes may be too late for this one.
func (s *Syncer) run() {
	defer s.idle.Done()
	for {
		s.gather()
		s.mu.Lock()
		f := s.next
		s.next = nil
		s.running = f != nil
		if f != nil {
			s.last = f.callers
		}
		s.mu.Unlock()
		if f == nil {
			return
		}
		f.err = s.once()
		close(f.done)
	}
}

// gather gives those who are about to come the time to do so: with each of them
// the file system writes out its journal once less.
func (s *Syncer) gather() {
	for before, waited := 0, time.Duration(0); waited < gatherMost; waited += gatherStep {
		s.mu.Lock()
		callers := 0
		if s.next != nil {
			callers = s.next.callers
		}
		stop := s.last <= 1 || callers == before
		s.mu.Unlock()
		if stop {
			return
		}
		before = callers
		time.Sleep(gatherStep)
	}
}

// once does not sync again after a failure, even for those who joined before it.
func (s *Syncer) once() error {
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != nil {
		return broken
	}
	err := s.syncfs()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("sync file system of %s: %w", s.dir.Name(), err)
	s.mu.Lock()
	s.broken = err
	s.mu.Unlock()
	return err
}

// Close waits for the syncs under way and refuses new ones with os.ErrClosed.
func (s *Syncer) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.idle.Wait()
	return s.dir.Close()
}
