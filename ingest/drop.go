package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/mount"
)

// serveDrops serves the drop folders of the configuration in force.
func (s *Station) serveDrops(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	served := map[configs.Drop]context.CancelFunc{}
	for ctx.Err() == nil {
		changed := s.reconfigured.next()
		wanted := map[configs.Drop]bool{}
		for _, drop := range s.conf().Drops {
			wanted[drop] = true
			if served[drop] != nil {
				continue
			}
			dctx, cancel := context.WithCancel(ctx)
			served[drop] = cancel
			g.Go(func() error {
				s.serveDrop(dctx, drop)
				return nil
			})
		}
		for drop, cancel := range served {
			if !wanted[drop] {
				cancel()
				delete(served, drop)
				s.alarms.clear("device_gone", drop.Path)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	for _, cancel := range served {
		cancel()
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// serveDrop takes each file of a drop folder when it has come to rest. A
// folder that is away is looked for again.
func (s *Station) serveDrop(ctx context.Context, drop configs.Drop) {
	defer s.clearSlot("drop " + drop.Path)
	for {
		err := s.watchDrop(ctx, drop)
		if ctx.Err() != nil {
			return
		}
		s.alarms.raise("device_gone", fmt.Errorf("drop folder %s: %w", drop.Path, err), s.now(), drop.Path)
		s.change.wake()
		if s.pause(ctx, 5*s.retryPause) != nil {
			return
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
		name, _ = s.bayOf(seat{point: drop.Path})
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
	return errors.Join(err, d.close(ctx, gone))
}

// takeOne takes a single file of a drop folder and reports whether that is
// done; if not, the watch comes back to it.
func (d *docking) takeOne(ctx context.Context, path string) bool {
	f, err := d.statFile(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, device.ErrUnsafe)
	}
	d.files = []*file{f}
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
	taken := err == nil && f.outcome != StateFailed && f.outcome != StateUnstable
	if f.outcome != "" {
		d.tally[f.outcome]++
	}
	d.tally["listed"]++
	d.mu.Unlock()
	d.files = nil
	d.bay.update(func(b *BayStatus) { b.State = BayScanning })
	return taken
}

func (d *docking) statFile(path string) (*file, error) {
	in, err := d.folder.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	fi, err := in.Stat()
	if err != nil {
		return nil, err
	}
	return &file{File: device.File{Path: path, Size: fi.Size(), ModTime: fi.ModTime().UTC()}}, nil
}
