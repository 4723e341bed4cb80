package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// Log is the name of the log.
func (l *Ledger) Log() string { return l.o.Log }

// Origin is the first line of its checkpoints.
func (l *Ledger) Origin() string { return l.origin }

// Size is the number of entries under the newest signed checkpoint.
func (l *Ledger) Size() int64 { return l.newest().size }

// Root is the root of the tree at Size.
func (l *Ledger) Root() tlog.Hash { return l.newest().root }

// Checkpoint is the newest signed checkpoint. It stays private: stores are
// given the sealed one.
func (l *Ledger) Checkpoint() []byte { return bytes.Clone(l.newest().note) }

// Sealed is the newest checkpoint that can be published, and its size.
func (l *Ledger) Sealed() (size int64, checkpoint []byte) {
	h := l.newestSealed()
	return h.size, bytes.Clone(h.note)
}

func (l *Ledger) newest() head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

func (l *Ledger) newestSealed() head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sealed
}

// local is where a name of the store layout stands in the state folder.
func (l *Ledger) local(name string) string {
	return filepath.Join(l.o.Dir, filepath.FromSlash(name))
}

// Leaf is the leaf hash of entry n; ErrNoEntry beyond Size.
func (l *Ledger) Leaf(n int64) (leaf tlog.Hash, err error) {
	if n < 0 || n >= l.Size() {
		return leaf, fmt.Errorf("entry %d: %w", n, ErrNoEntry)
	}
	err = l.view(func(tx *bbolt.Tx) error {
		h, err := rows(tx).ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err == nil {
			leaf = h[0]
		}
		return err
	})
	return leaf, err
}

// Entry returns the bytes of entry n; ErrNoEntry beyond Size.
func (l *Ledger) Entry(n int64) ([]byte, error) {
	if n < 0 || n >= l.Size() {
		return nil, fmt.Errorf("entry %d: %w", n, ErrNoEntry)
	}
	raws, err := l.entries(n, n+1)
	if err != nil {
		return nil, err
	}
	return raws[0], nil
}

// Entries returns entry n and those behind it that share its bundle, for who
// reads a whole log: none beyond Size.
func (l *Ledger) Entries(n int64) ([][]byte, error) {
	end := min(l.Size(), (n/manifest.TileWidth+1)*manifest.TileWidth)
	if n < 0 || n >= end {
		return nil, nil
	}
	return l.entries(n, end)
}

// entries returns entries from n to end, all of one bundle, each checked against
// its leaf hash.
func (l *Ledger) entries(n, end int64) ([][]byte, error) {
	raws := make([][]byte, end-n)
	err := l.view(func(tx *bbolt.Tx) error {
		for i := range raws {
			raws[i] = bytes.Clone(tx.Bucket(bucketEntry).Get(number(n + int64(i))))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", n, err)
	}
	var all [][]byte
	for i := range raws {
		n := n + int64(i)
		if raws[i] == nil && all == nil { // Seal writes the file before the row goes
			if all, err = l.bundle(n / manifest.TileWidth); err != nil {
				return nil, fmt.Errorf("entry %d: %w", n, err)
			}
		}
		if raws[i] == nil {
			raws[i] = all[n%manifest.TileWidth]
		}
		leaf, err := l.Leaf(n)
		if err != nil {
			return nil, err
		}
		if manifest.LeafHash(raws[i]) != leaf {
			return nil, fmt.Errorf("entry %d: %w: its bytes do not match its hash", n, ErrDamaged)
		}
	}
	return raws, nil
}

// bundle reads a full bundle from its file.
func (l *Ledger) bundle(b int64) ([][]byte, error) {
	path := l.local(manifest.LogPath(l.o.Log, manifest.EntriesPath(b, 0)))
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	all, err := manifest.DecodeBundle(data, manifest.TileWidth)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return all, nil
}

// Record returns the record of entry n; ErrNoEntry when the entry has none or
// it was erased. Its bytes match the digest in the entry.
func (l *Ledger) Record(n int64) ([]byte, error) {
	raw, err := l.Entry(n)
	if err != nil {
		return nil, err
	}
	e, err := manifest.ParseEntry(raw)
	if err != nil {
		return nil, fmt.Errorf("record of entry %d: %w", n, err)
	}
	if e.Record == "" {
		return nil, fmt.Errorf("record of entry %d: %w", n, ErrNoEntry)
	}
	var record []byte
	file := int64(-1)
	err = l.view(func(tx *bbolt.Tx) error {
		record = bytes.Clone(tx.Bucket(bucketRecord).Get(number(n)))
		c := tx.Bucket(bucketFile).Cursor()
		k, _ := c.Seek(number(n + 1))
		if k == nil {
			k, _ = c.Last()
		} else {
			k, _ = c.Prev()
		}
		if k != nil {
			file = fromNumber(k)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("record of entry %d: %w", n, err)
	}
	if record != nil && manifest.RecordDigest(record).String() == e.Record {
		return record, nil
	}
	return l.recordInFile(n, file, e.Record)
}

// recordInFile looks for a line with that digest in the record file that
// covers entry n.
func (l *Ledger) recordInFile(n, file int64, digest string) ([]byte, error) {
	none := fmt.Errorf("record of entry %d: %w", n, ErrNoEntry)
	if file < 0 {
		return nil, none
	}
	data, err := os.ReadFile(l.local(manifest.RecordPath(l.o.Log, file)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("record of entry %d: %w: %w", n, ErrDamaged, err)
	}
	if err != nil {
		return nil, fmt.Errorf("record of entry %d: %w", n, err)
	}
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if manifest.RecordDigest(line).String() == digest {
			return bytes.Clone(line), nil
		}
	}
	return nil, none
}

// Prove returns a C2SP tlog-proof that entry n is under the newest sealed
// checkpoint; ErrNoEntry when it is not sealed yet.
func (l *Ledger) Prove(n int64) ([]byte, error) {
	sealed := l.newestSealed()
	if n < 0 || n >= sealed.size {
		return nil, fmt.Errorf("prove entry %d: %w: %d are sealed", n, ErrNoEntry, sealed.size)
	}
	p := manifest.Proof{Index: n, Checkpoint: sealed.note}
	err := l.view(func(tx *bbolt.Tx) (err error) {
		p.Hashes, err = tlog.ProveRecord(sealed.size, n, rows(tx))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", n, err)
	}
	return p.Encode(), nil
}

// ProveFrom returns the consistency proof (RFC 6962, 2.1.2) from the first old
// entries to the first size, both at most Size.
func (l *Ledger) ProveFrom(old, size int64) (proof tlog.TreeProof, err error) {
	if old < 1 || old > size || size > l.Size() {
		return nil, fmt.Errorf("prove %d entries from %d: %w: there are %d", size, old, ErrNoEntry, l.Size())
	}
	err = l.view(func(tx *bbolt.Tx) (err error) {
		proof, err = tlog.ProveTree(size, old, rows(tx))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("prove %d entries from %d: %w", size, old, err)
	}
	return proof, nil
}

// lock takes the token of a one-place channel unless ctx ends first.
func lock(ctx context.Context, c chan struct{}) error {
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SignReceipt signs r, whose size and root it sets to those of the newest
// checkpoint that can be published.
func (l *Ledger) SignReceipt(r manifest.Receipt) ([]byte, error) {
	h := l.newestSealed()
	r.Size, r.Root = h.size, h.root
	return r.Sign(append([]note.Signer{l.o.Signer}, l.o.Also...)...)
}

// SignGaps signs g, whose origin it sets to that of the log, and its root to that of
// the first g.Size entries, which are published or can be.
func (l *Ledger) SignGaps(g manifest.Gaps) ([]byte, error) {
	if sealed := l.newestSealed().size; g.Size < 0 || g.Size > sealed {
		return nil, fmt.Errorf("sign a statement about %d entries: %w: there are %d", g.Size, ErrNoEntry, sealed)
	}
	g.Origin = l.origin
	err := l.view(func(tx *bbolt.Tx) (err error) {
		g.Root, err = tlog.TreeHash(g.Size, rows(tx))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sign a statement about %d entries: %w", g.Size, err)
	}
	return g.Sign(append([]note.Signer{l.o.Signer}, l.o.Also...)...)
}
