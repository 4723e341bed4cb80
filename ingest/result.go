package ingest

import (
	"context"
	"errors"
	"reflect"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/tag"
)

// done settles a file that has no clip to wait for.
func (d *docking) done(f *file, res FileResult) {
	d.mu.Lock()
	f.outcome = res.State
	switch res.State {
	case StateUnstable:
		d.counts.Unstable++
	default:
		d.counts.Failed++
	}
	d.mu.Unlock()
	d.bay.update(func(b *BayStatus) {
		if res.State == StateUnstable {
			b.Unstable++
		} else {
			b.Failed++
		}
		b.Remaining++
		b.Reason = res.Error
	})
	res.Size = f.Size
	d.report(f, res)
}

// whole says something of the camera as a whole, as if of a file.
func (d *docking) whole(state, why string) {
	d.mu.Lock()
	d.tally[state]++
	d.mu.Unlock()
	d.done(&file{File: device.File{Path: "."}}, FileResult{State: state, Error: why})
}

// know settles a file whose bytes the dock has already.
func (d *docking) know(ctx context.Context, f *file, g got) error {
	moved := d.noteShift(f, g)
	if g.unread {
		d.bay.update(func(b *BayStatus) { b.Bytes += f.Size })
	} else if moved || len(d.identities) >= 2 {
		if err := d.remember(ctx, f, g); err != nil {
			return err
		}
	}
	d.s.dropPartial(ctx, pathKey(d.origin.source, f.Path))
	if d.want.oneshot {
		d.mu.Lock()
		d.known = append(d.known, g.known)
		d.mu.Unlock()
	}
	d.recorded(f, g.known, g, StateKnown)
	d.storedBefore([]int64{g.known})
	return nil
}

// tagKnown gives the clips that were known already the tags of this request,
// where these change anything.
func (d *docking) tagKnown(ctx context.Context) error {
	change := tag.Attribute(d.want.tags, d.want.by)
	var targets []row
	for _, n := range d.known {
		r, err := d.s.row(clipName(d.s.log, n))
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(tag.Merge(r.Tags, change), tag.Merge(r.Tags, clip.Tags{})) {
			targets = append(targets, r)
		}
	}
	if len(targets) == 0 {
		return nil
	}
	_, err := d.s.declare(ctx, unique(targets), manifest.Draft{Type: "clip.tagged", Actor: d.want.actor}, tagged{Tags: change})
	return err
}

// remember notes a whole read of a known clip, so that the next docking of the
// same device may pass it by.
func (d *docking) remember(ctx context.Context, f *file, g got) error {
	return d.s.commit(ctx, func(tx *ledger.Tx) error {
		return catalog{tx.Bolt()}.put(seenBucket, pathKey(d.origin.source, f.Path), seen{
			N: g.known, Size: g.sum.Size, ModTime: g.mtime.UnixNano(), Samples: g.samples,
			Identities: d.identities, Read: d.s.now(),
		})
	})
}

// recorded notes that a clip is safe on the dock; its result follows when every
// store has it, or when the wait for them is over.
func (d *docking) recorded(f *file, n int64, g got, state string) {
	d.mu.Lock()
	f.outcome = state
	d.claim(f, n, g)
	d.mu.Unlock()
	d.bay.update(func(b *BayStatus) {
		b.Done++
		if state == StateKnown {
			b.Known++
		}
	})
	d.bay.await(n)
	if d.want.oneshot {
		d.expect(f, n, g, state)
	}
}

// storedBefore passes on which of the clips that were just noted are in enough
// stores: these may have been faster.
func (d *docking) storedBefore(clips []int64) {
	for _, n := range d.s.enoughOf(clips, "") {
		d.bay.clipStored(n)
		d.stored(n)
	}
}

// awaited is a file whose clip is on the dock and not yet in enough stores.
// There can be very many: its result is made when it is told.
type awaited struct {
	f      *file
	sha256 clip.Digest
	size   int64
	state  string
}

// expect keeps what is to be told of a clip until every store has it.
func (d *docking) expect(f *file, n int64, g got, state string) {
	a := awaited{f: f, sha256: d.digestOf(n, g), size: f.Size, state: state}
	if !g.unread {
		a.size = g.sum.Size
	}
	d.mu.Lock()
	d.pending[n] = append(d.pending[n], a)
	d.mu.Unlock()
}

// result is what is told of a file whose clip is n.
func (d *docking) result(n int64, a awaited, state string) FileResult {
	res := FileResult{Clip: clipName(d.s.log, n), SHA256: a.sha256.String(), Size: a.size, State: state}
	d.fill(a.f, &res)
	return res
}

func (d *docking) digestOf(n int64, g got) clip.Digest {
	if !g.unread {
		return g.sum.SHA256
	}
	var r row
	_ = d.s.db.View(func(tx *bbolt.Tx) (err error) {
		r, err = catalog{tx}.clip(n)
		return err
	})
	return r.SHA256
}

// stored settles the files that waited for clip n.
func (d *docking) stored(n int64) {
	d.mu.Lock()
	waiting := d.pending[n]
	delete(d.pending, n)
	for _, a := range waiting {
		state := a.state
		if state == StateKnown {
			d.counts.Known++
		} else {
			state = StateStored
			d.counts.Stored++
		}
		d.storedBytes += a.size
		d.emit(d.result(n, a, state)) // before the waiter is told, which then ends the docking
	}
	if len(d.pending) == 0 {
		d.wake()
	}
	d.mu.Unlock()
}

// abandon reports every file that was not reached before the device went, and
// whether the listing had told of any.
func (d *docking) abandon(why error) bool {
	for _, f := range d.files {
		d.mu.Lock()
		reached := f.outcome != ""
		d.mu.Unlock()
		if !reached {
			d.done(f, FileResult{State: StateFailed, Error: why.Error()})
		}
	}
	return len(d.files) > 0
}

// wake tells who waits for the stores to look again; d.mu is held.
func (d *docking) wake() {
	select {
	case d.settled <- struct{}{}:
	default:
	}
}

// awaitStores waits until every clip of the docking is in enough stores. When
// ctx ends first, or nothing but a person's yes would help, the clips left are
// reported as safe on the dock only.
func (d *docking) awaitStores(ctx context.Context) {
	for {
		d.mu.Lock()
		left := len(d.pending)
		d.mu.Unlock()
		if left == 0 {
			return
		}
		news := d.s.change.next()
		if d.s.needsYes() {
			d.giveUp()
			return
		}
		select {
		case <-d.settled:
		case <-news:
		case <-ctx.Done():
			d.giveUp()
			return
		}
	}
}

func (d *docking) giveUp() {
	d.mu.Lock()
	waiting := d.pending
	d.pending = map[int64][]awaited{}
	d.mu.Unlock()
	why := "safe on the dock; " + d.s.storeTrouble()
	for n, files := range waiting {
		for _, a := range files {
			res := d.result(n, a, StateRecorded)
			res.Error = why
			d.mu.Lock()
			d.counts.Recorded++
			d.mu.Unlock()
			d.emit(res)
		}
	}
}

func (d *docking) report(f *file, res FileResult) {
	if d.want.oneshot {
		d.fill(f, &res)
		d.emit(res)
	}
}

func (d *docking) fill(f *file, res *FileResult) {
	res.Dir = d.origin.shown
	res.Path, res.PathHex = showPath(f.Path)
}

// closedBy says in one word how the docking ended, for its entry.
func closedBy(err error) string {
	switch {
	case err == nil:
		return "complete"
	case errors.Is(err, device.ErrGone):
		return "gone"
	case errors.Is(err, device.ErrHangs):
		return "hung"
	}
	return "stopped"
}
