package verify

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
)

// tileKey names a tile; level -1 is that of the bundles of entries.
type tileKey struct {
	level int
	n     int64
}

// widths is the set of partial tiles that stand beside a tile, by their width.
type widths [manifest.TileWidth / 64]uint64

func (w *widths) add(n int) { w[n/64] |= 1 << (n % 64) }

// below lists the widths smaller than n.
func (w *widths) below(n int) []int {
	var out []int
	for i := range n {
		if w != nil && w[i/64]&(1<<(i%64)) != 0 {
			out = append(out, i)
		}
	}
	return out
}

// files is what stands in a store for one log, as far as names tell.
type files struct {
	partial     map[tileKey]*widths
	checkpoints []int64       // sizes, ascending
	stamps      []int64       // sizes of the checkpoints that have a time stamp
	records     []int64       // first entries of the record files, ascending
	roots       []clip.Digest // of the files of roots under tsa/
}

// list sorts the names under log/ and record/ and reports what belongs to no
// format.
func (r *run) list(ctx context.Context) (*files, error) {
	fs := &files{partial: map[tileKey]*widths{}}
	for _, top := range []string{"log/", "record/"} {
		for info, err := range r.Store.List(ctx, top) {
			if err != nil && !strings.HasPrefix(info.Name, top) {
				return nil, fmt.Errorf("list %s: %w", top, err)
			}
			if err != nil {
				r.report.add(info.Name, "%v", err)
				continue
			}
			log, rest, _ := strings.Cut(info.Name[len(top):], "/")
			switch {
			case log != r.head.Log && manifest.ValidLogName(log) && rest != "":
				if !slices.Contains(r.report.Unchecked, log) {
					r.report.Unchecked = append(r.report.Unchecked, log)
				}
			case log != r.head.Log,
				top == "log/" && !fs.addLog(rest, r.head.Checkpoint.Size),
				top == "record/" && !fs.addRecord(rest):
				r.report.add(info.Name, "is no file of this store's format")
			}
		}
	}
	slices.Sort(fs.checkpoints)
	slices.Sort(fs.stamps)
	slices.Sort(fs.records)
	return fs, nil
}

// addLog takes a name under the log's folder and reports whether it is known.
func (f *files) addLog(rest string, size int64) bool {
	if rest == "key" || rest == "checkpoint" {
		return true
	}
	if s, ok := strings.CutPrefix(rest, "checkpoints/"); ok {
		s, stamp := strings.CutSuffix(s, ".tsr")
		n, ok := number(s)
		switch {
		case ok && stamp:
			f.stamps = append(f.stamps, n)
		case ok:
			f.checkpoints = append(f.checkpoints, n)
		}
		return ok
	}
	if s, ok := strings.CutPrefix(rest, "tsa/"); ok {
		s, ok := strings.CutSuffix(s, ".pem")
		d, err := clip.ParseDigest(s)
		if ok = ok && err == nil; ok {
			f.roots = append(f.roots, d)
		}
		return ok
	}
	t, err := manifest.ParseTilePath(rest)
	if err != nil {
		return false
	}
	if t.W < manifest.TileWidth && t.N*manifest.TileWidth+int64(t.W) <= hashes(size, t.L) {
		key := tileKey{t.L, t.N}
		if f.partial[key] == nil {
			f.partial[key] = new(widths)
		}
		f.partial[key].add(t.W)
	}
	return true
}

func (f *files) addRecord(rest string) bool {
	s, ok := strings.CutSuffix(rest, ".ndjson")
	if !ok {
		return false
	}
	n, ok := number(s)
	if ok {
		f.records = append(f.records, n)
	}
	return ok
}

// hashes is how many hashes the tiles of a level have when the log has size
// entries; at level -1, how many entries the bundles have.
func hashes(size int64, level int) int64 {
	return size >> (manifest.TileHeight * max(level, 0))
}

// number reads a decimal without sign or leading zeros.
func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && (s == "0" || s[0] >= '1' && s[0] <= '9')
}

// recordsIn lists the record files that begin with an entry of a bundle.
func (f *files) recordsIn(t tlog.Tile) []int64 {
	first := t.N * manifest.TileWidth
	from, _ := slices.BinarySearch(f.records, first)
	to, _ := slices.BinarySearch(f.records, first+int64(t.W))
	return f.records[from:to]
}

// tileAt is the tile of a level as wide as the checkpoint makes it.
func (r *run) tileAt(level int, n int64) tlog.Tile {
	left := hashes(r.head.Checkpoint.Size, level) - n*manifest.TileWidth
	return tlog.Tile{H: manifest.TileHeight, L: level, N: n, W: int(min(left, manifest.TileWidth))}
}

// path is where a tile, or a bundle at level -1, stands in the store.
func (r *run) path(t tlog.Tile) string {
	if t.L < 0 {
		return manifest.LogPath(r.head.Log, manifest.EntriesPath(t.N, t.W))
	}
	return manifest.LogPath(r.head.Log, manifest.TilePath(t))
}
