package durable

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// gated is a syncfs that tells when it starts and ends when told.
type gated struct {
	calls  atomic.Int32
	finish chan error
}

func newGated(t *testing.T) (*Syncer, *gated) {
	t.Helper()
	s, err := NewSyncer(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := &gated{finish: make(chan error)}
	s.syncfs = func() error {
		g.calls.Add(1)
		return <-g.finish
	}
	return s, g
}

func TestSyncWaitsForALaterOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newGated(t)
		first, late := make(chan error, 1), make(chan error, 100)
		go func() { first <- s.Sync(t.Context()) }()
		synctest.Wait()
		for range cap(late) {
			go func() { late <- s.Sync(t.Context()) }()
		}
		synctest.Wait()
		if n := g.calls.Load(); n != 1 {
			t.Fatalf("%d calls under way, want 1", n)
		}
		g.finish <- nil
		synctest.Wait()
		if len(first) != 1 || len(late) != 0 {
			t.Fatalf("after the first sync %d and %d returned, want 1 and 0", len(first), len(late))
		}
		g.finish <- nil
		synctest.Wait()
		if n := g.calls.Load(); n != 2 || len(late) != cap(late) {
			t.Fatalf("%d callers shared %d calls, want all 100 and 2", len(late), n)
		}
		for range cap(late) {
			if err := <-late; err != nil {
				t.Error(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSyncErrorSticks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newGated(t)
		boom := errors.New("input/output error")
		errs := make(chan error, 2)
		go func() { errs <- s.Sync(t.Context()) }()
		synctest.Wait()
		go func() { errs <- s.Sync(t.Context()) }()
		synctest.Wait()
		g.finish <- boom
		synctest.Wait()
		for range 2 {
			if err := <-errs; !errors.Is(err, boom) {
				t.Errorf("%v, want the failure", err)
			}
		}
		if err := s.Sync(t.Context()); !errors.Is(err, boom) {
			t.Errorf("later: %v, want the failure again", err)
		}
		if n := g.calls.Load(); n != 1 {
			t.Errorf("%d calls: a failed sync was tried again", n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSyncContextAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := newGated(t)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() { errs <- s.Sync(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled wait: %v", err)
		}
		if err := s.Sync(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before: %v", err)
		}
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		synctest.Wait()
		if len(closed) != 0 {
			t.Error("close did not wait for the sync under way")
		}
		g.finish <- nil
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if err := s.Sync(t.Context()); !errors.Is(err, os.ErrClosed) {
			t.Errorf("after close: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
}

func TestSyncForReal(t *testing.T) {
	s, err := NewSyncer(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Sync(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := NewSyncer("/nowhere/at/all"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
}

// TestSyncGathers: under load few syncs serve many, none is put off for long, and
// who is alone does not wait.
func TestSyncGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewSyncer(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		const cost = 2 * time.Millisecond
		calls := 0
		s.syncfs = func() error { calls++; <-time.After(cost); return nil }
		wait := func() time.Duration {
			t.Helper()
			start := time.Now()
			if err := s.Sync(t.Context()); err != nil {
				t.Error(err)
			}
			return time.Since(start)
		}
		for range 3 {
			if d := wait(); d != cost || s.last != 1 {
				t.Fatalf("alone it took %v, %d shared it", d, s.last)
			}
		}
		calls = 0
		const each, callers = time.Millisecond / 2, 400
		var all sync.WaitGroup
		var longest time.Duration
		var mu sync.Mutex
		all.Go(func() { wait() }) // two that come together
		for range callers {
			all.Go(func() {
				d := wait()
				mu.Lock()
				longest = max(longest, d)
				mu.Unlock()
			})
			<-time.After(each)
		}
		all.Wait()
		if most := int(callers*each/gatherMost) + 3; calls < 2 || calls > most {
			t.Errorf("%d callers in %v made %d syncs, want at most %d", callers, callers*each, calls, most)
		}
		if longest > gatherMost+2*cost {
			t.Errorf("one waited %v, want %v at most", longest, gatherMost+2*cost)
		}
		if d := wait(); d > gatherStep+cost {
			t.Errorf("after the load it took %v", d)
		}
		if d := wait(); d != cost {
			t.Errorf("alone again it took %v", d)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
