package manifest

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// TileHeight and TileWidth are fixed by c2sp.org/tlog-tiles: a full tile has
// 2^TileHeight hashes, a full bundle as many entries.
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// TilePath is the path of a hash tile under the log's folder, such as
// tile/0/x001/x234/067.p/12; tlog.Tile.Path is not it.
func TilePath(t tlog.Tile) string {
	return "tile/" + strconv.Itoa(t.L) + "/" + tileIndex(t.N, t.W)
}

// EntriesPath is the path of bundle n under the log's folder when it has w
// entries; 0 and TileWidth both mean full.
func EntriesPath(n int64, w int) string { return "tile/entries/" + tileIndex(n, w) }

func tileIndex(n int64, w int) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	if w > 0 && w < TileWidth {
		s += ".p/" + strconv.Itoa(w)
	}
	return s
}

// ParseTilePath undoes TilePath, and EntriesPath with the level -1.
func ParseTilePath(path string) (tlog.Tile, error) {
	bad := fmt.Errorf("tile path %q: %w", path, ErrMalformed)
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return tlog.Tile{}, bad
	}
	level, rest, _ := strings.Cut(rest, "/")
	t := tlog.Tile{H: TileHeight, L: -1, W: TileWidth}
	if level != "entries" {
		l, err := strconv.Atoi(level)
		if err != nil || l < 0 || l > 63 {
			return tlog.Tile{}, bad
		}
		t.L = l
	}
	if index, width, partial := strings.Cut(rest, ".p/"); partial {
		w, err := strconv.Atoi(width)
		if err != nil || w < 1 || w >= TileWidth {
			return tlog.Tile{}, bad
		}
		t.W, rest = w, index
	}
	digits := strings.NewReplacer("/", "", "x", "").Replace(rest)
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return tlog.Tile{}, bad
	}
	t.N = n
	again := TilePath(t)
	if t.L < 0 {
		again = EntriesPath(t.N, t.W)
	}
	if again != path {
		return tlog.Tile{}, bad
	}
	return t, nil
}

// Tiles reads the tiles of a log through a function that returns the bytes at
// a path under the log's folder. It trusts nothing: wrap it in
// tlog.TileHashReader with the tree of a checkpoint.
type Tiles func(path string) ([]byte, error)

// HashReader reads hashes of the tree c commits to and authenticates each
// against its root.
func HashReader(c Checkpoint, read Tiles) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, read)
}

// Height is that of c2sp.org/tlog-tiles.
func (Tiles) Height() int { return TileHeight }

// ReadTiles reads each tile; where a partial tile is gone its full successor
// serves as well.
func (read Tiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		want := t.W * tlog.HashSize
		data, err := read(TilePath(t))
		if err != nil && t.W < TileWidth {
			full := t
			full.W = TileWidth
			if whole, err2 := read(TilePath(full)); err2 == nil && len(whole) == TileWidth*tlog.HashSize {
				data, err = whole[:want], nil
			}
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", TilePath(t), err)
		}
		if len(data) != want {
			return nil, fmt.Errorf("read %s: %w: %d bytes instead of %d", TilePath(t), ErrMalformed, len(data), want)
		}
		out[i] = data
	}
	return out, nil
}

// SaveTiles does nothing: callers who want a cache have it in the function.
func (Tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// EncodeBundle joins entries, each behind its length as a big-endian uint16.
// An entry longer than that can say is a programming error and panics.
func EncodeBundle(entries [][]byte) []byte {
	size := 0
	for _, e := range entries {
		size += 2 + len(e)
	}
	out := make([]byte, 0, size)
	for _, e := range entries {
		if len(e) > math.MaxUint16 {
			panic("manifest: entry too long for a bundle")
		}
		out = binary.BigEndian.AppendUint16(out, uint16(len(e)))
		out = append(out, e...)
	}
	return out
}

// DecodeBundle splits a bundle into exactly want entries, which share b.
func DecodeBundle(b []byte, want int) ([][]byte, error) {
	if want < 1 || want > TileWidth {
		return nil, fmt.Errorf("bundle: %w: %d entries", ErrMalformed, want)
	}
	entries := make([][]byte, 0, want)
	for len(entries) < want {
		if len(b) < 2 {
			return nil, fmt.Errorf("bundle: %w: it ends after %d of %d entries", ErrMalformed, len(entries), want)
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; n > len(b) {
			return nil, fmt.Errorf("bundle: %w: it ends within entry %d of %d", ErrMalformed, len(entries), want)
		}
		entries = append(entries, b[:n:n])
		b = b[n:]
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("bundle: %w: %d bytes after entry %d", ErrMalformed, len(b), want)
	}
	return entries, nil
}
