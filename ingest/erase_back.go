package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// found is what a docking finds of earlier erasings.
type found struct {
	gone  []row      // the camera was told to erase them and they are not on it any more
	there []keptFile // they are, so it did not
	back  []string   // they were gone and are there again
}

// reconcile settles what earlier dockings asked of this camera. Only a camera
// that is known for certain and was listed and read to its end can answer; what
// was not read now says neither.
func (d *docking) reconcile(ctx context.Context) error {
	f, err := d.findErased(ctx)
	if err != nil || len(f.gone)+len(f.there)+len(f.back) == 0 {
		return err
	}
	err = d.s.commit(ctx, func(tx *ledger.Tx) error {
		for _, r := range f.gone {
			if err := d.enterErased(tx, r, erasedGone); err != nil {
				return err
			}
		}
		if len(f.there) > 0 {
			if err := d.enterEnded(tx, endedRecord{Kept: f.there}, 0); err != nil {
				return err
			}
		}
		if len(f.back) > 0 {
			return d.enterStopped(tx, f.back)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("enter what became of an erasing: %w", err)
	}
	d.s.judgeErasing()
	d.s.markDirty()
	return nil
}

func (d *docking) findErased(ctx context.Context) (f found, err error) {
	certain := d.complete && d.s.erasing.certain(d) && d.folder.Alive(ctx) == nil
	err = d.s.db.View(func(tx *bbolt.Tx) error {
		for _, c := range d.claims {
			was, err := catalog{tx}.wasErased(c.n, d.identities)
			if err != nil {
				return err
			}
			if was {
				f.back = append(f.back, clipName(d.s.log, c.n))
			}
		}
		if tx.Bucket(metaBucket).Get([]byte(stoppedPrefix+d.origin.device)) != nil {
			f.back = nil // that is said already
		}
		if !certain {
			return nil
		}
		asked, err := catalog{tx}.pendingOf(d.origin.device, d.identities)
		if err != nil {
			return err
		}
		for _, p := range asked {
			d.find(p, &f)
		}
		return nil
	})
	slices.Sort(f.back)
	return f, err
}

// find looks for one file that the camera was told to erase.
func (d *docking) find(p pending, f *found) {
	c, read := d.claims[p.path]
	listed := slices.ContainsFunc(d.files, func(l *file) bool { return l.Path == p.path })
	skipped := slices.ContainsFunc(d.skipped, func(l device.Skipped) bool {
		return l.Path == p.path || strings.HasPrefix(p.path, l.Path+"/") // a folder that was not entered
	})
	switch {
	case read && c.n == p.row.N:
		f.there = append(f.there, keptFile{clipName(d.s.log, p.row.N), whyFailed})
	case read, !listed && !skipped: // another file has its name, or none
		f.gone = append(f.gone, p.row)
	}
}

// enterStopped ends the erasing of this camera until an admin orders it again:
// it keeps files that it said were gone.
func (d *docking) enterStopped(tx *ledger.Tx, clips []string) error {
	record, err := manifest.NewRecord(stoppedRecord{Clips: clips})
	if err != nil {
		return err
	}
	_, err = d.s.append(tx, manifest.Draft{Type: "erase.stopped", Actor: "dock", Record: record, Fields: manifest.Object{
		"device": d.origin.device, "docking": d.opened, "count": int64(len(clips)),
	}})
	return err
}

// judgeErasing keeps the alarms of erasing as the log has them.
func (s *Station) judgeErasing() {
	notes := map[string]map[string]string{}
	err := s.db.View(func(tx *bbolt.Tx) error {
		notes["erase_back"] = eraseNotes(tx, stoppedPrefix)
		notes["erase_differs"] = eraseNotes(tx, differsPrefix)
		return nil
	})
	if err != nil {
		s.logger.Error("look at erasings", "stage", "erase", "err", err)
		return
	}
	for _, al := range s.alarms.list() {
		if of, ours := notes[al.Code]; ours && of[al.Args[0]] == "" {
			s.alarms.clear(al.Code, al.Args...)
		}
	}
	for id := range notes["erase_back"] {
		s.alarms.raise("erase_back", fmt.Errorf("camera %s has files again that were erased; nothing more is erased from it: find out why, then run custodock device erase %s", id, id), s.now(), id)
	}
	for id, count := range notes["erase_differs"] {
		s.alarms.raise("erase_differs", fmt.Errorf("camera %s: %s files had other bytes when they were to be erased than when they were read; they were kept: dock it again", id, count), s.now(), id, count)
	}
	s.change.wake()
}
