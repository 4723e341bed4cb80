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
	g.Go(func() error { return s.serveUSB(ctx) })
	g.Go(func() error { return s.watch(ctx) })
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	s.publishLast(ctx)
	return err
}

// berth is a place where a camera was found, and how its files are reached.
type berth struct {
	slot  string // what the bay is shown under
	name  string // of the bay, for people
	known bool   // the name is configured, so it may stand in entries
	shown string // where the files are: a mount point, or a port and a volume
	open  func(ctx context.Context) (device.Tree, error)
}

// mounted is the berth of a camera that something else mounted.
func (s *Station) mounted(point string) berth {
	at := berth{slot: "mount " + point, shown: point}
	if at.name, at.known = s.bayOf(point); at.known {
		at.slot = "bay " + at.name
	}
	at.open = func(context.Context) (device.Tree, error) {
		if err := s.guardSource(point); err != nil {
			return nil, err
		}
		folder, err := device.Open(point)
		if err != nil {
			return nil, fmt.Errorf("open the camera: %w: dock it again", err)
		}
		return folder, nil
	}
	return at
}

// dock takes a camera through its journey and keeps its tile until it is taken
// out. A camera that was taken too early keeps its tile, which says so, until
// the next docking in that bay.
func (s *Station) dock(ctx context.Context, at berth) {
	b := s.newBay(at.slot, at.name, at.shown, false)
	if at.known {
		b.public = at.name
	}
	err := s.journey(ctx, b, at)
	for errors.Is(err, errNotOpened) && s.pause(ctx, 5*s.retryPause) == nil {
		err = s.journey(ctx, b, at)
	}
	switch {
	case err == nil:
		s.logger.Info("docking complete", "camera", printable(at.shown), "size", b.status().Bytes)
		s.alarms.clear("device_gone", at.name)
		s.cameraRead(b.status())
	case errors.Is(err, device.ErrGone):
		s.alarms.raise("device_gone", fmt.Errorf("bay %s: %w", at.name, err), s.now(), at.name)
		s.change.wake()
		return
	default:
		if ctx.Err() == nil {
			s.alarms.raise("device_unreadable", fmt.Errorf("bay %s: %w", at.name, err), s.now(), at.name)
			defer s.alarms.clear("device_unreadable", at.name)
			s.change.wake()
		}
		s.logger.Warn("docking", "camera", printable(at.shown), "stage", closedBy(err), "err", err)
	}
	<-ctx.Done()
	s.removeBay(b)
}

func (s *Station) journey(ctx context.Context, b *bay, at berth) error {
	tree, err := at.open(ctx)
	if err != nil {
		b.finish(err, s.now())
		return err
	}
	defer func() { _ = tree.Close() }()
	return s.newDocking(tree, b, at.shown, wishes{actor: "dock"}).run(ctx)
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
