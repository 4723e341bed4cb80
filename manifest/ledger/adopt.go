package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// Replay is told of each adopted entry in order, with its record (nil when it
// has none or it was erased), within the transaction that stages it. It may be
// told again of entries it has seen, when an earlier Adopt did not end.
type Replay func(t *Tx, e manifest.Entry, record []byte) error

// Adopt takes over the longer history that was published to a shelf: the way
// back when the state folder was restored from an old backup. The local log
// must be the beginning of the published one, else manifest.ErrForked; every
// entry is checked against the published checkpoint before it is taken.
// Append is refused meanwhile. It returns the size afterwards.
//
// A crash leaves the local log as it was, with hashes beyond its size that the
// next Adopt writes again.
func (l *Ledger) Adopt(ctx context.Context, s Shelf, replay Replay) (int64, error) {
	if err := lock(ctx, l.sealing); err != nil {
		return 0, err
	}
	defer func() { <-l.sealing }()
	if err := l.deadErr(); err != nil {
		return 0, err
	}
	l.setAdopting(true)
	defer l.setAdopting(false)
	a := &adoption{l: l, s: s, replay: replay, local: l.newest(), sealed: l.newestSealed(), tiles: map[string][]byte{}}
	if err := a.open(ctx); err != nil {
		return 0, fmt.Errorf("adopt published log: %w", err)
	}
	if a.published.size <= a.local.size {
		return a.local.size, nil
	}
	if err := a.take(ctx); err != nil {
		return 0, fmt.Errorf("adopt published log: %w", err)
	}
	return a.published.size, nil
}

func (l *Ledger) setAdopting(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.adopting = on
}

// adoption is one run of Adopt.
type adoption struct {
	l                        *Ledger
	s                        Shelf
	replay                   Replay
	local, sealed, published head
	tree                     tlog.HashReader   // of the published tree, authenticated
	tiles                    map[string][]byte // those above level 0, which every read needs
	records                  map[string][]byte // lines of the record file read last, by digest
	files                    []int64
	found                    []int64 // locally staged entries whose records are in files now
}

// open reads key and checkpoint and checks that ours is a beginning of it.
func (a *adoption) open(ctx context.Context) error {
	l := a.l
	key, _, err := a.s.Read(ctx, manifest.KeyPath(l.o.Log))
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	if string(key) != l.o.Key+"\n" {
		return fmt.Errorf("it is of the key %q, ours is %q: %w", bytes.TrimSpace(key), l.o.Key, manifest.ErrForked)
	}
	msg, _, err := a.s.Read(ctx, manifest.CheckpointPath(l.o.Log))
	if err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	c, err := manifest.OpenCheckpoint(msg, l.origin, l.o.Verifier)
	if err != nil {
		return err
	}
	a.published = head{size: c.Size, root: c.Root, note: msg}
	a.tree = manifest.HashReader(c, func(path string) ([]byte, error) { return a.read(ctx, path) })
	if c.Size <= a.local.size {
		_, err := l.extends("the store", msg)
		return err
	}
	begin, err := tlog.TreeHash(a.local.size, a.tree)
	if err != nil {
		return err
	}
	if begin != a.local.root {
		return fmt.Errorf("its %d entries do not begin with the %d here: %w", c.Size, a.local.size, manifest.ErrForked)
	}
	return nil
}

// read fetches a file of the log.
func (a *adoption) read(ctx context.Context, path string) ([]byte, error) {
	if data, ok := a.tiles[path]; ok {
		return data, nil
	}
	data, _, err := a.s.Read(ctx, manifest.LogPath(a.l.o.Log, path))
	if err != nil {
		return nil, err
	}
	if t, err := manifest.ParseTilePath(path); err == nil && t.L > 0 {
		a.tiles[path] = data
	}
	return data, nil
}

// take copies bundle by bundle and moves the log's head in the last step.
func (a *adoption) take(ctx context.Context) error {
	size := a.published.size
	for b := a.sealed.size / manifest.TileWidth; b*manifest.TileWidth < size; b++ {
		w := int(min(manifest.TileWidth, size-b*manifest.TileWidth))
		entries, err := a.bundle(ctx, b, w)
		if err != nil {
			return err
		}
		if w == manifest.TileWidth {
			name := manifest.LogPath(a.l.o.Log, manifest.EntriesPath(b, w))
			if err := a.l.writeFile(name, manifest.EncodeBundle(entries), 0o644); err != nil {
				return err
			}
		}
		if err := a.stage(ctx, b*manifest.TileWidth, entries); err != nil {
			return err
		}
	}
	return a.l.Commit(ctx, a.finish)
}

// bundle reads w entries and checks each against the published tree.
func (a *adoption) bundle(ctx context.Context, b int64, w int) ([][]byte, error) {
	path := manifest.EntriesPath(b, w)
	data, err := a.read(ctx, path)
	if errors.Is(err, ErrAbsent) && w < manifest.TileWidth {
		return nil, fmt.Errorf("read %s: %w: the publishing was not complete", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	entries, err := manifest.DecodeBundle(data, w)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	indexes := make([]int64, w)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, b*manifest.TileWidth+int64(i))
	}
	leaves, err := a.tree.ReadHashes(indexes)
	if err != nil {
		return nil, fmt.Errorf("read leaves of %s: %w", path, err)
	}
	for i, raw := range entries {
		if manifest.LeafHash(raw) != leaves[i] {
			return nil, fmt.Errorf("%s: %w: entry %d does not match the checkpoint", path, manifest.ErrMalformed, b*manifest.TileWidth+int64(i))
		}
	}
	return entries, nil
}

// adopted is an entry ready to be staged.
type adopted struct {
	manifest.Entry
	record []byte
}

// stage writes the rows of those entries that are new here.
func (a *adoption) stage(ctx context.Context, start int64, raws [][]byte) error {
	var fresh []adopted
	for i, raw := range raws {
		n := start + int64(i)
		e, err := manifest.ParseEntry(raw)
		if err == nil && (e.N != n || e.Log != a.l.o.Log) {
			err = fmt.Errorf("%w: it calls itself %s", manifest.ErrMalformed, e.Name())
		}
		if err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
		var record []byte
		if e.Record != "" && n >= a.sealed.size {
			if record, err = a.record(ctx, n, e.Record); err != nil {
				return err
			}
		}
		if n >= a.local.size {
			fresh = append(fresh, adopted{e, record})
		} else if record != nil {
			a.found = append(a.found, n)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return a.l.Commit(ctx, func(t *Tx) error {
		if t.size != a.local.size {
			return errors.New("the log grew meanwhile")
		}
		for _, e := range fresh {
			if err := t.adopt(e.N, e.Raw, fullBundles(a.published.size)); err != nil {
				return err
			}
			if err := a.replay(t, e.Entry, e.record); err != nil {
				return fmt.Errorf("replay entry %d: %w", e.N, err)
			}
		}
		return nil
	})
}

// adopt writes the hashes of entry n, and its bytes unless a file has them.
func (t *Tx) adopt(n int64, raw []byte, full int64) error {
	if n < full {
		return t.putHashes(n, manifest.LeafHash(raw))
	}
	return t.put(n, manifest.LeafHash(raw), raw, nil)
}

// record finds the record of entry n. Record files bear the number of their
// first entry, so the file is the last one that was found, or a new one begins
// here; nil when it is in neither.
func (a *adoption) record(ctx context.Context, n int64, digest string) ([]byte, error) {
	if r, ok := a.records[digest]; ok {
		return r, nil
	}
	name := manifest.RecordPath(a.l.o.Log, n)
	data, _, err := a.s.Read(ctx, name)
	if errors.Is(err, ErrAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if err := a.l.writeFile(name, data, 0o600); err != nil {
		return nil, err
	}
	a.files = append(a.files, n)
	a.records = map[string][]byte{}
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		a.records[manifest.RecordDigest(line).String()] = line
	}
	return a.records[digest], nil
}

// finish moves the log to the published checkpoint once its own hashes agree.
func (a *adoption) finish(t *Tx) error {
	if t.size != a.local.size {
		return errors.New("the log grew meanwhile")
	}
	root, err := tlog.TreeHash(a.published.size, rows(t.bolt))
	if err != nil {
		return err
	}
	if root != a.published.root {
		return fmt.Errorf("%w: the adopted entries give another root", manifest.ErrMalformed)
	}
	for _, first := range a.files {
		if err := t.bolt.Bucket(bucketFile).Put(number(first), []byte{}); err != nil {
			return err
		}
	}
	// A record that is staged here and in no file stays: it is the last copy.
	for _, n := range a.found {
		if err := t.bolt.Bucket(bucketRecord).Delete(number(n)); err != nil {
			return err
		}
	}
	t.moved, t.seal = &a.published, &a.published
	t.size = a.published.size
	return errors.Join(
		t.bolt.Bucket(bucketMeta).Put(metaSealed, a.published.note),
		drop(t.bolt.Bucket(bucketEntry), fullBundles(a.sealed.size), fullBundles(a.published.size)))
}
