package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// answer is what a store said of a clip that it took.
type answer struct {
	job  job
	info store.Info
}

// storing enters what c answered, all that waits at a time, until u.answers is
// closed. A clip is settled, and its spool file goes, only after its entry is
// durable.
func (u *uploader) storing(ctx context.Context) {
	for a := range u.answers {
		for _, r := range u.s.stored(ctx, u.c, u.gather(a)) {
			u.results <- r
		}
	}
}

// gather adds to a what comes within groupAge of it. The last one under way waits
// for nobody.
func (u *uploader) gather(a answer) []answer {
	all := []answer{a}
	late := time.NewTimer(groupAge)
	defer late.Stop()
	for len(all) < together && u.putting.Load() > 0 {
		select {
		case a, more := <-u.answers:
			if !more {
				return all
			}
			all = append(all, a)
		case <-late.C:
			return all
		}
	}
	return all
}

// stored enters clips that c has, in one transaction, and does what follows for
// each. One that cannot be entered keeps out no other; where it is unknown what
// was entered, none is tried again.
func (s *Station) stored(ctx context.Context, c *central, all []answer) []result {
	results := make([]result, len(all))
	err := s.enterStored(ctx, c, all)
	var entered []answer
	for i, a := range all {
		one := err
		if err != nil && !errors.Is(err, ledger.ErrStopped) && len(all) > 1 {
			one = s.enterStored(ctx, c, all[i:i+1])
		}
		if one == nil {
			entered = append(entered, a)
		}
		results[i] = result{a.job, one}
	}
	if len(entered) > 0 {
		s.afterStored(c, entered)
	}
	return results
}

// enterStored makes the entries that clips, or files made from clips, are stored:
// all or none of them.
func (s *Station) enterStored(ctx context.Context, c *central, all []answer) error {
	return s.commit(ctx, func(tx *ledger.Tx) error {
		cat := catalog{tx.Bolt()}
		for _, a := range all {
			if !cat.queued(c.name, a.job.n) {
				continue
			}
			if _, err := s.append(tx, s.storedDraft(c, a)); err != nil {
				return err
			}
			if err := cat.pop(c.name, a.job.n, a.job.q.Size); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Station) storedDraft(c *central, a answer) manifest.Draft {
	q, info := a.job.q, a.info
	kind, fields := facts{N: a.job.n, Leaf: q.Leaf, Derived: q.Derived}.about(s.log)
	fields["store"], fields["lock"] = c.name, "none"
	fields["stored"] = manifest.Object{"sha256": q.SHA256.String(), "size": q.Size, "enc": "none"}
	if info.Version != "" {
		fields["version"] = info.Version
	}
	if info.Lock != "" {
		fields["lock"], fields["until"] = info.Lock, formatTime(info.Until)
	}
	return manifest.Draft{Type: kind + ".stored", Actor: "dock", Fields: fields}
}

// afterStored lets go of what was kept for c alone, and tells who waits.
func (s *Station) afterStored(c *central, all []answer) {
	digests, clips := make([]clip.Digest, len(all)), make([]int64, len(all))
	for i, a := range all {
		digests[i], clips[i] = a.job.q.SHA256, a.job.n
		s.cool(a.job.q.SHA256, a.job.q.Size)
		s.alarms.clear("clip_lost", clipName(s.log, a.job.n))
	}
	if s.conf().Keep.Days == 0 {
		if err := s.releaseSpooled(digests...); err != nil {
			s.logger.Warn("release spool", "stage", "store", "store", c.name, "err", err)
		}
	}
	s.tellStored(s.enoughOf(clips, c.name))
	ring(c.scrub)
	s.markDirty()
}

// tellStored passes on that these clips are in enough stores.
func (s *Station) tellStored(clips []int64) {
	s.mu.Lock()
	docks := make([]*docking, 0, len(s.docks))
	for d := range s.docks {
		docks = append(docks, d)
	}
	s.mu.Unlock()
	bays := s.allBays()
	for _, n := range clips {
		for _, d := range docks {
			d.stored(n)
		}
		for _, b := range bays {
			b.clipStored(n)
		}
	}
}
