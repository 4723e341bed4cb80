package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// publisher shows the log to the stores: at most once in the configured time
// while entries come, and whenever someone asks.
type publisher struct {
	mu    sync.Mutex // one publishing at a time
	dirty chan struct{}
}

func (p *publisher) init() { p.dirty = make(chan struct{}, 1) }

// markDirty says that there are entries to publish.
func (s *Station) markDirty() {
	select {
	case s.publish.dirty <- struct{}{}:
	default:
	}
	s.change.wake()
}

// publishing follows the log until ctx ends.
func (s *Station) publishing(ctx context.Context) error {
	for failures := 0; ; {
		select {
		case <-s.publish.dirty:
		case <-ctx.Done():
			return ctx.Err()
		}
		_, err := s.publishAll(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := s.cfg.Publish
		if err != nil {
			failures++
			wait = max(wait, min(time.Minute, time.Second<<min(failures, 6)))
			s.markDirty()
		} else {
			failures = 0
		}
		if err := s.pause(ctx, wait); err != nil {
			return err
		}
	}
}

// publishNow publishes and is content when one store has it: a store that is
// away has its alarm, and gets it later.
func (s *Station) publishNow(ctx context.Context) error {
	shown, err := s.publishAll(ctx)
	if shown > 0 {
		return nil
	}
	return err
}

// publishAll seals what is committed and brings it to every store. It returns
// how many have it, and why the others do not.
func (s *Station) publishAll(ctx context.Context) (shown int, err error) {
	s.publish.mu.Lock()
	defer s.publish.mu.Unlock()
	if err := s.healthy(); err != nil {
		return 0, err
	}
	if _, err := s.ledger.Seal(ctx); err != nil {
		return 0, fmt.Errorf("seal the log: %w", err)
	}
	g := new(errgroup.Group)
	errs := make([]error, len(s.stores))
	for i, c := range s.stores {
		g.Go(func() error {
			errs[i] = s.publishTo(ctx, c)
			return nil
		})
	}
	_ = g.Wait()
	s.change.wake()
	for _, err := range errs {
		if err == nil {
			shown++
		}
	}
	return shown, errors.Join(errs...)
}

func (s *Station) publishTo(ctx context.Context, c *central) error {
	err := s.reach(ctx, c)
	if err == nil {
		err = s.check(ctx, c)
	}
	if err == nil {
		err = c.use(func(st store.Store) error { return s.ledger.Publish(ctx, c.name, shelf{st}) })
	}
	if err != nil {
		c.letGo(err)
		err = fmt.Errorf("publish log %s to %s: %w", s.log, c.cfg.URL, err)
	}
	s.storeAlarm(c, err)
	if errors.Is(err, manifest.ErrForked) {
		s.alarms.raise("log_forked", err, s.now())
	}
	return err
}
