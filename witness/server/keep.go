package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

var keptBucket = []byte("kept") // origin to Kept

const (
	keepEvery = time.Minute
	keepBatch = 64  // bundles between two notes of how far it is
	maxTypes  = 500 // of entries that are counted by name
	otherType = "other"
	maxTile   = manifest.TileWidth * tlog.HashSize
	maxBundle = manifest.TileWidth * (manifest.MaxEntry + 2)
)

// Kept is how far a log is mirrored and what its entries are. Nothing of records
// is in it.
type Kept struct {
	Size    int64            `json:"size"`              // entries that are here, each proved to be under a cosigned checkpoint
	Types   map[string]int64 `json:"types"`             // of entries, by type
	Tiled   int64            `json:"tiled"`             // entries whose hash tiles are here
	Last    time.Time        `json:"last,omitzero"`     // that the last of them says, by the dock's clock
	Problem string           `json:"problem,omitempty"` // why it is not as far as what was cosigned
}

// keeping mirrors what was cosigned until ctx ends: soon after each cosigning, and
// every minute what a store did not have yet.
func (w *Witness) keeping(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		for origin := range w.logs {
			if err := w.Keep(ctx, origin); err != nil && ctx.Err() == nil {
				w.o.Log.Warn("keep", "stage", "witness", "log", origin, "err", err)
			}
		}
		select {
		case <-w.grown:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Keep mirrors tiles and entries of a log as far as it is cosigned, out of the first store
// that has them, below DIR/keep. What does not hash to the cosigned root is not kept.
func (w *Witness) Keep(ctx context.Context, origin string) error {
	var head Head
	var root tlog.Hash
	var kept Kept
	err := w.db.View(func(tx *bbolt.Tx) (err error) {
		if head, root, err = headOf(tx, origin); err == nil {
			kept, err = keptOf(tx, origin)
		}
		return err
	})
	if err != nil || kept.Size >= head.Size && kept.Problem == "" {
		return err
	}
	_, log, ok := manifest.SplitOrigin(origin)
	if !ok {
		return fmt.Errorf("keep %s: it is no log of custodock", origin)
	}
	c := manifest.Checkpoint{Origin: origin, Size: head.Size, Root: root}
	var errs []error
	for _, from := range w.o.Keep {
		k := &keeper{w: w, log: log, head: c, note: head.Checkpoint, from: from, kept: kept}
		err := k.run(ctx)
		if kept = k.kept; err == nil {
			return w.noteKept(origin, kept, nil)
		}
		errs = append(errs, err)
	}
	err = errors.Join(errs...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, w.noteKept(origin, kept, err))
}

func (w *Witness) noteKept(origin string, k Kept, problem error) error {
	if k.Problem = ""; problem != nil {
		k.Problem = problem.Error()
	}
	err := w.db.Update(func(tx *bbolt.Tx) error { return putJSON(tx, keptBucket, origin, k) })
	if err != nil {
		w.fail(fmt.Errorf("note what is kept of %s: %w", origin, err))
	}
	return err
}

// keeper brings one log from one store.
type keeper struct {
	w    *Witness
	log  string
	head manifest.Checkpoint
	note []byte
	from store.Reader
	kept Kept
}

func (k *keeper) run(ctx context.Context) error {
	hashes := manifest.HashReader(k.head, k.tiles(ctx))
	for n, done := k.kept.Size/manifest.TileWidth, 1; k.kept.Size < k.head.Size; n, done = n+1, done+1 {
		if err := k.bundle(ctx, hashes, n); err != nil {
			return err
		}
		if done%keepBatch == 0 {
			if err := k.w.noteKept(k.head.Origin, k.kept, errors.New("it is being copied")); err != nil {
				return err
			}
		}
	}
	for _, t := range tlog.NewTiles(manifest.TileHeight, k.kept.Tiled, k.head.Size) {
		data, err := tlog.ReadTileData(t, hashes)
		if err != nil {
			return fmt.Errorf("keep %s: the store's tiles: %w", k.head.Origin, err)
		}
		if err := k.write(manifest.TilePath(t), data); err != nil {
			return err
		}
	}
	k.kept.Tiled = k.head.Size
	return k.write("checkpoint", k.note)
}

// tiles reads the store's tiles; those above the leaves are read for each of them,
// so they stay in memory.
func (k *keeper) tiles(ctx context.Context) manifest.Tiles {
	above := map[string][]byte{}
	return func(path string) ([]byte, error) {
		if data, ok := above[path]; ok {
			return data, nil
		}
		data, err := store.ReadBare(ctx, k.from, manifest.LogPath(k.log, path), maxTile)
		if err == nil && !strings.HasPrefix(path, "tile/0/") {
			above[path] = data
		}
		return data, err
	}
}

// bundle copies the entries of bundle n that are new, each compared with its hash
// under the cosigned root.
func (k *keeper) bundle(ctx context.Context, hashes tlog.HashReader, n int64) error {
	first := n * manifest.TileWidth
	width := int(min(manifest.TileWidth, k.head.Size-first))
	path := manifest.EntriesPath(n, width)
	entries, err := k.read(ctx, path, width)
	if errors.Is(err, store.ErrNotExist) && width < manifest.TileWidth { // it is full since
		entries, err = k.read(ctx, manifest.EntriesPath(n, 0), manifest.TileWidth)
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", path, err)
	}
	entries = entries[:width]
	indexes := make([]int64, width)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
	}
	leaves, err := hashes.ReadHashes(indexes)
	if err != nil {
		return fmt.Errorf("keep %s: the store's tiles: %w", path, err)
	}
	for i, raw := range entries {
		if manifest.LeafHash(raw) != leaves[i] {
			return fmt.Errorf("keep %s: entry %d is not the one that was cosigned: tell the owner of the store", path, first+int64(i))
		}
	}
	if err := k.write(path, manifest.EncodeBundle(entries)); err != nil {
		return err
	}
	for _, raw := range entries[k.kept.Size-first:] {
		k.count(raw)
	}
	k.kept.Size = first + int64(width)
	return nil
}

func (k *keeper) read(ctx context.Context, path string, width int) ([][]byte, error) {
	data, err := store.ReadBare(ctx, k.from, manifest.LogPath(k.log, path), maxBundle)
	if err != nil {
		return nil, err
	}
	return manifest.DecodeBundle(data, width)
}

// count takes in one entry. One that is malformed counts as another type: verify
// says what is wrong with it.
func (k *keeper) count(raw []byte) {
	typ := otherType
	if e, err := manifest.ParseEntry(raw); err == nil {
		k.kept.Last = e.T
		if _, known := k.kept.Types[e.Type]; known || len(k.kept.Types) < maxTypes {
			typ = e.Type
		}
	}
	if k.kept.Types == nil {
		k.kept.Types = map[string]int64{}
	}
	k.kept.Types[typ]++
}

func (k *keeper) write(rest string, data []byte) error {
	path := filepath.Join(k.w.o.Dir, "keep", filepath.FromSlash(manifest.LogPath(k.log, rest)))
	if err := durable.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(path, data, 0o644)
}

func keptOf(tx *bbolt.Tx, origin string) (k Kept, err error) {
	err = getJSON(tx, keptBucket, origin, &k)
	return k, err
}

// checkKeep refuses to mirror two logs into one folder.
func (w *Witness) checkKeep() error {
	names := map[string]string{}
	for origin := range w.logs {
		_, log, ok := manifest.SplitOrigin(origin)
		switch {
		case len(w.o.Keep) == 0:
			return nil
		case !ok:
			return fmt.Errorf("keep %q: it is no log of custodock", origin)
		case names[log] != "":
			return fmt.Errorf("keep %q and %q: both are called %s: run a witness for each", names[log], origin, log)
		}
		names[log] = origin
	}
	return nil
}
