package ingest

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/manifest"
)

// The queue holds a row for each (store, clip) that is still to be stored. How
// much that is stands beside it, kept in the same transactions, so that a dock
// with a hundred thousand rows is ready at once and can say how long its queues
// are without reading them.

const rowBatch = 256

// job is one queue row.
type job struct {
	n int64
	q queued
}

// load is how much waits for one store.
type load struct{ clips, bytes int64 }

func (c catalog) load(store string) load {
	b := c.tx.Bucket(loadBucket).Get([]byte(store))
	if len(b) != 16 {
		return load{}
	}
	return load{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}
}

func (c catalog) addLoad(store string, clips, size int64) error {
	l := c.load(store)
	b := binary.BigEndian.AppendUint64(nil, uint64(l.clips+clips))
	b = binary.BigEndian.AppendUint64(b, uint64(l.bytes+size))
	return c.tx.Bucket(loadBucket).Put([]byte(store), b)
}

func (c catalog) queued(store string, n int64) bool {
	return c.tx.Bucket(queueBucket).Get(queueKey(store, n)) != nil
}

// push adds a row that is not there yet.
func (c catalog) push(store string, n int64, q queued) error {
	if err := c.put(queueBucket, queueKey(store, n), q); err != nil {
		return err
	}
	return c.addLoad(store, 1, q.Size)
}

// pop removes a row of a clip of size bytes, if it is there.
func (c catalog) pop(store string, n, size int64) error {
	if !c.queued(store, n) {
		return nil
	}
	if err := c.tx.Bucket(queueBucket).Delete(queueKey(store, n)); err != nil {
		return err
	}
	return c.addLoad(store, -1, -size)
}

func (c catalog) enqueue(store string, e manifest.Entry, sum hash.Sum, now time.Time) error {
	return c.push(store, e.N, queued{
		Leaf:   leafOf(e),
		SHA256: sum.SHA256, Size: sum.Size, CRC64: sum.CRC64, PartSize: sum.PartSize, Parts: sum.Parts, Since: now,
	})
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

// queue says what waits for a store.
func (s *Station) queue(c *central) (QueueStatus, error) {
	q := QueueStatus{Store: c.name, URL: c.cfg.URL}
	if err := c.problem(); err != nil {
		q.Error = err.Error()
	}
	err := s.db.View(func(tx *bbolt.Tx) error {
		l := catalog{tx}.load(c.name)
		q.Clips, q.Bytes = int(l.clips), l.bytes
		prefix := append([]byte(c.name), 0)
		if k, v := tx.Bucket(queueBucket).Cursor().Seek(prefix); bytes.HasPrefix(k, prefix) {
			var first queued
			if err := decode(v, &first); err != nil {
				return err
			}
			q.Oldest = first.Since
		}
		return nil
	})
	return q, err
}

// queueEmpty reports whether no clip waits for any store.
func (s *Station) queueEmpty() bool {
	empty := true
	_ = s.db.View(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(queueBucket).Cursor().First()
		empty = k == nil
		return nil
	})
	return empty
}

// recount makes the loads anew from the rows.
func recount(tx *bbolt.Tx) error {
	loads := map[string]load{}
	cur := tx.Bucket(queueBucket).Cursor()
	for k, v := cur.First(); k != nil; k, v = cur.Next() {
		name, _, _ := strings.Cut(string(k), "\x00")
		var q queued
		if err := decode(v, &q); err != nil {
			return err
		}
		l := loads[name]
		loads[name] = load{l.clips + 1, l.bytes + q.Size}
	}
	if err := tx.DeleteBucket(loadBucket); err != nil {
		return err
	}
	if _, err := tx.CreateBucket(loadBucket); err != nil {
		return err
	}
	for name, l := range loads {
		if err := (catalog{tx}).addLoad(name, l.clips, l.bytes); err != nil {
			return err
		}
	}
	return nil
}

// dropRows removes rows for stores that are not configured any more.
func dropRows(tx *bbolt.Tx, stores []string) error {
	cur := tx.Bucket(queueBucket).Cursor()
	for k, _ := cur.First(); k != nil; k, _ = cur.Next() {
		name, _, _ := strings.Cut(string(k), "\x00")
		if slices.Contains(stores, name) {
			continue
		}
		if err := cur.Delete(); err != nil {
			return err
		}
	}
	return recount(tx)
}
