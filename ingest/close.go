package ingest

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// openedRecord and closedRecord hold what a docking's entries must not tell.
type (
	openedRecord struct {
		Dir        string            `json:"dir"`
		Source     string            `json:"source"`
		Identities []device.Identity `json:"identities,omitempty"`
	}
	closedRecord struct {
		Dir     string     `json:"dir"`
		Before  []nameSeen `json:"before,omitempty"` // written by recordOf
		After   []nameSeen `json:"after,omitempty"`  // only names that differ from before
		Missing []string   `json:"missing,omitempty"`
		Changed []changed  `json:"changed,omitempty"` // the same and more: what differs of each file
		Same    bool       `json:"same"`              // the second look found what the first found
		Skipped []skipped  `json:"skipped,omitempty"`
		Problem string     `json:"problem,omitempty"`

		Clock *clockRecord `json:"clock,omitempty"`
	}
	nameSeen struct {
		Path    string      `json:"path"`
		PathHex string      `json:"path_hex,omitempty"`
		Size    int64       `json:"size"`
		ModTime int64       `json:"mtime_ns"`
		Outcome string      `json:"outcome,omitempty"`
		Samples clip.Digest `json:"samples,omitzero"` // SHA-256 of the first, middle and last 64 KiB, as they were read
	}
	skipped struct {
		Path    string `json:"path"`
		PathHex string `json:"path_hex,omitempty"`
		Reason  string `json:"reason"`
	}
)

// open enters the docking into the log and gives its source a neutral id.
func (d *docking) open(ctx context.Context) error {
	dir, _ := showPath(d.origin.shown)
	record, err := manifest.NewRecord(openedRecord{Dir: dir, Source: d.origin.source.String(), Identities: d.identities})
	if err != nil {
		return err
	}
	given := d.origin.device
	err = d.s.commit(ctx, func(tx *ledger.Tx) (err error) {
		if d.origin.device = given; given == "" { // asked anew by each run of this job
			if d.origin.device, err = (catalog{tx.Bolt()}).neutral(d.origin.source, d.s.taken(tx.Bolt())); err != nil {
				return err
			}
		}
		fields := manifest.Object{"device": d.origin.device}
		if d.origin.bay != "" {
			fields["bay"] = d.origin.bay
		}
		e, err := d.s.append(tx, manifest.Draft{Type: "docking.opened", Actor: d.want.actor, Fields: fields, Record: record})
		d.opened, d.receipt = e.N, receiptNumber(e)
		return err
	})
	if d.verdict.device == nil {
		d.base.device = d.origin.device // of a drop folder the owner is looked at again with each file
	}
	d.bay.update(func(b *BayStatus) { b.Device = d.origin.device })
	d.s.cameraCame(d.bay.status())
	return err
}

// close looks at the camera again, enters the end of the docking and says what
// the bay may show. The error is that of the entry, or of a camera that hung.
func (d *docking) close(ctx context.Context, failed error) error {
	rec := closedRecord{Skipped: make([]skipped, 0, len(d.skipped))}
	rec.Dir, _ = showPath(d.origin.shown)
	var hung error
	if failed == nil && !d.want.drop {
		hung = d.compared(ctx, &rec)
		failed = hung
	}
	if failed != nil {
		rec.Problem = failed.Error()
	}
	for _, s := range d.skipped {
		path, hex := showPath(s.Path)
		rec.Skipped = append(rec.Skipped, skipped{path, hex, s.Reason})
	}
	clock := d.clockRecord()
	if clock.telling() {
		rec.Clock = clock
	}
	record, err := d.recordOf(rec)
	if err != nil {
		return err
	}
	end := closedBy(failed)
	if end == "complete" && d.incomplete {
		end = "incomplete"
	}
	fields := d.closedFields(end, rec.Same)
	clock.enter(fields)
	err = d.s.commit(context.WithoutCancel(ctx), func(tx *ledger.Tx) error {
		_, err := d.s.append(tx, manifest.Draft{Type: "docking.closed", Actor: d.want.actor, Fields: fields, Record: record})
		return err
	})
	d.bay.update(func(b *BayStatus) {
		b.Failed += len(rec.Changed) - len(rec.Missing) // came or changed after they were read
		if err == nil {
			b.Receipt = d.receipt
		}
	})
	d.bay.finish(failed, d.s.now())
	if err == nil {
		d.s.judgeCamera(d.origin.device, clock)
	}
	d.s.markDirty()
	ring(d.s.anchors.rung)
	return errors.Join(err, hung)
}

func (d *docking) closedFields(end string, same bool) manifest.Object {
	d.mu.Lock()
	defer d.mu.Unlock()
	count := maps.Clone(d.tally)
	for _, f := range d.files {
		if f.outcome != "" {
			count[f.outcome]++
		}
	}
	o := manifest.Object{
		"docking": d.opened, "device": d.origin.device, "end": end,
		"listed": count["listed"] + int64(len(d.files)), "read": count[StateRecorded], "known": count[StateKnown],
		"unstable": count[StateUnstable], "failed": count[StateFailed], "ignored": count["ignored"],
		"skipped": int64(len(d.skipped)),
	}
	if !d.want.drop {
		o["same"] = same
	}
	return o
}

// recordOf is rec with what was seen of every file.
func (d *docking) recordOf(rec closedRecord) ([]byte, error) {
	record, err := manifest.NewRecord(rec)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return manifest.AddList(record, "before", func(yield func(nameSeen) bool) {
		for _, f := range d.files {
			if !yield(seenName(f)) {
				return
			}
		}
	})
}

func seenName(f *file) nameSeen {
	path, hex := showPath(f.Path)
	return nameSeen{path, hex, f.Size, f.ModTime.UnixNano(), f.outcome, f.samples}
}

// finish puts the end of a docking on the bay.
func (b *bay) finish(failed error, now time.Time) {
	b.update(func(st *BayStatus) {
		b.closed, b.broken = true, failed != nil
		st.Closed = now
		st.Remaining = max(0, st.Listed-st.Done)
		switch {
		case closedBy(failed) == "gone":
			st.State, st.Reason = BayGone, failed.Error()
		case errors.Is(failed, device.ErrHangs):
			st.State, st.Reason = BayHangs, failed.Error()
		case failed != nil:
			st.State, st.Reason = BayError, failed.Error()
		default:
			b.settle()
		}
	})
}

// reopen begins anew what is said of a camera whose docking was not opened and
// is tried again: until that ends, nobody may be told to take it.
func (b *bay) reopen() {
	b.update(func(st *BayStatus) {
		b.closed, b.broken = false, false
		st.State, st.MayTake, st.Closed, st.Reason = BayScanning, false, time.Time{}, ""
		st.Failed, st.Remaining, st.TotalBytes = 0, 0, 0
	})
}

// settle says that the camera may be taken once the policy is met; b.mu is held.
// One that left or hangs stays that whatever the stores say later.
func (b *bay) settle() {
	left := b.st.State == BayGone || b.st.State == BayHangs
	if !b.closed || left || b.central && len(b.waiting) > 0 || b.st.Drop {
		return
	}
	b.st.MayTake = true
	b.st.State = BayDone
	if b.broken || b.st.Remaining > 0 || b.st.Failed+b.st.Unstable > 0 {
		b.st.State = BayError
	}
}
