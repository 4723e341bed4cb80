package ledger

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"
)

// Buckets. Numbers are keys of eight bytes, big-endian, so that order is kept.
var (
	bucketMeta    = []byte("log.meta")
	bucketHash    = []byte("log.hash")   // tlog stored hash index → hash
	bucketEntry   = []byte("log.entry")  // staged: n → entry
	bucketRecord  = []byte("log.record") // staged: n → record
	bucketFile    = []byte("log.file")   // first n of each record file → empty
	bucketShelf   = []byte("log.shelf")  // shelf id → published size
	buckets       = [][]byte{bucketMeta, bucketHash, bucketEntry, bucketRecord, bucketFile, bucketShelf}
	metaKey       = []byte("key")
	metaHead      = []byte("checkpoint")
	metaSealed    = []byte("sealed")
	appendingRate = 0.95 // rows are added in key order: leave pages full
)

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func fromNumber(b []byte) int64 {
	if len(b) != 8 {
		return -1
	}
	return int64(binary.BigEndian.Uint64(b))
}

// rows reads the hashes of the tree within a transaction.
func rows(tx *bbolt.Tx) tlog.HashReader {
	b := tx.Bucket(bucketHash)
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			if copy(out[i][:], b.Get(number(x))) != tlog.HashSize {
				return nil, fmt.Errorf("hash %d of the tree: %w", x, ErrDamaged)
			}
		}
		return out, nil
	})
}

// fullBundles is the number of entries of a log of this size that stand in
// full bundles.
func fullBundles(size int64) int64 { return size &^ 255 }

// between calls fn for each row whose number is in [from, to), in order.
func between(b *bbolt.Bucket, from, to int64, fn func(n int64, value []byte) error) error {
	c := b.Cursor()
	for k, v := c.Seek(number(from)); k != nil && fromNumber(k) < to; k, v = c.Next() {
		if err := fn(fromNumber(k), v); err != nil {
			return err
		}
	}
	return nil
}

// drop removes the rows in [from, to).
func drop(b *bbolt.Bucket, from, to int64) error {
	var keys [][]byte
	err := between(b, from, to, func(n int64, _ []byte) error {
		keys = append(keys, number(n))
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
