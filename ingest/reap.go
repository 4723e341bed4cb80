package ingest

import (
	"context"
	"time"

	"github.com/custodock/custodock/store"
)

const (
	reapEvery = 24 * time.Hour // each store is rid of uploads that nobody finishes
	reapAgain = time.Hour      // after a store did not let us
)

// reaping removes from c what a kill between the beginning of an upload and its
// note left behind: nothing else ever would, and its bytes are paid for.
func (s *Station) reaping(ctx context.Context, c *central) {
	for ctx.Err() == nil {
		wait := reapEvery
		if err := s.reap(ctx, c); err != nil && ctx.Err() == nil {
			s.logger.Warn("remove broken uploads", "stage", "store", "store", c.name, "err", err)
			wait = reapAgain
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

func (s *Station) reap(ctx context.Context, c *central) error {
	if err := s.ready(ctx, c); err != nil {
		return err
	}
	removed := 0
	err := c.use(func(st store.Store) (err error) {
		if r, ok := st.(store.Reaper); ok {
			removed, err = r.Reap(ctx)
		}
		return err
	})
	if removed > 0 {
		s.logger.Info("broken uploads removed", "stage", "store", "store", c.name, "uploads", removed)
	}
	return err
}
