package ingest

import (
	"slices"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/fsuuid"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store/dir"
)

const (
	lockMargin = time.Hour   // that a lock must last beyond the erasing
	lockSlack  = time.Minute // between an entry's time and the one its lock was counted from
)

// witness is a store that may say that a clip is safe without its camera.
type witness struct {
	c      *central
	shown  int64 // entries of the log it shows
	refuse why   // for which it is none
	mode   string
	retain time.Duration
}

// witness looks at a store itself. The dock's own disk is no witness, and
// neither is a folder whose disk is away, or has another in its place.
func (s *Station) witness(c *central) witness {
	p := witness{c: c}
	p.mode, p.retain = c.cfg.Locked()
	p.shown, _ = s.ledger.Published(c.name) // 0 when it is not known
	path, local := localPath(c.cfg.URL)
	switch {
	case !local && p.mode == configs.LockNone:
		p.refuse = whyUnlocked
	case !local:
	case !dir.IsStore(path), s.samePlace(c.cfg) != nil:
		p.refuse = whyUnconfirmed
	case within(path, s.state), sameFilesystem(s.spool.dir, path), sameFilesystem(s.state, path):
		p.refuse = whySameDisk
	}
	return p
}

// sameFilesystem reports whether two paths are on one file system, also when
// that cannot be found out. One can have several device numbers, so its own
// name counts as well where it has one.
func sameFilesystem(a, b string) bool {
	if sameDisk(a, b) {
		return true
	}
	one, _, err1 := fsuuid.Of(a)
	other, _, err2 := fsuuid.Of(b)
	return err1 == nil && err2 == nil && one == other
}

// proved reports "" when as many stores as are wanted hold the clip so that its
// camera need not, else what the store that is nearest to that lacks. One store
// that was found without it is enough to keep the file.
func (j judgement) proved(r row) why {
	for _, p := range j.witnesses {
		if proof := r.Proofs[p.c.name]; proof.Entry > 0 && !proof.Whole {
			return whyDamaged
		}
	}
	order := []why{whyUnconfirmed, whySameDisk, whyUnlocked, whyClock, whyUnpublished, whyUncosigned}
	have, nearest := 0, whyUnconfirmed
	for _, p := range j.witnesses {
		reason := j.proves(p, r)
		if reason == "" {
			have++
		} else if slices.Index(order, reason) > slices.Index(order, nearest) {
			nearest = reason
		}
	}
	if have >= max(1, j.cfg.Copies.Confirmed) {
		return ""
	}
	return nearest
}

// proves reports "" when the store read the pinned version back whole, holds it
// locked where it locks, and shows the log in which that stands. What counts is
// the signed entry.
func (j judgement) proves(p witness, r row) why {
	proof := r.Proofs[p.c.name]
	stored, there := r.Stored[p.c.name]
	if !there || !proof.Whole || proof.Entry <= stored {
		return whyUnconfirmed
	}
	if p.refuse != "" {
		return p.refuse
	}
	pin, err := j.d.s.pinned(r, p.c.name)
	if err != nil {
		return whyUnconfirmed
	}
	e, err := j.entry(proof.Entry)
	size, _ := e.Fields.Int("size")
	if err != nil || e.Type != "clip.confirmed" || e.Fields.Str("clip") != clipName(j.d.s.log, r.N) || e.Fields.Str("leaf") != r.Leaf ||
		e.Fields.Str("store") != p.c.name || e.Fields.Str("version") != pin.Str("version") ||
		e.Fields.Str("sha256") != r.SHA256.String() || size != r.Size {
		return whyUnconfirmed
	}
	if p.mode != configs.LockNone {
		if reason := j.locked(p, r, e); reason != "" {
			return reason
		}
	}
	if p.shown <= max(r.N, proof.Entry) {
		return whyUnpublished
	}
	if j.cfg.Erase.Cosigned && j.cosigned <= max(r.N, proof.Entry) {
		return whyUncosigned
	}
	return ""
}

// locked reports "" when the lock is the expected one and outlives the erasing,
// by a clock that can be believed.
func (j judgement) locked(p witness, r row, e manifest.Entry) why {
	lock := e.Fields.Str("lock")
	if lock != p.mode && lock != configs.LockCompliance {
		return whyUnlocked
	}
	end, err := time.Parse(entryTime, e.Fields.Str("until"))
	switch {
	case err != nil, end.Before(r.Ingested.Add(p.retain - lockSlack)), end.Before(j.now.Add(lockMargin)):
		return whyUnlocked
	case !j.clock.Synced:
		return whyClock
	}
	return ""
}
