package server

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"
)

// Signed checkpoints that were refused are kept by origin, event, the order they came
// in, size and root. Whoever holds the log's key alone can sign one, but everybody
// can send one that is published: an old one, or a new one with a wrong proof.

// maxEvidence bounds what is kept of each log and kind; a handful is enough. Of
// forks, which prove themselves and which nobody but the log can make, the first stay; of
// the others the newest, so that what was sent to fill the room goes again.
const maxEvidence = 100

func evidencePrefix(origin, event string) []byte {
	return fmt.Appendf(nil, "%s\x00%s\x00", origin, event)
}

// keepEvidence keeps a signed checkpoint that does not extend what was cosigned;
// errUnchanged when it is known, or one fork more of very many.
func keepEvidence(tx *bbolt.Tx, e Event, msg []byte, head Head) error {
	prefix := evidencePrefix(e.Log, e.Event)
	var kept [][]byte
	known := false
	eachEvidence(tx, prefix, func(key []byte) {
		kept = append(kept, bytes.Clone(key))
		known = known || isAbout(key, e)
	})
	if known || len(kept) >= maxEvidence && e.Event == Forked {
		return errUnchanged
	}
	b := tx.Bucket(evidenceBucket)
	for i := 0; len(kept)-i >= maxEvidence; i++ {
		if err := b.Delete(kept[i]); err != nil {
			return err
		}
	}
	if e.Event == Forked { // the proof is both: what was cosigned goes on growing
		if err := b.Put(fmt.Appendf(nil, "%s\x00%s-from\x00%d %s", e.Log, e.Event, head.Size, head.Root), head.Checkpoint); err != nil {
			return err
		}
	}
	n, err := b.NextSequence()
	if err != nil {
		return err
	}
	return b.Put(fmt.Appendf(prefix, "%016x %d %s", n, e.Size, e.Root), msg)
}

// dropProved lets go of a checkpoint that once came with a wrong proof and is cosigned
// now: it was the log's own, and no fork.
func dropProved(tx *bbolt.Tx, e Event) error {
	var proved [][]byte
	eachEvidence(tx, evidencePrefix(e.Log, Unproved), func(key []byte) {
		if isAbout(key, e) {
			proved = append(proved, bytes.Clone(key))
		}
	})
	for _, key := range proved {
		if err := tx.Bucket(evidenceBucket).Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// isAbout reports whether a key is of a checkpoint of this size and root.
func isAbout(key []byte, e Event) bool {
	return bytes.HasSuffix(key, fmt.Appendf(nil, " %d %s", e.Size, e.Root))
}

// eachEvidence gives the keys of a kind, the oldest first.
func eachEvidence(tx *bbolt.Tx, prefix []byte, f func(key []byte)) {
	cur := tx.Bucket(evidenceBucket).Cursor()
	for k, _ := cur.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = cur.Next() {
		f(k)
	}
}

// count is how many checkpoints of a kind are kept of a log.
func count(tx *bbolt.Tx, origin, event string) (n int) {
	eachEvidence(tx, evidencePrefix(origin, event), func([]byte) { n++ })
	return n
}
