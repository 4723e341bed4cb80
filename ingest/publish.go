package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/store"
)

// publisher shows the log to the stores: at most once in the configured time
// while entries come, and whenever someone asks.
type publisher struct {
	turn  chan struct{} // holds a token while one publishes
	dirty chan struct{}
}

func (p *publisher) init() {
	p.turn, p.dirty = make(chan struct{}, 1), make(chan struct{}, 1)
}

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
	select {
	case s.publish.turn <- struct{}{}:
		defer func() { <-s.publish.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
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
		if ctx.Err() != nil {
			return ctx.Err() // the caller went, the store may be well
		}
		c.letGo(err)
		err = fmt.Errorf("publish log %s to %s: %w", s.log, c.cfg.URL, err)
	}
	if err != nil {
		s.storeAlarm(c, err)
		return err
	}
	s.storeShown(c)
	return nil
}

// publishLast shows the last entries before a command ends, if a store answers
// soon. What it cannot show is shown by the next command.
func (s *Station) publishLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := s.publishNow(ctx); err != nil {
		s.logger.Warn("publish before ending", "stage", "publish", "err", err)
	}
}
