package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/hash"
)

const (
	readersPerDocking = 2    // files of one camera read at once
	lookersPerDocking = 4    // files of one camera looked at again at once
	committing        = 1024 // clips of one camera between their read and their commit
	buffersPerDocking = 4    // of hash.BufferSize
	rounds            = 3    // how often a file that would not keep still is read
)

// docking is one stay of a camera in a bay: its files, in the order of the
// journey, and what became of each.
type docking struct {
	s      *Station
	folder device.Tree
	base   origin // by what the folder itself tells
	origin origin // with what is registered of the camera
	want   wishes
	bay    *bay
	pool   *hash.Pool // its own, so that a camera that hangs holds up no other
	emit   func(FileResult)

	profile    *profile.Profile
	told       []device.Identity // what the folder says of itself
	identities []device.Identity // of it what tells devices apart, and what was found in files
	verdict    verdict           // whose the camera is
	self       *resident         // its stay in a bay, nil for a folder that was named
	incomplete bool              // part of the camera could not be listed
	complete   bool              // it was listed and read to its end
	opened     int64             // its docking.opened entry
	receipt    string            // the number of its receipt
	clock      clockwork
	usb        usbFacts // of a camera on the bus

	files   []*file
	skipped []device.Skipped

	fullSince atomic.Int64 // when the disk was found full, Unix nanoseconds; 0 when it is not

	mu          sync.Mutex
	pending     map[int64][]awaited
	settled     chan struct{} // told when nothing is pending any more
	retry       []*file
	counts      Summary
	known       []int64          // clips of a oneshot that the dock had already
	claims      map[string]claim // path to what was read whole, for who would erase it
	tally       map[string]int64 // outcomes of what is not among files
	storedBytes int64
	slots       chan struct{} // one for each clip being committed
}

// file is one of a camera's files, and what became of it. There can be very many.
// What is added to the listing is guarded by the docking's mu.
type file struct {
	device.File
	outcome string      // its state, "" before there is one
	samples clip.Digest // as it was read, zero when it was not
}

// wishes is what the person who docks says of all clips.
type wishes struct {
	tags    clip.Tags
	by      string
	actor   string
	wait    time.Duration // for stores and for room, of a oneshot
	oneshot bool          // results are told, and clips waited for
	drop    bool          // the folder stays, files come one by one
}

// run takes the whole journey of every file. The error is that of the docking
// as a whole (the device went, the dock stopped), not of a single file.
func (d *docking) run(ctx context.Context) error {
	d.s.reading.Add(1)
	defer func() {
		d.s.reading.Add(-1)
		d.s.change.wake()
	}()
	d.bay.reopen()
	err := d.scan(ctx)
	opening := ctx
	if err != nil {
		opening = context.WithoutCancel(ctx) // that it was there is entered all the same
	} else if err := d.admit(ctx); err != nil {
		return err
	}
	if err == nil {
		d.bay.update(func(b *BayStatus) { b.State = BayCopying })
	}
	if err := d.open(opening); err != nil {
		d.bay.finish(err, d.s.now())
		return fmt.Errorf("%w: %w", errNotOpened, err)
	}
	if err == nil {
		d.measure(ctx)
		err = d.readAll(ctx)
	}
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, device.ErrGone) {
		err = cause
	}
	closing := d.close(ctx, err)
	return errors.Join(err, closing)
}

// errNotOpened marks a docking that the log could not take up: it may be tried
// again as if the camera had just come.
var errNotOpened = errors.New("the docking was not opened")

// scan lists the folder, then finds out whose camera it is.
func (d *docking) scan(ctx context.Context) error {
	scan, err := d.folder.Scan(ctx, func(f device.File) error {
		d.files = append(d.files, &file{File: f})
		return nil
	})
	d.skipped = scan.Skipped
	if errors.Is(err, device.ErrGone) || errors.Is(err, device.ErrHangs) {
		return err
	}
	if ended := ctx.Err(); ended != nil {
		return ended // also when the listing was done before that
	}
	d.identify()
	d.bay.update(func(b *BayStatus) {
		b.Listed = len(d.files)
		for _, f := range d.files {
			b.TotalBytes += f.Size
		}
	})
	d.mu.Lock()
	d.counts.Files = len(d.files)
	d.counts.Skipped = len(d.skipped)
	for _, f := range d.files {
		d.counts.Bytes += f.Size
	}
	d.mu.Unlock()
	if err != nil {
		d.incomplete = true
		d.whole(StateFailed, fmt.Sprintf("list the camera: %v; dock it again", err))
	}
	return nil
}

// readAll reads every file, then again those that changed meanwhile.
func (d *docking) readAll(ctx context.Context) error {
	todo := d.files
	for round := 1; len(todo) > 0; round++ {
		if round > 1 {
			if err := d.s.pause(ctx, time.Duration(round-1)*d.s.retryPause); err != nil {
				return err
			}
		}
		if err := d.readSome(ctx, todo, round == rounds); err != nil {
			return err
		}
		d.mu.Lock()
		todo, d.retry = d.retry, nil
		d.mu.Unlock()
	}
	return nil
}

// readSome reads files side by side and waits for their commits.
func (d *docking) readSome(ctx context.Context, files []*file, last bool) error {
	readers := readersPerDocking
	if d.forward() {
		readers = 1
	}
	k := d.newKeeping(ctx, last)
	err := sideBySide(ctx, readers, len(files), func(ctx context.Context, i int) error { return d.take(ctx, files[i], k) })
	if kept := k.end(); err == nil {
		err = kept
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// sideBySide does n pieces of work in order, so many at once. The first failure ends
// it, and so does ctx.
func sideBySide(ctx context.Context, workers, n int, do func(ctx context.Context, i int) error) error {
	var next atomic.Int64
	working, both := errgroup.WithContext(ctx)
	for range min(workers, n) {
		working.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n && both.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(both, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := working.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// take carries one file from the camera to its place in the spool. It returns as
// soon as the camera's part is over; the rest is handed to k.
func (d *docking) take(ctx context.Context, f *file, k *keeping) error {
	facts := d.profile.Classify(f.Path)
	if facts.Ignore {
		d.ignore(f)
		return nil
	}
	got, err := d.read(ctx, f)
	if err != nil {
		return d.refuse(ctx, f, err, k.last)
	}
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		got.discard()
		return ctx.Err()
	}
	if got.known >= 0 {
		k.know(f, got)
		return nil
	}
	t, err := d.place(f, facts, got)
	if err != nil {
		<-d.slots
		return d.refuse(k.ctx, f, err, k.last)
	}
	k.waiting <- t // has room for each slot
	return nil
}

// refuse decides what a failed file means: the end of the docking, another
// try, or a result of its own.
func (d *docking) refuse(ctx context.Context, f *file, err error, last bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if lost := d.lost(ctx, err); lost != nil {
		return lost
	}
	again := errors.Is(err, ErrUnstable) || errors.Is(err, errSync)
	if again && !last {
		d.mu.Lock()
		d.retry = append(d.retry, f)
		d.mu.Unlock()
		return nil
	}
	state := StateFailed
	if errors.Is(err, ErrUnstable) {
		state = StateUnstable
	}
	d.done(f, FileResult{State: state, Error: err.Error()})
	return nil
}

func (d *docking) ignore(f *file) {
	d.mu.Lock()
	f.outcome = "ignored"
	d.counts.Files--
	d.counts.Skipped++
	d.mu.Unlock()
	d.bay.update(func(b *BayStatus) { b.Done++; b.Bytes += f.Size })
}
