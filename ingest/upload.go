package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

const (
	uploads  = 128 // clips on their way to one store at once
	rowBatch = 256
)

// job is one queue row.
type job struct {
	n int64
	q queued
}

func (c catalog) enqueue(store string, e manifest.Entry, sum hash.Sum, now time.Time) error {
	return c.put(queueBucket, queueKey(store, e.N), queued{
		Leaf:   leafOf(e),
		SHA256: sum.SHA256, Size: sum.Size, CRC64: sum.CRC64, PartSize: sum.PartSize, Parts: sum.Parts, Since: now,
	})
}

// upload drains c's queue until ctx ends: a pass over all rows, then a wait for
// new ones, or for a while when some failed.
func (s *Station) upload(ctx context.Context, c *central) error {
	for failures := 0; ; {
		failed, err := s.pass(ctx, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case err != nil, failed > 0:
			failures++
			if backoff(ctx, failures, nil) != nil {
				return ctx.Err()
			}
		default:
			failures = 0
			select {
			case <-c.wake:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// pass tries every row of c's queue once and returns how many failed.
func (s *Station) pass(ctx context.Context, c *central) (int64, error) {
	err := s.reach(ctx, c)
	if err == nil {
		err = s.check(ctx, c)
	}
	s.storeAlarm(c, err)
	if err != nil {
		return 0, err
	}
	var failed atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(uploads)
	for after := int64(-1); ; {
		jobs, err := s.jobs(c.name, after)
		if err != nil || len(jobs) == 0 || ctx.Err() != nil {
			_ = g.Wait()
			if failed.Load() == 0 && err == nil {
				s.storeAlarm(c, nil)
			} else {
				c.letGo(c.problem())
			}
			return failed.Load(), err
		}
		after = jobs[len(jobs)-1].n
		for _, j := range jobs {
			g.Go(func() error {
				if err := s.send(ctx, c, j); err != nil && ctx.Err() == nil {
					failed.Add(1)
					s.storeAlarm(c, err)
					s.logger.Warn("upload", "stage", "store", "clip", clipName(s.log, j.n), "err", err)
				}
				return nil
			})
		}
	}
}

// jobs returns the next rows of a store's queue.
func (s *Station) jobs(name string, after int64) ([]job, error) {
	var out []job
	err := s.db.View(func(tx *bbolt.Tx) error {
		prefix := append([]byte(name), 0)
		cur := tx.Bucket(queueBucket).Cursor()
		for k, v := cur.Seek(queueKey(name, after+1)); bytes.HasPrefix(k, prefix) && len(out) < rowBatch; k, v = cur.Next() {
			j := job{n: int64(binary.BigEndian.Uint64(k[len(prefix):]))}
			if err := decode(v, &j.q); err != nil {
				return err
			}
			out = append(out, j)
		}
		return nil
	})
	return out, err
}

// send puts one clip into the store and enters it. The spool file goes only
// after the entry is durable.
func (s *Station) send(ctx context.Context, c *central, j job) error {
	path := s.spool.path(j.q.SHA256)
	var info store.Info
	err := c.use(func(st store.Store) (err error) {
		info, err = st.Put(ctx, store.Object{
			Digest: j.q.SHA256, Size: j.q.Size, Path: path, CRC64: j.q.CRC64, PartSize: j.q.PartSize, Parts: j.q.Parts,
		})
		return err
	})
	switch {
	case errors.Is(err, store.ErrDamaged):
		// Set aside, not removed: the next docking of the camera brings a good copy.
		_ = os.Rename(path, path+".damaged")
		return fmt.Errorf("spool file of clip %s: %w: dock its camera again", clipName(s.log, j.n), err)
	case errors.Is(err, fs.ErrNotExist) && !isFile(path):
		return fmt.Errorf("spool file of clip %s is lost: dock its camera again", clipName(s.log, j.n))
	case err != nil:
		return err
	}
	if err := s.enterStored(ctx, c, j, info); err != nil {
		return err
	}
	if err := s.spool.release(j.q.SHA256, func() (bool, error) { return s.spoolNeeded(j.q.SHA256) }); err != nil {
		s.logger.Warn("release spool", "stage", "store", "clip", clipName(s.log, j.n), "err", err)
	}
	if s.storedEverywhere(j.n) {
		s.tellStored(j.n)
	}
	s.markDirty()
	return nil
}

func (s *Station) enterStored(ctx context.Context, c *central, j job, info store.Info) error {
	return s.commit(ctx, func(tx *ledger.Tx) error {
		rowKey := queueKey(c.name, j.n)
		if tx.Bolt().Bucket(queueBucket).Get(rowKey) == nil {
			return nil
		}
		fields := manifest.Object{
			"clip": clipName(s.log, j.n), "leaf": j.q.Leaf, "store": c.name,
			"stored": manifest.Object{"sha256": j.q.SHA256.String(), "size": j.q.Size, "enc": "none"},
			"lock":   "none",
		}
		if info.Version != "" {
			fields["version"] = info.Version
		}
		if info.Lock != "" {
			fields["lock"], fields["until"] = info.Lock, formatTime(info.Until)
		}
		if _, err := s.append(tx, manifest.Draft{Type: "clip.stored", Actor: "dock", Fields: fields}); err != nil {
			return err
		}
		return tx.Bolt().Bucket(queueBucket).Delete(rowKey)
	})
}

func (s *Station) spoolNeeded(d clip.Digest) (needed bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		needed = catalog{tx}.spoolNeeded(d, s.storeNames())
		return nil
	})
	return needed, err
}

// storedEverywhere reports whether clip n waits for no store.
func (s *Station) storedEverywhere(n int64) (done bool) {
	_ = s.db.View(func(tx *bbolt.Tx) error {
		done = !catalog{tx}.waiting(n, s.storeNames())
		return nil
	})
	return done
}

// spooled reports whether the bytes of clip n are safe: in every store, or
// whole in the spool.
func (s *Station) spooled(n int64) bool {
	if s.storedEverywhere(n) {
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
	for _, c := range s.stores {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// tellStored passes on that clip n is in every store.
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
