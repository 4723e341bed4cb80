package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
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
	for _, drop := range s.cfg.Drops {
		g.Go(func() error { return s.serveDrop(ctx, drop) })
	}
	g.Go(func() error { return s.serveMounts(ctx) })
	g.Go(func() error { return s.watch(ctx) })
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	s.publishLast(ctx)
	return err
}

// serveMounts starts a docking for each camera that appears and ends it when
// the camera goes.
func (s *Station) serveMounts(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	present := map[int]*mounted{}
	err := mount.Watch(gctx, mount.Table, func(c mount.Change) error {
		for _, m := range c.Removed {
			if dock := present[m.ID]; dock != nil {
				dock.cancel(device.ErrGone)
				delete(present, m.ID)
			}
		}
		for _, m := range c.Added {
			if !mount.UnderRoots(m, s.cfg.Roots) {
				continue
			}
			dctx, cancel := context.WithCancelCause(gctx)
			present[m.ID] = &mounted{cancel}
			g.Go(func() error {
				defer cancel(nil)
				s.dockMount(dctx, m.Point)
				return nil
			})
		}
		return nil
	})
	for _, dock := range present {
		dock.cancel(nil)
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

// abandonAfter is how long a stopping daemon waits for cameras. A read that the
// kernel does not end holds no promise: nothing of it was recorded.
const abandonAfter = 10 * time.Second

// mounted is a camera that is in its bay.
type mounted struct{ cancel context.CancelCauseFunc }

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
	case err == nil:
		s.logger.Info("docking complete", "camera", printable(point), "size", b.status().Bytes)
		s.alarms.clear("device_gone", name)
		s.cameraRead(b.status())
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
	return s.newDocking(folder, b, point, wishes{actor: "dock"}).run(ctx)
}

// serveDrop takes each file of a drop folder when it has come to rest. A
// folder that is away is looked for again.
func (s *Station) serveDrop(ctx context.Context, drop configs.Drop) error {
	for {
		err := s.watchDrop(ctx, drop)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.alarms.raise("device_gone", fmt.Errorf("drop folder %s: %w", drop.Path, err), s.now(), drop.Path)
		s.change.wake()
		if err := s.pause(ctx, 5*s.retryPause); err != nil {
			return err
		}
	}
}

func (s *Station) watchDrop(ctx context.Context, drop configs.Drop) error {
	if err := s.guardSource(drop.Path); err != nil {
		return err
	}
	folder, err := device.Open(drop.Path)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	s.alarms.clear("device_gone", drop.Path)
	name := drop.Bay
	if name == "" {
		name, _ = s.bayOf(drop.Path)
	}
	b := s.newBay("drop "+drop.Path, name, drop.Path, true)
	b.public = drop.Bay
	d := s.newDocking(folder, b, drop.Path, wishes{actor: "dock", drop: true})
	if err := d.open(ctx); err != nil {
		return err
	}
	w := mount.Drop{Path: drop.Path, Quiet: drop.Quiet, Now: s.now}
	err = w.Watch(ctx, func(path string) bool { return d.takeOne(ctx, path) })
	var gone error
	if errors.Is(err, device.ErrGone) {
		gone = err
	}
	return errors.Join(err, d.close(context.WithoutCancel(ctx), gone))
}

// takeOne takes a single file of a drop folder and reports whether that is
// done; if not, the watch comes back to it.
func (d *docking) takeOne(ctx context.Context, path string) bool {
	f, err := d.statFile(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, device.ErrUnsafe)
	}
	d.files = []device.File{f}
	d.identify()
	d.bay.update(func(b *BayStatus) {
		b.State = BayCopying
		b.Listed++
		b.TotalBytes += f.Size
	})
	if err = d.readAll(ctx); err != nil && ctx.Err() == nil {
		d.s.logger.Warn("take dropped file", "stage", "read", "err", err)
	}
	d.mu.Lock()
	taken := err == nil && d.outcome[path] != StateFailed && d.outcome[path] != StateUnstable
	for path, outcome := range d.outcome {
		d.tally[outcome]++
		delete(d.outcome, path)
	}
	d.tally["listed"]++
	d.mu.Unlock()
	d.files = nil
	d.bay.update(func(b *BayStatus) { b.State = BayScanning })
	return taken
}

func (d *docking) statFile(path string) (device.File, error) {
	in, err := d.folder.Open(path)
	if err != nil {
		return device.File{}, err
	}
	defer func() { _ = in.Close() }()
	fi, err := in.Stat()
	if err != nil {
		return device.File{}, err
	}
	return device.File{Path: path, Size: fi.Size(), ModTime: fi.ModTime().UTC()}, nil
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
