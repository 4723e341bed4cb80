package pager

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

func TestMain(m *testing.M) { testbench.Main(m) }

// clock stands still until it is put forward.
type clock struct {
	t *testing.T

	mu     sync.Mutex
	now    time.Time
	timers []timer
	armed  chan struct{} // closed at the next timer
}

type timer struct {
	of time.Duration
	at time.Time
	ch chan time.Time
}

func newClock(t *testing.T) *clock {
	return &clock{t: t, now: time.Date(2026, 9, 2, 18, 0, 0, 0, time.UTC), armed: make(chan struct{})}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	tm := timer{d, c.now.Add(d), make(chan time.Time, 1)}
	c.timers = append(c.timers, tm)
	close(c.armed)
	c.armed = make(chan struct{})
	return tm.ch
}

// await returns when someone waits for d.
func (c *clock) await(d time.Duration) {
	c.t.Helper()
	for {
		c.mu.Lock()
		next := c.armed
		found := slices.ContainsFunc(c.timers, func(tm timer) bool { return tm.of == d })
		c.mu.Unlock()
		if found {
			return
		}
		select {
		case <-next:
		case <-time.After(testbench.Patience):
			c.t.Fatalf("nobody waits for %s", d)
		}
	}
}

// advance puts the clock forward and fires what is due.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.timers = slices.DeleteFunc(c.timers, func(tm timer) bool {
		due := !tm.at.After(c.now)
		if due {
			tm.ch <- c.now
		}
		return due
	})
}
