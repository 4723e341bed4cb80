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
	"github.com/custodock/custodock/store"
)

// put has the store take one clip. It is not stored until that is entered.
func (s *Station) put(ctx context.Context, c *central, j job) (store.Info, error) {
	if err := s.ensureSpooled(ctx, c, j); err != nil {
		return store.Info{}, err
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
		return info, fmt.Errorf("%w: %w", errClip, err)
	case errors.Is(err, store.ErrExists):
		return info, fmt.Errorf("%w: %w", errClip, err)
	case err != nil:
		return info, err
	case info.Size != j.q.Size: // the spool file would go on its word
		return info, fmt.Errorf("store %s says it has %d bytes of clip %s, which has %d: verify the store", c.name, info.Size, clipName(s.log, j.n), j.q.Size)
	}
	c.recheckLock(o, info)
	return info, nil
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
	if _, folder := localPath(c.cfg.URL); folder {
		return "" // it has no versions
	}
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

// spoolNeeded is which of digests a clip has that waits for a store.
func (s *Station) spoolNeeded(digests []clip.Digest) (needed map[clip.Digest]bool, err error) {
	needed = map[clip.Digest]bool{}
	names := s.storeNames()
	err = s.db.View(func(tx *bbolt.Tx) error {
		for _, d := range digests {
			waits, err := catalog{tx}.spoolNeeded(d, names)
			if err != nil {
				return err
			}
			if waits {
				needed[d] = true
			}
		}
		return nil
	})
	return needed, err
}

// enough reports whether as many stores said that they have clip n as the
// configuration wants.
func (s *Station) enough(n int64) bool { return len(s.enoughOf([]int64{n}, "")) > 0 }

// enoughOf is of which clips it is so. The answer of the store has, "" for none, was
// just entered.
func (s *Station) enoughOf(clips []int64, has string) (in []int64) {
	if len(clips) == 0 {
		return nil
	}
	names := s.storeNames()
	wanted := s.wanted(len(names))
	_ = s.db.View(func(tx *bbolt.Tx) error {
		for _, n := range clips {
			if have, err := (catalog{tx}).copies(n, names, has); err == nil && have >= wanted {
				in = append(in, n)
			}
		}
		return nil
	})
	return in
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
