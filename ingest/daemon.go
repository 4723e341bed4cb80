package ingest

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/mount"
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
	g.Go(func() error {
		_, _ = s.program.sum() // who needs it is told of the error
		return nil
	})
	g.Go(func() error { return s.serveDrops(ctx) })
	g.Go(func() error { return s.serveMounts(ctx) })
	g.Go(func() error { return s.serveUSB(ctx) })
	g.Go(func() error { return s.watch(ctx) })
	g.Go(func() error { return s.anchorAlways(ctx) })
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	s.publishLast(ctx)
	return err
}

// berth is a camera that was found: where it sits and how its files are reached.
type berth struct {
	seat  seat
	place string // what must come to rest before another docking there begins
	shown string // where the files are, for people: a mount point, or a port and a volume
	open  func(ctx context.Context) (device.Tree, error)
}

// mounted is the berth of a camera that something else mounted.
func (s *Station) mounted(m mount.Mount) berth {
	return berth{seat: s.seatOf(m.Point, m.DevID), place: "mount " + m.Point, shown: m.Point, open: func(context.Context) (device.Tree, error) {
		if err := s.guardSource(m.Point); err != nil {
			return nil, err
		}
		folder, err := device.Open(m.Point)
		if err != nil {
			return nil, fmt.Errorf("open the camera: %w: dock it again", err)
		}
		return folder, nil
	}}
}

// dock takes a camera through its journey and keeps its tile until it is taken
// out. A camera that was taken too early keeps its tile, which says so, until
// the next docking in that bay. A contact that comes and goes opens none.
func (s *Station) dock(ctx context.Context, at berth) {
	over, err := s.contacts.enter(ctx, at.place)
	if err != nil {
		return // it left again
	}
	defer over()
	name, public := s.bayOf(at.seat)
	b := s.newBay(s.slotOf(at, name, public), name, at.shown, false)
	b.update(func(st *BayStatus) { st.Port = at.seat.port.Path })
	if public {
		b.public = name
	}
	r := s.sit(ctx, b, at.seat)
	defer s.rise(r)
	err = s.journey(ctx, r, at)
	for errors.Is(err, errNotOpened) && s.pause(ctx, 5*s.retryPause) == nil {
		err = s.journey(ctx, r, at)
	}
	name = r.bayName()
	switch {
	case err == nil: // and it is gone since
	case errors.Is(err, errHeld):
		s.logger.Info("held camera taken out", "camera", printable(at.shown))
	case errors.Is(err, device.ErrGone):
		s.alarms.raise("device_gone", fmt.Errorf("bay %s: %w", name, err), s.now(), name)
		s.change.wake()
		return
	case errors.Is(err, device.ErrHangs):
		s.logger.Warn("docking", "camera", printable(at.shown), "stage", closedBy(err), "err", err)
		s.hangs(ctx, name, err)
	default:
		if ctx.Err() == nil {
			s.alarms.raise("device_unreadable", fmt.Errorf("bay %s: %w", name, err), s.now(), name)
			defer s.alarms.clear("device_unreadable", name)
			s.change.wake()
		}
		s.logger.Warn("docking", "camera", printable(at.shown), "stage", closedBy(err), "err", err)
	}
	<-ctx.Done()
	s.removeBay(b)
}

// slotOf is what a camera's tile is shown under: its bay, unless another volume
// of the same camera is shown there already.
func (s *Station) slotOf(at berth, name string, public bool) string {
	if !public {
		return "at " + at.shown
	}
	slot := "bay " + name
	s.seats.mu.Lock()
	defer s.seats.mu.Unlock()
	for r := range s.seats.all {
		if r.bay.slot == slot && r.ctx.Err() == nil && at.seat.same(r.seat) {
			return slot + " " + at.shown
		}
	}
	return slot
}

func (s *Station) journey(ctx context.Context, r *resident, at berth) error {
	tree, err := s.openCamera(func() (device.Tree, error) { return at.open(ctx) })
	if err != nil {
		r.bay.finish(err, s.now())
		return err
	}
	defer func() { _ = tree.Close() }()
	s.journeying(r, true)
	d := s.newDocking(tree, r.bay, at.shown, wishes{actor: "dock"}).in(r)
	err = d.run(ctx)
	s.journeying(r, false)
	if err != nil {
		return err
	}
	s.logger.Info("docking complete", "camera", printable(at.shown), "size", r.bay.status().Bytes)
	s.alarms.clear("device_gone", r.bayName())
	s.cameraRead(r.bay.status())
	d.linger(ctx)
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
