package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// The results in a clip.erased entry.
const (
	erasedNow  = "erased"     // the camera was told to and did
	erasedGone = "found_gone" // it was told to, and a later docking found the file gone
)

// outcome is what became of the files of one batch.
type outcome struct {
	erased  []row
	kept    []keptFile
	unknown []string
	changed int
	problem error // the first
}

// act erases some files. The order is the promise:
//
//  1. erase.begun is durable, with every path and digest: a crash after it
//     leaves files that are asked about at the next docking of the camera;
//  2. file by file the conditions are looked at again, and the camera is asked;
//  3. one transaction says what became of them: a crash before it leaves files
//     that are gone and not said to be, which the next docking finds.
//
// So nothing is erased that was not announced, and clip.erased is only said of
// files that are gone.
func (e *erasure) act(ctx context.Context, batch []claim, o *EraseOrder) error {
	rows, err := e.begin(ctx, batch, o)
	if err != nil {
		return fmt.Errorf("announce an erasing: %w", err)
	}
	e.d.bay.update(func(b *BayStatus) { b.Erase = &EraseStatus{Busy: true, Erased: e.erased, Left: len(e.left)} })
	var out outcome
	for i, f := range batch {
		// Anew for each: a file of gigabytes takes its time, and meanwhile the
		// configuration, a store or the owner may be another.
		e.one(ctx, e.d.judge(o != nil), f, rows[i], &out)
	}
	if err := e.end(context.WithoutCancel(ctx), out); err != nil {
		return fmt.Errorf("enter what was erased: %w", err)
	}
	e.took(out)
	return nil
}

// begin enters what is about to go and returns the clips. Whatever of it stays is
// read whole the next time, since what was known of its path is forgotten.
func (e *erasure) begin(ctx context.Context, batch []claim, o *EraseOrder) ([]row, error) {
	rec := begunRecord{Identities: e.d.identities}
	rows := make([]row, len(batch))
	for i, f := range batch {
		r, err := e.d.s.rowOf(f.n)
		if err != nil {
			return nil, err
		}
		path, hex := showPath(f.path)
		rows[i] = r
		rec.Files = append(rec.Files, erasingFile{Clip: clipName(e.d.s.log, f.n), Path: path, PathHex: hex, Size: r.Size, SHA256: r.SHA256})
	}
	draft := manifest.Draft{Type: "erase.begun", Actor: "dock", Fields: manifest.Object{
		"device": e.d.origin.device, "docking": e.d.opened, "count": int64(len(batch)), "mode": e.d.s.conf().Erase.Mode,
	}}
	if o != nil {
		rec.Reason = o.Reason
		draft.Actor, draft.Fields["mode"] = o.Actor, modeManual
	}
	var err error
	if draft.Record, err = manifest.NewRecord(rec); err != nil {
		return nil, err
	}
	return rows, e.d.s.commit(ctx, func(tx *ledger.Tx) error {
		for _, f := range batch {
			if err := tx.Bolt().Bucket(seenBucket).Delete(pathKey(e.d.origin.source, f.path)); err != nil {
				return err
			}
		}
		_, err := e.d.s.append(tx, draft)
		return err
	})
}

// one asks the camera to erase one file, unless something came up since it was
// announced.
func (e *erasure) one(ctx context.Context, j judgement, f claim, r row, out *outcome) {
	name := clipName(e.d.s.log, f.n)
	keep := func(reason why) { out.kept = append(out.kept, keptFile{name, reason}) }
	if e.stop == "" && ctx.Err() != nil {
		e.stop = whyGone
	}
	if e.stop != "" {
		keep(e.stop)
		return
	}
	if reason := j.mayErase(f); reason != "" {
		keep(reason)
		return
	}
	err := e.tree.Erase(ctx, device.EraseRequest{Path: f.path, Size: r.Size, SHA256: r.SHA256})
	if err != nil && out.problem == nil {
		out.problem = err
	}
	switch {
	case err == nil && e.d.there(f.path):
		e.stop = whyBack
		keep(whyBack)
	case err == nil:
		out.erased = append(out.erased, r)
	case errors.Is(err, device.ErrChanged):
		out.changed++
		keep(whyChanged)
	case errors.Is(err, device.ErrProtected):
		keep(whyProtected)
	case errors.Is(err, device.ErrReadOnly):
		e.stop = whyReadOnly
		keep(whyReadOnly)
	default:
		if e.stop = whyFailed; ctx.Err() != nil || errors.Is(err, device.ErrGone) {
			e.stop = whyGone
		}
		out.unknown = append(out.unknown, name)
	}
}

// there reports whether a file that was erased can still be opened.
func (d *docking) there(path string) bool {
	f, err := d.folder.Open(path)
	if err != nil {
		return false
	}
	_ = f.Close()
	return true
}

// end enters what became of a batch.
func (e *erasure) end(ctx context.Context, out outcome) error {
	s, d := e.d.s, e.d
	return s.commit(ctx, func(tx *ledger.Tx) error {
		for _, r := range out.erased {
			if err := d.enterErased(tx, r, erasedNow); err != nil {
				return err
			}
		}
		if len(out.kept)+len(out.unknown) > 0 {
			rec := endedRecord{Kept: out.kept, Unknown: out.unknown}
			if out.problem != nil {
				rec.Problem = out.problem.Error()
			}
			if err := d.enterEnded(tx, rec, out.changed); err != nil {
				return err
			}
		}
		if e.stop == whyBack {
			return d.enterStopped(tx, clipsKept(out.kept, whyBack))
		}
		return nil
	})
}

func clipsKept(kept []keptFile, reason why) (clips []string) {
	for _, k := range kept {
		if k.Why == reason {
			clips = append(clips, k.Clip)
		}
	}
	return clips
}

func (d *docking) enterErased(tx *ledger.Tx, r row, result string) error {
	_, err := d.s.append(tx, manifest.Draft{Type: "clip.erased", Actor: "dock", Fields: manifest.Object{
		"clip": clipName(d.s.log, r.N), "leaf": r.Leaf, "docking": d.opened, "device": d.origin.device, "result": result,
	}})
	return err
}

func (d *docking) enterEnded(tx *ledger.Tx, rec endedRecord, changed int) error {
	record, err := manifest.NewRecord(rec)
	if err != nil {
		return err
	}
	_, err = d.s.append(tx, manifest.Draft{Type: "erase.ended", Actor: "dock", Record: record, Fields: manifest.Object{
		"device": d.origin.device, "docking": d.opened,
		"kept": int64(len(rec.Kept)), "changed": int64(changed), "unknown": int64(len(rec.Unknown)),
	}})
	return err
}

// took counts what became of a batch and tells who has to know.
func (e *erasure) took(out outcome) {
	stay := map[int64]why{}
	for _, k := range out.kept {
		if n, err := parseClip(e.d.s.log, k.Clip); err == nil && (k.Why == whyChanged || k.Why == whyProtected) {
			stay[n] = k.Why
		}
	}
	gone := map[int64]bool{}
	for _, r := range out.erased {
		gone[r.N] = true
	}
	left := e.left[:0]
	for _, f := range e.left {
		if gone[f.n] {
			continue
		}
		if reason, settled := stay[f.n]; settled {
			f.stay = reason
		}
		left = append(left, f)
	}
	e.left = left
	e.erased += len(out.erased)
	if out.changed > 0 {
		e.d.bay.update(func(b *BayStatus) {
			b.Remaining += out.changed
			b.Reason = "a file has other bytes than were read; dock the camera again"
			e.d.bay.settle()
		})
	}
	if e.stop == whyFailed || e.stop == whyReadOnly {
		e.d.s.logger.Warn("erase", "stage", "erase", "camera", e.d.origin.device, "err", out.problem)
	}
	e.d.s.judgeErasing()
	e.d.s.markDirty()
}
