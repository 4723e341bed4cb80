package verify

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// locate names the entries that are not under the signed root, as far as the
// published tiles can be authenticated.
func (s *scan) locate(ctx context.Context) (map[int64]string, error) {
	proved := manifest.HashReader(s.head.Checkpoint, cached(s.logFile(ctx)))
	bad := map[int64]string{}
	for n := range int64(len(s.sums)) {
		t := s.tileAt(-1, n)
		if t.W == manifest.TileWidth {
			want, err := proved.ReadHashes([]int64{tlog.StoredHashIndex(manifest.TileHeight, n)})
			if err == nil && want[0] == s.sums[n] {
				continue
			}
		}
		if err := s.locateIn(ctx, t, proved, bad); err != nil {
			return nil, err
		}
	}
	return bad, ctx.Err()
}

func (s *scan) locateIn(ctx context.Context, t tlog.Tile, proved tlog.HashReader, bad map[int64]string) error {
	b, err := s.bundle(ctx, s.fs, t.N)
	if err != nil {
		return err
	}
	indexes := make([]int64, t.W)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, t.N*manifest.TileWidth+int64(i))
	}
	want, err := proved.ReadHashes(indexes)
	for i := range indexes {
		n := t.N*manifest.TileWidth + int64(i)
		switch {
		case err != nil:
			bad[n] = "is not under the signed root, and the tiles do not tell more: " + err.Error()
		case want[i] != b.leaf(i):
			bad[n] = "is not the entry that was signed"
		}
	}
	return nil
}

// cached remembers the last few hundred kilobytes of tiles above the leaves,
// which every question to a tlog.HashReader needs again.
func cached(read manifest.Tiles) manifest.Tiles {
	seen := map[string][]byte{}
	return func(path string) ([]byte, error) {
		if data, ok := seen[path]; ok {
			return data, nil
		}
		data, err := read(path)
		if err == nil {
			if len(seen) >= 64 {
				clear(seen)
			}
			seen[path] = data
		}
		return data, err
	}
}
