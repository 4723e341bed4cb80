package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/mount"
)

// Run serves every camera that is mounted under the configured roots and every
// drop folder until ctx ends. Each docking has goroutines of its own; one that
// fails tells its bay and no other.
func (s *Station) Run(ctx context.Context) error {
	s.startWork()
	g, ctx := errgroup.WithContext(ctx)
	for _, drop := range s.cfg.Drops {
		g.Go(func() error { return s.serveDrop(ctx, drop) })
	}
	g.Go(func() error { return s.serveMounts(ctx) })
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, s.publishOnce())
}

// publishOnce shows the last entries before the daemon ends, if a store answers.
func (s *Station) publishOnce() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.publishNow(ctx); err != nil {
		s.logger.Warn("publish before stopping", "stage", "publish", "err", err)
	}
	return nil
}

// serveMounts starts a docking for each camera that appears and ends it when
// the camera goes.
func (s *Station) serveMounts(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	present := map[int]context.CancelFunc{}
	err := mount.Watch(gctx, mount.Table, func(c mount.Change) error {
		for _, m := range c.Removed {
			if cancel := present[m.ID]; cancel != nil {
				cancel()
				delete(present, m.ID)
				s.removeBay(m.Point)
			}
		}
		for _, m := range c.Added {
			if !mount.UnderRoots(m, s.cfg.Roots) || s.guardSource(m.Point) != nil {
				continue
			}
			dctx, cancel := context.WithCancel(gctx)
			present[m.ID] = cancel
			g.Go(func() error {
				defer cancel()
				s.dockMount(dctx, m.Point)
				return nil
			})
		}
		return nil
	})
	for _, cancel := range present {
		cancel()
	}
	return errors.Join(err, g.Wait())
}

// dockMount takes a mounted camera through its journey. What went wrong is on
// the board and in the log already.
func (s *Station) dockMount(ctx context.Context, point string) {
	folder, err := device.Open(point)
	if err != nil {
		b := s.newBay(s.bayOf(point), point, false)
		b.finish(fmt.Errorf("open the camera: %w: dock it again", err), s.now())
		s.logger.Error("open camera", "camera", printable(point), "err", err)
		return
	}
	defer func() { _ = folder.Close() }()
	d := s.newDocking(folder, point, s.bayOf(point), wishes{actor: "dock"})
	if err := d.run(ctx); err != nil {
		s.logger.Warn("docking", "camera", printable(point), "stage", closedBy(err), "err", err)
	}
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
	s.alarms.clear("device_gone")
	name := drop.Bay
	if name == "" {
		name = s.bayOf(drop.Path)
	}
	d := s.newDocking(folder, drop.Path, name, wishes{actor: "dock", drop: true})
	d.bay.update(func(b *BayStatus) { b.Drop = true })
	if err := d.open(ctx); err != nil {
		return err
	}
	w := mount.Drop{Path: drop.Path, Quiet: drop.Quiet, Now: s.now}
	err = w.Watch(ctx, func(path string) { d.takeOne(ctx, path) })
	return errors.Join(err, d.close(context.WithoutCancel(ctx), nil))
}

// takeOne takes a single file of a drop folder.
func (d *docking) takeOne(ctx context.Context, path string) {
	f, err := d.statFile(path)
	if err != nil {
		return // gone again, or no plain file: the watch comes back to it
	}
	d.files = []device.File{f}
	d.identify()
	d.bay.update(func(b *BayStatus) {
		b.State = BayCopying
		b.Listed++
		b.TotalBytes += f.Size
	})
	if err := d.readAll(ctx); err != nil && ctx.Err() == nil {
		d.s.logger.Warn("take dropped file", "stage", "read", "err", err)
	}
	d.mu.Lock()
	for path, outcome := range d.outcome {
		d.tally[outcome]++
		delete(d.outcome, path)
	}
	d.tally["listed"]++
	d.mu.Unlock()
	d.files = nil
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
