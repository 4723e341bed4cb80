package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// send puts one clip into the store and enters it. The spool file goes only
// after the entry is durable.
func (s *Station) send(ctx context.Context, c *central, j job) error {
	if err := s.ensureSpooled(ctx, c, j); err != nil {
		return err
	}
	o := store.Object{
		Digest: j.q.SHA256, Size: j.q.Size, Path: s.spool.path(j.q.SHA256),
		CRC64: j.q.CRC64, PartSize: j.q.PartSize, Parts: j.q.Parts, Version: s.versionIn(c, j),
	}
	if mode, retain := c.cfg.Locked(); mode != configs.LockNone {
		o.Until = lockedUntil(j.q.Since, s.now(), retain)
	}
	var info store.Info
	err := c.use(func(st store.Store) (err error) {
		info, err = st.Put(ctx, o)
		return err
	})
	switch {
	case errors.Is(err, store.ErrDamaged):
		s.spool.setAside(j.q.SHA256)
		return fmt.Errorf("%w: %w", errClip, err)
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("%w: %w", errClip, err)
	case err != nil:
		return err
	case info.Size != j.q.Size: // the spool file would go on its word
		return fmt.Errorf("store %s says it has %d bytes of clip %s, which has %d: verify the store", c.name, info.Size, clipName(s.log, j.n), j.q.Size)
	}
	c.recheckLock(o, info)
	if err := s.enterStored(ctx, c, j, info); err != nil {
		return err
	}
	s.cool(j.q.SHA256, j.q.Size)
	if s.conf().Keep.Days == 0 {
		if err := s.releaseSpooled(j.q.SHA256); err != nil {
			s.logger.Warn("release spool", "stage", "store", "clip", clipName(s.log, j.n), "err", err)
		}
	}
	s.alarms.clear("clip_lost", clipName(s.log, j.n))
	if s.enough(j.n) {
		s.tellStored(j.n)
	}
	ring(c.scrub)
	s.markDirty()
	return nil
}

// lockedUntil is the end of the lock of a clip: so long after it was taken in.
// Where that has passed before a store has the clip, the clock was wrong then,
// and the lock counts from now: no clip goes without one for it.
func lockedUntil(since, now time.Time, retain time.Duration) time.Time {
	if until := since.Add(retain); until.After(now) {
		return until
	}
	return now.Add(retain)
}

// versionIn is the version that c said it has of the bytes of another clip, ""
// when there is none: what hides it now must not bring a second one about. The
// log is asked after the transaction: it opens one of its own, and one within
// another waits for ever once the database must grow between the two.
func (s *Station) versionIn(c *central, j job) (version string) {
	var holders []row
	_ = s.db.View(func(tx *bbolt.Tx) error {
		cat := catalog{tx}
		for _, n := range cat.holders(j.q.SHA256) {
			if n == j.n {
				continue
			}
			r, err := cat.clip(n)
			if err != nil {
				return err
			}
			if _, there := r.Stored[c.name]; there {
				holders = append(holders, r)
			}
		}
		return nil
	})
	for _, r := range holders {
		if pin, err := s.pinned(r, c.name); err == nil && pin.Str("version") != "" {
			return pin.Str("version")
		}
	}
	return ""
}

// errClip marks a failure that is the clip's own: the store is well.
var errClip = errors.New("dock its camera again")

// errElsewhere marks a clip whose bytes are in a store that is away: nothing is
// lost, and this store is well.
var errElsewhere = errors.New("its bytes are in a store that is away")

// ensureSpooled brings the clip's bytes back into the spool from another store
// when they are not there: a store that was added later gets everything so.
func (s *Station) ensureSpooled(ctx context.Context, c *central, j job) error {
	path := s.spool.path(j.q.SHA256)
	if isFile(path) {
		return nil
	}
	r, err := s.rowOf(j.n)
	if err != nil {
		return err
	}
	lost := fmt.Errorf("%w: its spool file %s is lost", errClip, path)
	for _, other := range s.centrals() {
		if _, has := r.Stored[other.name]; !has || other == c {
			continue
		}
		pin, err := s.pinned(r, other.name)
		if err == nil {
			err = other.use(func(st store.Store) error { return s.fetch(ctx, st, j, pin.Str("version")) })
		}
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, store.ErrNotExist) && !errors.Is(err, store.ErrDamaged):
			return fmt.Errorf("%w: %w", errElsewhere, err)
		}
		lost = fmt.Errorf("%w, and cannot be fetched: %w", lost, err)
	}
	return lost
}

// fetch copies an object of a store into the spool and checks it on the way.
func (s *Station) fetch(ctx context.Context, st store.Store, j job, version string) error {
	in, err := st.Open(ctx, store.Name(j.q.SHA256), version)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := s.spool.create(j.q.Size)
	if err != nil {
		return err
	}
	sum, err := hash.Copy(ctx, out, in, hash.NewPool(buffersPerDocking), false)
	if err == nil && sum.SHA256 != j.q.SHA256 {
		err = fmt.Errorf("%s: %w", store.Name(j.q.SHA256), store.ErrDamaged)
	}
	if err != nil {
		out.discard()
		return err
	}
	if err := s.spool.place(out, j.q.SHA256); err != nil {
		return err
	}
	if err := s.spool.sync(ctx, out); err != nil {
		s.spool.setAside(j.q.SHA256) // or the next look would take it for durable
		return err
	}
	return nil
}

func (s *Station) enterStored(ctx context.Context, c *central, j job, info store.Info) error {
	return s.commit(ctx, func(tx *ledger.Tx) error {
		cat := catalog{tx.Bolt()}
		if !cat.queued(c.name, j.n) {
			return nil
		}
		kind, fields := row{N: j.n, Leaf: j.q.Leaf, Derived: j.q.Derived}.about(s.log)
		fields["store"], fields["lock"] = c.name, "none"
		fields["stored"] = manifest.Object{"sha256": j.q.SHA256.String(), "size": j.q.Size, "enc": "none"}
		if info.Version != "" {
			fields["version"] = info.Version
		}
		if info.Lock != "" {
			fields["lock"], fields["until"] = info.Lock, formatTime(info.Until)
		}
		if _, err := s.append(tx, manifest.Draft{Type: kind + ".stored", Actor: "dock", Fields: fields}); err != nil {
			return err
		}
		return cat.pop(c.name, j.n, j.q.Size)
	})
}

func (s *Station) spoolNeeded(d clip.Digest) (needed bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) (err error) {
		needed, err = catalog{tx}.spoolNeeded(d, s.storeNames())
		return err
	})
	return needed || err != nil, err
}

// enough reports whether as many stores said that they have clip n as the
// configuration wants.
func (s *Station) enough(n int64) bool {
	names, have := s.storeNames(), 0
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		have, err = catalog{tx}.copies(n, names)
		return err
	})
	return err == nil && have >= s.wanted(len(names))
}

// wanted is how many of so many stores make a clip stored.
func (s *Station) wanted(stores int) int {
	if n := s.conf().Copies.Stored; n > 0 {
		return min(n, stores)
	}
	return stores
}

// spooled reports whether the bytes of clip n are safe: in enough stores, or
// whole in the spool.
func (s *Station) spooled(n int64) bool {
	if s.enough(n) {
		return true
	}
	var r row
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		r, err = catalog{tx}.clip(n)
		return err
	})
	if err != nil {
		return false
	}
	fi, err := os.Stat(s.spool.path(r.SHA256))
	return err == nil && fi.Size() == r.Size
}

// wakeUploads tells every uploader that rows were added.
func (s *Station) wakeUploads() {
	for _, c := range s.centrals() {
		ring(c.wake)
	}
}

// tellStored passes on that clip n is in enough stores.
func (s *Station) tellStored(n int64) {
	s.mu.Lock()
	docks := make([]*docking, 0, len(s.docks))
	for d := range s.docks {
		docks = append(docks, d)
	}
	s.mu.Unlock()
	for _, d := range docks {
		d.stored(n)
	}
	for _, b := range s.allBays() {
		b.clipStored(n)
	}
}
