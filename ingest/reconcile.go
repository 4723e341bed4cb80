package ingest

import (
	"encoding/binary"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/hash"
)

// storesKey holds the names of the stores that the queue was made for.
var storesKey = []byte("stores")

// reconcile makes the queue ask for every clip that a configured store lacks,
// and for nothing else. It reads every clip, so it runs only when the stores of
// the configuration changed or a published log was adopted.
func (s *Station) reconcile(always bool) error {
	names := strings.Join(s.storeNames(), "\n")
	return s.db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if !always && string(meta.Get(storesKey)) == names {
			return nil
		}
		if err := dropRows(tx, s.storeNames()); err != nil {
			return err
		}
		cur := tx.Bucket(clipBucket).Cursor()
		for k, v := cur.First(); k != nil; k, v = cur.Next() {
			r, err := catalog{tx}.row(int64(binary.BigEndian.Uint64(k)), v)
			if err != nil {
				return err
			}
			if err := s.enqueueRow(catalog{tx}, r, hash.Sum{SHA256: r.SHA256, Size: r.Size}); err != nil {
				return err
			}
		}
		return meta.Put(storesKey, []byte(names))
	})
}

// enqueueRow adds the rows that a clip lacks and removes those it does not need.
func (s *Station) enqueueRow(c catalog, r row, sum hash.Sum) error {
	lacks := r.lacks(s.storeNames())
	for _, store := range s.storeNames() {
		var err error
		switch wanted := slices.Contains(lacks, store); {
		case !wanted:
			err = c.pop(store, r.N, r.Size)
		case !c.queued(store, r.N):
			err = c.push(store, r.N, queued{
				Leaf: r.Leaf, SHA256: r.SHA256, Size: r.Size, CRC64: sum.CRC64, PartSize: sum.PartSize, Parts: sum.Parts, Since: s.now(),
				Derived: r.Derived,
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enqueueLacking makes the queue ask for what the stores lack of a clip that a
// docking brought again.
func (s *Station) enqueueLacking(c catalog, n int64, sum hash.Sum) error {
	r, err := c.clip(n)
	if err != nil {
		return err
	}
	return s.enqueueRow(c, r, sum)
}
