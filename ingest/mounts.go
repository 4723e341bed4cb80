package ingest

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/mount"
)

// abandonAfter is how long a stopping daemon waits for cameras. A read that the
// kernel does not end holds no promise: nothing of it was recorded.
const abandonAfter = 10 * time.Second

// mounts are the file systems of this machine, and which of them are docked.
type mounts struct {
	s     *Station
	ctx   context.Context
	group *errgroup.Group

	mu     sync.Mutex
	table  map[int]mount.Mount
	docked map[int]context.CancelCauseFunc
}

// serveMounts starts a docking for each camera that appears and ends it when
// the camera goes. Mounts that come under a root because the configuration
// changed are docked then; one that is no longer under a root is let finish.
func (s *Station) serveMounts(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	m := &mounts{s: s, ctx: gctx, group: g, table: map[int]mount.Mount{}, docked: map[int]context.CancelCauseFunc{}}
	lctx, stop := context.WithCancel(gctx)
	var listening sync.WaitGroup
	listening.Go(func() { m.listen(lctx) })
	err := mount.Watch(gctx, mount.Table, func(c mount.Change) error {
		m.change(c)
		return nil
	})
	stop()
	listening.Wait()
	for _, cancel := range m.docked {
		cancel(nil)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = g.Wait() // dockings tell their bays, not us
	}()
	select {
	case <-ended:
	case <-time.After(abandonAfter):
		s.logger.Warn("stopping without a camera that does not answer", "stage", "read")
	}
	return err
}

// listen looks again whenever the configuration changed.
func (m *mounts) listen(ctx context.Context) {
	for {
		changed := m.s.reconfigured.next()
		m.change(mount.Change{})
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (m *mounts) change(c mount.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, gone := range c.Removed {
		delete(m.table, gone.ID)
		if cancel := m.docked[gone.ID]; cancel != nil {
			cancel(device.ErrGone)
			delete(m.docked, gone.ID)
		}
	}
	for _, came := range c.Added {
		m.table[came.ID] = came
	}
	for id, there := range m.table {
		if m.docked[id] != nil || !mount.UnderRoots(there, m.s.conf().Roots) {
			continue
		}
		ctx, cancel := context.WithCancelCause(m.ctx)
		m.docked[id] = cancel
		m.group.Go(func() error {
			defer cancel(nil)
			done, err := m.s.contacts.enter(ctx, m.s.placeOf(there.Point))
			if err != nil {
				return nil // it left again
			}
			defer done()
			m.s.dockMount(ctx, there.Point)
			return nil
		})
	}
}
