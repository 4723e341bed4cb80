package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
)

// ErrNoClip is wrapped when a name is no clip of this dock.
var ErrNoClip = errors.New("no such clip on this dock")

// catalog reads and writes the dock's knowledge of clips inside a transaction.
type catalog struct{ tx *bbolt.Tx }

func makeBuckets(tx *bbolt.Tx) error {
	older := tx.Bucket(queueBucket) != nil && tx.Bucket(proofBucket) == nil
	for _, name := range allBuckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	if older { // a state that knows neither loads nor proofs
		return errors.Join(recount(tx), scheduleAll(tx))
	}
	return nil
}

func (c catalog) get(bucket, key []byte, v any) (bool, error) {
	b := c.tx.Bucket(bucket).Get(key)
	if b == nil {
		return false, nil
	}
	return true, decode(b, v)
}

func (c catalog) put(bucket, key []byte, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	return c.tx.Bucket(bucket).Put(key, b)
}

// clip returns the row of entry n, ErrNoClip when n is no acquisition.
func (c catalog) clip(n int64) (row, error) {
	b := c.tx.Bucket(clipBucket).Get(key(n))
	if b == nil {
		return row{}, ErrNoClip
	}
	return c.row(n, b)
}

// row completes what stands in the clip bucket of entry n.
func (c catalog) row(n int64, facts []byte) (r row, err error) {
	if err := decode(facts, &r); err != nil {
		return row{}, err
	}
	b := c.tx.Bucket(fateBucket).Get(key(n))
	if b == nil {
		return r, nil
	}
	r.fate = fate{}
	return r, decode(b, &r.fate)
}

// fate returns what became of clip n, ErrNoClip when n is no acquisition.
func (c catalog) fate(n int64) (f fate, err error) {
	found, err := c.get(fateBucket, key(n), &f)
	if err == nil && !found {
		found, err = c.get(clipBucket, key(n), &f)
	}
	if err == nil && !found {
		err = ErrNoClip
	}
	return f, err
}

func (c catalog) putClip(r row) error {
	if err := c.put(clipBucket, key(r.N), r.facts); err != nil {
		return err
	}
	return c.putFate(r.N, r.fate)
}

func (c catalog) putFate(n int64, f fate) error { return c.put(fateBucket, key(n), f) }

// pathKey identifies a path on a source, whatever bytes it holds.
func pathKey(source clip.Source, path string) []byte {
	from := source.String()
	b := strconv.AppendInt(make([]byte, 0, 256), int64(len(from)), 10)
	b = append(append(append(append(b, ' '), from...), ' '), path...)
	sum := sha256.Sum256(b)
	return sum[:]
}

func tripleKey(source clip.Source, path string, d clip.Digest) []byte {
	return append(pathKey(source, path), d[:]...)
}

// acquisition finds the entry of (source, path, digest), -1 when it is new.
func (c catalog) acquisition(source clip.Source, path string, d clip.Digest) int64 {
	if b := c.tx.Bucket(tripleBucket).Get(tripleKey(source, path, d)); len(b) == 8 {
		return int64(binary.BigEndian.Uint64(b))
	}
	return -1
}

// sameBytes finds the first clip or derived file with this digest, -1 when there is none.
func (c catalog) sameBytes(d clip.Digest) int64 {
	k, _ := c.tx.Bucket(digestBucket).Cursor().Seek(d[:])
	if len(k) == len(d)+8 && bytes.HasPrefix(k, d[:]) {
		return int64(binary.BigEndian.Uint64(k[len(d):]))
	}
	return -1
}

// firstClip is sameBytes without the files that were made from clips.
func (c catalog) firstClip(d clip.Digest) (int64, error) {
	cur := c.tx.Bucket(digestBucket).Cursor()
	for k, _ := cur.Seek(d[:]); len(k) == len(d)+8 && bytes.HasPrefix(k, d[:]); k, _ = cur.Next() {
		n := int64(binary.BigEndian.Uint64(k[len(d):]))
		if r, err := c.clip(n); err != nil || r.Derived == nil {
			return n, err
		}
	}
	return -1, nil
}

// holders yields the clips with this digest, and what was made from clips.
func (c catalog) holders(d clip.Digest) []int64 {
	var out []int64
	cur := c.tx.Bucket(digestBucket).Cursor()
	for k, _ := cur.Seek(d[:]); len(k) == len(d)+8 && bytes.HasPrefix(k, d[:]); k, _ = cur.Next() {
		out = append(out, int64(binary.BigEndian.Uint64(k[len(d):])))
	}
	return out
}

// waiting reports whether clip n is not yet in every one of the stores. What
// counts is that a store said it has the clip, not that a row asks for it.
func (c catalog) waiting(n int64, stores []string) (bool, error) {
	have, err := c.copies(n, stores, "")
	return have < len(stores), err
}

// copies is how many of the stores have clip n and are asked for nothing more,
// among them has, whose answer was just entered ("" for none). Of a clip that
// waits for each of the others the row is not read.
func (c catalog) copies(n int64, stores []string, has string) (have int, err error) {
	asked := slices.DeleteFunc(slices.Clone(stores), func(store string) bool { return store == has || c.queued(store, n) })
	if slices.Contains(stores, has) {
		have++
	}
	if len(asked) == 0 {
		return have, nil
	}
	f, err := c.fate(n)
	if err != nil {
		return 0, err
	}
	for _, store := range asked {
		if _, there := f.Stored[store]; there {
			have++
		}
	}
	return have, nil
}

// lacks names the stores that did not say they have the clip.
func (r row) lacks(stores []string) []string {
	var out []string
	for _, store := range stores {
		if _, there := r.Stored[store]; !there {
			out = append(out, store)
		}
	}
	return out
}

// spoolNeeded reports whether any clip with this digest waits for a store.
func (c catalog) spoolNeeded(d clip.Digest, stores []string) (bool, error) {
	for _, n := range c.holders(d) {
		if waiting, err := c.waiting(n, stores); waiting || err != nil {
			return true, err
		}
	}
	return false, nil
}

// add writes everything that follows from a new acquisition but its queue rows.
func (c catalog) add(r row, path string) error {
	if err := c.putClip(r); err != nil {
		return err
	}
	if err := c.tx.Bucket(digestBucket).Put(digestKey(r.SHA256, r.N), nil); err != nil {
		return err
	}
	return c.tx.Bucket(tripleBucket).Put(tripleKey(r.Record.Source, path, r.SHA256), key(r.N))
}

// knowNeutral notes the id that an adopted entry used for a source.
func (c catalog) knowNeutral(source clip.Source, id string) error {
	if err := c.passed(id); err != nil {
		return err
	}
	return c.tx.Bucket(sourceBucket).Put([]byte(source.String()), []byte(id))
}

// passed has no later device get the id that stands in an entry.
func (c catalog) passed(id string) error {
	b := c.tx.Bucket(sourceBucket)
	if n, err := strconv.ParseUint(strings.TrimPrefix(id, "c"), 10, 32); err == nil && n > b.Sequence() {
		return b.SetSequence(n)
	}
	return nil
}

// neutral returns the id that stands for source in entries, a new one when the
// source was never seen or its id is a registered device's by now: c001, c002
// and so on, skipping ids that are taken.
func (c catalog) neutral(source clip.Source, taken func(string) bool) (string, error) {
	b := c.tx.Bucket(sourceBucket)
	if id := b.Get([]byte(source.String())); id != nil && !taken(string(id)) {
		return string(id), nil
	}
	for {
		n, err := b.NextSequence()
		if err != nil {
			return "", err
		}
		if id := fmt.Sprintf("c%03d", n); !taken(id) {
			return id, b.Put([]byte(source.String()), []byte(id))
		}
	}
}

// clipName is the spoken name of entry n of a log.
func clipName(log string, n int64) string { return log + "-" + strconv.FormatInt(n, 10) }

// parseClip accepts the name of a clip of this log, or a bare index.
func parseClip(log, name string) (int64, error) {
	digits := strings.TrimPrefix(name, log+"-")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != digits {
		return 0, fmt.Errorf("%q: %w: names look like %s-42", name, ErrNoClip, log)
	}
	return n, nil
}
