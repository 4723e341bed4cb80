package ingest

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// journal keeps the notes of uploads to one store in the state's database.
type journal struct {
	db    *bbolt.DB
	store string
}

func (j journal) key(key string) []byte { return []byte(j.store + "\x00" + key) }

// Load implements store.Journal.
func (j journal) Load(key string) (note []byte, err error) {
	err = j.db.View(func(tx *bbolt.Tx) error {
		note = bytes.Clone(tx.Bucket(uploadBucket).Get(j.key(key)))
		return nil
	})
	return note, err
}

// Save implements store.Journal. Notes of parts that end together share a sync.
func (j journal) Save(key string, note []byte) error {
	return j.db.Batch(func(tx *bbolt.Tx) error {
		if note == nil {
			return tx.Bucket(uploadBucket).Delete(j.key(key))
		}
		return tx.Bucket(uploadBucket).Put(j.key(key), note)
	})
}

// Keys implements store.Journal.
func (j journal) Keys(prefix string) (keys []string, err error) {
	err = j.db.View(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(uploadBucket).Cursor()
		for k, _ := cur.Seek(j.key(prefix)); bytes.HasPrefix(k, j.key(prefix)); k, _ = cur.Next() {
			keys = append(keys, string(k[len(j.store)+1:]))
		}
		return nil
	})
	return keys, err
}
