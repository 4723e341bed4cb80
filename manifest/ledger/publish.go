package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/manifest"
)

// uploads is how many files of one publishing travel at once.
const uploads = 8

// Published is the size that was last published to a shelf, 0 when none was.
func (l *Ledger) Published(id string) (size int64, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		size = max(0, fromNumber(tx.Bucket(bucketShelf).Get([]byte(id))))
		return nil
	})
	return size, err
}

// Publish brings a shelf to the sealed size: the key, tiles and entries,
// records, and last the checkpoint. Everything is written once or under a
// condition, so that it can be called again after any failure. It refuses like
// Check does. id names the shelf for ever.
func (l *Ledger) Publish(ctx context.Context, id string, s Shelf) error {
	st, done, err := l.shelf(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	if err := l.deadErr(); err != nil {
		return fmt.Errorf("publish to %s: %w", id, err)
	}
	sealed := l.newestSealed()
	if !st.known {
		if err := l.inspect(ctx, id, s, st); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	if !st.hasKey {
		if err := s.Create(ctx, manifest.KeyPath(l.o.Log), []byte(l.o.Key+"\n")); err != nil {
			return fmt.Errorf("publish key to %s: %w", id, err)
		}
		st.hasKey = true
	}
	if st.size < sealed.size {
		// What a crash leaves from here on has names that every later attempt
		// gives the same bytes; readers start from the checkpoint.
		if err := l.upload(ctx, s, st, sealed.size); err != nil {
			if errors.Is(err, ErrOther) { // whose, its checkpoint tells
				if err2 := l.inspect(ctx, id, s, st); errors.Is(err2, manifest.ErrForked) {
					err = err2
				}
			}
			st.known = false
			return fmt.Errorf("publish to %s: %w", id, err)
		}
		if err := l.replaceCheckpoint(ctx, id, s, st, sealed); err != nil {
			return fmt.Errorf("publish to %s: %w", id, err)
		}
	}
	if size, err := l.Published(id); err != nil || size == st.size {
		return err
	}
	return l.Commit(ctx, func(t *Tx) error {
		return t.bolt.Bucket(bucketShelf).Put([]byte(id), number(st.size))
	})
}

// replaceCheckpoint is the step that makes a publishing visible.
func (l *Ledger) replaceCheckpoint(ctx context.Context, id string, s Shelf, st *shelfState, sealed head) error {
	version, err := s.Replace(ctx, manifest.CheckpointPath(l.o.Log), sealed.note, st.version)
	if err == nil {
		st.size, st.version = sealed.size, version
		clear(st.done)
		return nil
	}
	// It may have been done and only its answer lost, or another dock has our
	// name: the shelf knows.
	if err2 := l.inspect(ctx, id, s, st); errors.Is(err2, manifest.ErrForked) {
		return err2
	} else if err2 == nil && st.size == sealed.size {
		return nil
	}
	st.known = false
	return err
}

// upload copies the tiles, bundles and records that the shelf lacks at size to.
func (l *Ledger) upload(ctx context.Context, s Shelf, st *shelfState, to int64) error {
	files, err := l.recordFiles(st.size, to)
	if err != nil {
		return err
	}
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(uploads)
	for _, t := range tlog.NewTiles(manifest.TileHeight, st.size, to) {
		if group.Err() != nil {
			break
		}
		g.Go(func() error { return l.uploadTile(group, s, st, t) })
		if t.L == 0 {
			g.Go(func() error { return l.uploadBundle(group, s, st, t) })
		}
	}
	for _, first := range files {
		if group.Err() != nil {
			break
		}
		g.Go(func() error { return l.uploadRecords(group, s, st, manifest.RecordPath(l.o.Log, first)) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (l *Ledger) uploadTile(ctx context.Context, s Shelf, st *shelfState, t tlog.Tile) error {
	data, err := l.tile(t)
	if err != nil {
		return err
	}
	name := manifest.LogPath(l.o.Log, manifest.TilePath(t))
	return st.once(name, func() error { return s.Create(ctx, name, data) })
}

func (l *Ledger) tile(t tlog.Tile) (data []byte, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		data, err = tlog.ReadTileData(t, rows(tx))
		return err
	})
	return data, err
}

// uploadBundle copies the entries of the level-0 tile t. They are compared
// with the tree first: a damaged file must not be spread.
func (l *Ledger) uploadBundle(ctx context.Context, s Shelf, st *shelfState, t tlog.Tile) error {
	start := t.N * manifest.TileWidth
	entries, err := l.staged(start, t.W)
	if errors.Is(err, ErrNoEntry) {
		// Full since, and the rows went after the file was written.
		if entries, err = l.bundle(t.N); err == nil {
			entries = entries[:t.W]
		}
	}
	if err != nil {
		return err
	}
	leaves, err := l.tile(t)
	if err != nil {
		return err
	}
	for i, raw := range entries {
		if leaf := manifest.LeafHash(raw); !bytes.Equal(leaf[:], leaves[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
			return fmt.Errorf("entry %d: %w: its bytes do not match its hash", start+int64(i), ErrDamaged)
		}
	}
	name := manifest.LogPath(l.o.Log, manifest.EntriesPath(t.N, t.W))
	return st.once(name, func() error { return s.Create(ctx, name, manifest.EncodeBundle(entries)) })
}

// recordFiles lists the record files that begin in [from, to).
func (l *Ledger) recordFiles(from, to int64) (files []int64, err error) {
	err = l.view(func(tx *bbolt.Tx) error {
		return between(tx.Bucket(bucketFile), from, to, func(n int64, _ []byte) error {
			files = append(files, n)
			return nil
		})
	})
	return files, err
}

// uploadRecords copies a record file. Where an earlier attempt got it through
// and a record was erased here since, the shelf's copy is replaced.
func (l *Ledger) uploadRecords(ctx context.Context, s Shelf, st *shelfState, name string) error {
	data, err := os.ReadFile(l.local(name))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	what := name + " " + manifest.RecordDigest(data).String() // it may be rewritten between attempts
	return st.once(what, func() error { return createRecords(ctx, s, name, data) })
}

func createRecords(ctx context.Context, s Shelf, name string, data []byte) error {
	err := s.Create(ctx, name, data)
	if err == nil {
		return nil
	}
	there, version, err2 := s.Read(ctx, name)
	switch {
	case err2 != nil || !contains(there, data):
		return err
	case bytes.Equal(there, data):
		return nil
	}
	_, err = s.Replace(ctx, name, data, version)
	return err
}

// contains reports that every line of part is a line of whole.
func contains(whole, part []byte) bool {
	lines := map[string]bool{}
	for line := range bytes.Lines(whole) {
		lines[string(line)] = true
	}
	for line := range bytes.Lines(part) {
		if !lines[string(line)] {
			return false
		}
	}
	return true
}
