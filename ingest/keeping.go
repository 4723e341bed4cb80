package ingest

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// Clips that were read, or that a store took, are synced and entered together: at
// most so many, and none waits longer for others. Each group costs the same few
// syncs, however many are in it.
const (
	together = 512
	groupAge = 50 * time.Millisecond
)

// keeping is what follows the reading of a round of files: one goroutine that
// takes clips to their commit in groups, and one for each file that is known. The
// last clips of a round wait for nobody.
type keeping struct {
	d       *docking
	ctx     context.Context // outlives the camera: what was read whole is kept
	last    bool            // of the rounds
	waiting chan *taken
	work    errgroup.Group
}

func (d *docking) newKeeping(ctx context.Context, last bool) *keeping {
	k := &keeping{d: d, ctx: context.WithoutCancel(ctx), last: last, waiting: make(chan *taken, cap(d.slots))}
	k.work.Go(k.run)
	return k
}

// end waits for everything that was handed over; nothing more may be.
func (k *keeping) end() error {
	close(k.waiting)
	return k.work.Wait()
}

// run finishes what waits until end. A failure ends the docking, but what was
// read is kept first.
func (k *keeping) run() (failed error) {
	for t := range k.waiting {
		if err := k.d.finish(k.ctx, k.gather(t), k.last); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// gather adds to t what comes within groupAge of it.
func (k *keeping) gather(t *taken) []*taken {
	all := []*taken{t}
	late := time.NewTimer(groupAge)
	defer late.Stop()
	for len(all) < together {
		select {
		case t, more := <-k.waiting:
			if !more {
				return all
			}
			all = append(all, t)
		case <-late.C:
			return all
		}
	}
	return all
}

// know settles a file whose clip is known, and gives its slot back.
func (k *keeping) know(f *file, g got) {
	k.work.Go(func() error {
		defer func() { <-k.d.slots }()
		if err := k.d.know(k.ctx, f, g); err != nil {
			return k.d.refuse(k.ctx, f, err, k.last)
		}
		return nil
	})
}
