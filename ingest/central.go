package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// central is one configured store: it may be away and come back.
type central struct {
	name      string
	cfg       configs.Store
	wake      chan struct{} // new rows wait
	hurry     atomic.Bool   // what kept it from taking clips is over
	scrub     chan struct{} // something may be read back
	publisher publisher
	unlocked  sync.Once          // said that it locks nothing
	ctx       context.Context    // of what works for it
	stop      context.CancelFunc // nil before anything does
	serving   sync.WaitGroup

	publishing, working bool // what serves it; the worker guards them

	opening sync.Mutex // one reach at a time

	mu       sync.Mutex
	open     *handle // nil while the store is away
	checked  bool    // its log was compared with ours since it came
	anchored bool    // it showed the anchors it is said to have since it came
	lockable lockability
	trouble  error // the last, while it lasts
	closing  sync.WaitGroup
}

func newCentral(cfg configs.Store) *central {
	c := &central{name: cfg.Name, cfg: cfg, wake: make(chan struct{}, 1), scrub: make(chan struct{}, 1)}
	c.publisher.init()
	return c
}

// ring wakes whoever waits on ch, now or the next time it waits.
func ring(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// handle is an open store and those who use it.
type handle struct {
	st    store.Store
	users sync.WaitGroup
}

// use calls f with the store, which stays open meanwhile.
func (c *central) use(f func(store.Store) error) error {
	c.mu.Lock()
	h := c.open
	if h == nil {
		err := c.trouble
		c.mu.Unlock()
		if err == nil {
			err = store.ErrAway
		}
		return fmt.Errorf("store %s is away: %w", c.name, err)
	}
	h.users.Add(1)
	c.mu.Unlock()
	defer h.users.Done()
	return f(h.st)
}

// letGo gives up a store that failed in a way it may not get over by itself,
// such as a failed sync; reach opens it anew. It is closed after its last user.
func (c *central) letGo(err error) {
	if errors.Is(err, store.ErrFull) || errors.Is(err, manifest.ErrForked) || errors.Is(err, ErrConsent) {
		return
	}
	c.mu.Lock()
	h := c.open
	c.open, c.lockable, c.anchored = nil, lockUnknown, false
	c.mu.Unlock()
	if h == nil {
		return
	}
	c.closing.Go(func() {
		h.users.Wait()
		if closer, ok := h.st.(interface{ Close() error }); ok {
			_ = closer.Close() // what it says was said before
		}
	})
}

func (c *central) anchorsKnown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.anchored
}

func (c *central) setAnchorsKnown() {
	c.mu.Lock()
	c.anchored = true
	c.mu.Unlock()
}

func (c *central) fail(err error) {
	c.mu.Lock()
	c.trouble = err
	c.mu.Unlock()
}

func (c *central) problem() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trouble
}

func (c *central) close() {
	if c.stop != nil {
		c.stop()
	}
	c.serving.Wait()
	c.letGo(nil)
	c.closing.Wait()
}
