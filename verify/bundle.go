package verify

import (
	"bytes"
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// bundle is what up to 256 neighbouring entries were found to be. Nothing in it
// is to be believed before the root of the tree is right.
type bundle struct {
	tile     tlog.Tile // of level -1
	entries  []entry   // nil when the file cannot be read
	leaves   []byte    // their leaf hashes; zeros without entries
	sum      tlog.Hash // over the leaves of a full bundle
	problems []Problem // of the bundle's own files
	tiles    []Problem // of the tile of leaf hashes, if the leaves are right
	records  []*recordFile
}

func (b *bundle) add(file, what string) { b.problems = append(b.problems, Problem{file, what}) }

// leaf is the leaf hash of the i-th entry.
func (b *bundle) leaf(i int) (h tlog.Hash) {
	copy(h[:], b.leaves[i*tlog.HashSize:])
	return h
}

// bundle reads bundle n with the tile of its leaf hashes, and the older and
// shorter versions of both. Only the end of ctx is an error.
func (r *run) bundle(ctx context.Context, fs *files, n int64) (*bundle, error) {
	b := &bundle{tile: r.tileAt(-1, n)}
	data, raws, err := r.entries(ctx, b.tile)
	if err != nil {
		b.add(r.path(b.tile), r.unreadable(err))
		b.leaves = make([]byte, b.tile.W*tlog.HashSize) // of nothing: locate tells who is proved all the same
	} else {
		b.parse(r.path(b.tile), r.head.Log, raws)
		for _, w := range fs.partial[tileKey{-1, n}].below(b.tile.W) {
			part := tlog.Tile{L: -1, N: n, W: w}
			if what := r.differs(ctx, part, data[:bundleSize(raws[:w])]); what != "" {
				b.add(r.path(part), what)
			}
		}
		b.tiles = r.compare(ctx, fs, 0, n, b.leaves)
	}
	if b.tile.W == manifest.TileWidth {
		b.sum = tileHash(b.leaves)
	}
	return b, ctx.Err()
}

// parse fills in entries and leaves.
func (b *bundle) parse(path, log string, raws [][]byte) {
	b.entries = make([]entry, len(raws))
	b.leaves = make([]byte, 0, len(raws)*tlog.HashSize)
	for i, raw := range raws {
		h := manifest.LeafHash(raw)
		b.leaves = append(b.leaves, h[:]...)
		n := b.tile.N*manifest.TileWidth + int64(i)
		var err error
		if b.entries[i], err = scanEntry(raw, log, n); err != nil {
			b.problems = append(b.problems, wrongEntry(path, log, n, err.Error()))
		}
	}
}

func wrongEntry(path, log string, n int64, why string) Problem {
	return Problem{path, "entry " + ClipName(log, n) + ": " + why}
}

// bundleSize is how many bytes of a bundle hold these entries of its beginning.
func bundleSize(raws [][]byte) int {
	size := 0
	for _, raw := range raws {
		size += 2 + len(raw)
	}
	return size
}

// entries reads the bundle and splits it; when its partial file is gone a full
// one serves.
func (r *run) entries(ctx context.Context, t tlog.Tile) (data []byte, raws [][]byte, err error) {
	data, err = store.ReadBare(ctx, r.Store, r.path(t), maxBundle)
	if err == nil {
		raws, err = manifest.DecodeBundle(data, t.W)
		return data, raws, err
	}
	if !errors.Is(err, store.ErrNotExist) || t.W == manifest.TileWidth {
		return nil, nil, err
	}
	full := t
	full.W = manifest.TileWidth
	data, err2 := store.ReadBare(ctx, r.Store, r.path(full), maxBundle)
	if err2 != nil {
		return nil, nil, err
	}
	if raws, err = manifest.DecodeBundle(data, full.W); err != nil {
		return nil, nil, err
	}
	return data, raws[:t.W], nil
}

// logFile reads files by their path under the log's folder.
func (r *run) logFile(ctx context.Context) manifest.Tiles {
	return func(path string) ([]byte, error) {
		data, err := store.ReadBare(ctx, r.Store, manifest.LogPath(r.head.Log, path), maxSmall)
		r.noticed(err)
		return data, err
	}
}

// compare checks the published tile n of a level, and its older and shorter
// versions, against the hashes it must hold.
func (r *run) compare(ctx context.Context, fs *files, level int, n int64, want []byte) []Problem {
	t := r.tileAt(level, n)
	var out []Problem
	if what := r.differs(ctx, t, want); what != "" && !r.successor(ctx, t, want) {
		out = append(out, Problem{r.path(t), what})
	}
	for _, w := range fs.partial[tileKey{level, n}].below(t.W) {
		part := t
		part.W = w
		if what := r.differs(ctx, part, want[:w*tlog.HashSize]); what != "" {
			out = append(out, Problem{r.path(part), what})
		}
	}
	return out
}

// differs says what is wrong with a file that must hold want, if anything.
func (r *run) differs(ctx context.Context, t tlog.Tile, want []byte) string {
	data, err := store.ReadBare(ctx, r.Store, r.path(t), maxBundle)
	switch {
	case err != nil:
		return r.unreadable(err)
	case !bytes.Equal(data, want):
		return "does not match the log"
	}
	return ""
}

// successor reports whether the partial tile t is gone, as it may be, because
// a full one that starts with it took its place.
func (r *run) successor(ctx context.Context, t tlog.Tile, want []byte) bool {
	if t.W == manifest.TileWidth {
		return false
	}
	if _, err := r.Store.Stat(ctx, r.path(t), ""); !errors.Is(err, store.ErrNotExist) {
		return false
	}
	t.W = manifest.TileWidth
	data, err := store.ReadBare(ctx, r.Store, r.path(t), maxSmall)
	return err == nil && bytes.HasPrefix(data, want)
}
