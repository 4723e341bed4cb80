package verify

import (
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

const tileBytes = manifest.TileWidth * tlog.HashSize

// tree grows from tiles of leaf hashes and keeps no more of them than the
// unfinished tile of each level (c2sp.org/tlog-tiles).
type tree struct {
	pending [][]byte // by level: the hashes of its unfinished tile
	done    []int64  // by level: finished tiles
	tile    func(level int, n int64, data []byte)
}

// leaves adds a tile of level 0, the last one of the log if it is not full.
// sum is its hash when it is.
func (t *tree) leaves(data []byte, sum tlog.Hash) {
	t.grow(0)
	if len(data) < tileBytes {
		t.pending[0] = data
		return
	}
	t.done[0]++
	t.push(1, sum)
}

func (t *tree) push(level int, h tlog.Hash) {
	t.grow(level)
	t.pending[level] = append(t.pending[level], h[:]...)
	data := t.pending[level]
	if len(data) < tileBytes {
		return
	}
	if t.tile != nil {
		t.tile(level, t.done[level], data)
	}
	t.pending[level] = data[:0:0]
	t.done[level]++
	t.push(level+1, tileHash(data))
}

func (t *tree) grow(level int) {
	for len(t.pending) <= level {
		t.pending = append(t.pending, nil)
		t.done = append(t.done, 0)
	}
}

// edge hands out the unfinished tiles above level 0.
func (t *tree) edge() {
	for level := 1; level < len(t.pending); level++ {
		if data := t.pending[level]; len(data) > 0 && t.tile != nil {
			t.tile(level, t.done[level], data)
		}
	}
}

// root is the hash of the first size entries. Those that are not yet in the
// tree are the first of leaves.
func (t *tree) root(size int64, leaves []byte) (tlog.Hash, error) {
	t.grow(0)
	return tlog.TreeHash(size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			tile := tlog.TileForIndex(manifest.TileHeight, index)
			t.grow(tile.L)
			data := t.pending[tile.L]
			if tile.L == 0 {
				data = leaves
			}
			tile.W = len(data) / tlog.HashSize
			var err error
			if out[i], err = tlog.HashFromTile(tile, data, index); err != nil {
				return nil, err
			}
		}
		return out, nil
	}))
}

// tileHash is the hash of the subtree over a full tile.
func tileHash(data []byte) tlog.Hash {
	var row [manifest.TileWidth]tlog.Hash
	for i := range row {
		copy(row[i][:], data[i*tlog.HashSize:])
	}
	for width := len(row); width > 1; width /= 2 {
		for i := range width / 2 {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
	}
	return row[0]
}
