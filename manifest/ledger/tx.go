package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// Tx is the transaction that jobs share. It is valid only within the job.
type Tx struct {
	l     *Ledger
	bolt  *bbolt.Tx
	start int64 // entries before this transaction
	size  int64
	moved *head           // set by jobs of this package that end in a checkpoint signed earlier
	seal  *head           // set by a job that seals
	err   error           // an Append that failed half-way: nothing of this may be committed
	clock *manifest.Clock // as the first entry of this transaction found it
}

// Appended is where an entry went.
type Appended struct {
	N     int64
	Leaf  tlog.Hash
	Raw   []byte
	Time  time.Time      // as the entry says it, UTC, milliseconds
	Entry manifest.Entry // as parsing Raw gives it
}

// Bolt is the bbolt transaction, for the caller's own buckets; names that
// begin with "log." are the ledger's. Neither commit it nor roll it back.
func (t *Tx) Bolt() *bbolt.Tx { return t.bolt }

// Size is the number of entries, those of this transaction included.
func (t *Tx) Size() int64 { return t.size }

// Append gives the draft the next place in the log and stages its bytes and
// those of its record. It is part of the log when Commit returns nil.
func (t *Tx) Append(d manifest.Draft) (Appended, error) {
	if t.l.isAdopting() {
		return Appended{}, errors.New("append: the log is being recovered")
	}
	now := t.l.o.Now().UTC().Truncate(time.Millisecond)
	if t.clock == nil {
		clock := t.l.o.Clock()
		t.clock = &clock
	}
	e, err := d.Entry(t.l.o.Log, t.size, manifest.NewNonce(), now, *t.clock)
	if err != nil {
		return Appended{}, fmt.Errorf("append: %w", err)
	}
	a := Appended{N: t.size, Leaf: manifest.LeafHash(e.Raw), Raw: e.Raw, Time: now, Entry: e}
	if err := t.put(a.N, a.Leaf, e.Raw, d.Record); err != nil {
		t.err = fmt.Errorf("append: %w", err)
		return Appended{}, t.err
	}
	t.size++
	return a, nil
}

// put stages entry n, its record when there is one, and its hashes. The
// hashes of all entries before must be there.
func (t *Tx) put(n int64, leaf tlog.Hash, raw, record []byte) error {
	if err := t.putHashes(n, leaf); err != nil {
		return err
	}
	entries := t.bolt.Bucket(bucketEntry)
	entries.FillPercent = appendingRate
	if err := entries.Put(number(n), raw); err != nil {
		return err
	}
	if record == nil {
		return nil
	}
	if bytes.IndexByte(record, '\n') >= 0 {
		return fmt.Errorf("record of entry %d: %w: it is not one line", n, manifest.ErrMalformed)
	}
	records := t.bolt.Bucket(bucketRecord)
	records.FillPercent = appendingRate
	return records.Put(number(n), record)
}

func (t *Tx) putHashes(n int64, leaf tlog.Hash) error {
	hashes, err := tlog.StoredHashesForRecordHash(n, leaf, rows(t.bolt))
	if err != nil {
		return err
	}
	b := t.bolt.Bucket(bucketHash)
	b.FillPercent = appendingRate
	for i, h := range hashes {
		if err := b.Put(number(tlog.StoredHashIndex(0, n)+int64(i)), h[:]); err != nil {
			return err
		}
	}
	return nil
}

// finish signs what the jobs appended and returns the head after them, as it
// will be when the transaction is durable.
func (t *Tx) finish(before head) (head, error) {
	switch {
	case t.moved != nil:
		return *t.moved, t.bolt.Bucket(bucketMeta).Put(metaHead, t.moved.note)
	case t.size == t.start:
		return before, nil
	}
	root, err := tlog.TreeHash(t.size, rows(t.bolt))
	if err != nil {
		return head{}, err
	}
	msg, err := t.l.sign(t.size, root)
	if err != nil {
		return head{}, err
	}
	return head{size: t.size, root: root, note: msg}, t.bolt.Bucket(bucketMeta).Put(metaHead, msg)
}
