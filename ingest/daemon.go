package ingest

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/manifest/ledger"
)

// Run serves every camera that is mounted under the configured roots and every
// drop folder until ctx ends. Each docking has goroutines of its own; one that
// fails tells its bay and no other.
func (s *Station) Run(ctx context.Context) error {
	s.startWork()
	defer s.call()()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		select {
		case <-s.stopped:
			return ledger.ErrStopped // the service manager starts us again
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	g.Go(func() error { return s.serveDrops(ctx) })
	g.Go(func() error { return s.serveMounts(ctx) })
	g.Go(func() error { return s.watch(ctx) })
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	s.publishLast(ctx)
	return err
}

// dockMount takes a mounted camera through its journey and keeps its tile until
// it is taken out. A camera that was taken too early keeps its tile, which says
// so, until the next docking in that bay.
func (s *Station) dockMount(ctx context.Context, point string) {
	name, configured := s.bayOf(point)
	slot := "mount " + point
	if configured {
		slot = "bay " + name
	}
	b := s.newBay(slot, name, point, false)
	if configured {
		b.public = name
	}
	err := s.journey(ctx, b, point)
	for errors.Is(err, errNotOpened) && s.pause(ctx, 5*s.retryPause) == nil {
		err = s.journey(ctx, b, point)
	}
	switch {
	case err == nil: // and it is gone since
	case errors.Is(err, device.ErrGone):
		s.alarms.raise("device_gone", fmt.Errorf("bay %s: %w", name, err), s.now(), name)
		s.change.wake()
		return
	default:
		if ctx.Err() == nil {
			s.alarms.raise("device_unreadable", fmt.Errorf("bay %s: %w", name, err), s.now(), name)
			defer s.alarms.clear("device_unreadable", name)
			s.change.wake()
		}
		s.logger.Warn("docking", "camera", printable(point), "stage", closedBy(err), "err", err)
	}
	<-ctx.Done()
	s.removeBay(b)
}

func (s *Station) journey(ctx context.Context, b *bay, point string) error {
	if err := s.guardSource(point); err != nil {
		b.finish(err, s.now())
		return err
	}
	folder, err := device.Open(point)
	if err != nil {
		err = fmt.Errorf("open the camera: %w: dock it again", err)
		b.finish(err, s.now())
		return err
	}
	defer func() { _ = folder.Close() }()
	d := s.newDocking(folder, b, point, wishes{actor: "dock"})
	if err := d.run(ctx); err != nil {
		return err
	}
	s.logger.Info("docking complete", "camera", printable(point), "size", b.status().Bytes)
	s.alarms.clear("device_gone", b.status().Bay)
	s.cameraRead(b.status())
	d.stay(ctx)
	return nil
}

// guessRole settles the role of a file whose name no profile knows: what holds
// a recording is one.
func guessRole(role clip.Role, guessed bool, m clip.Media) clip.Role {
	switch {
	case !guessed || m.Container == "":
		return role
	case m.Container == "jpeg":
		return clip.Still
	}
	return clip.Main
}
