package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
)

// testLog is a log in memory: its stored hashes and what it would publish.
type testLog struct {
	hashes []tlog.Hash
	size   int64
}

func newTestLog(t testing.TB, size int64) *testLog {
	t.Helper()
	l := &testLog{}
	for ; l.size < size; l.size++ {
		more, err := tlog.StoredHashes(l.size, testLeaf(l.size), l)
		if err != nil {
			t.Fatal(err)
		}
		l.hashes = append(l.hashes, more...)
	}
	return l
}

func testLeaf(n int64) []byte { return fmt.Appendf(nil, "entry %d", n) }

func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("no hash %d", x)
		}
		out[i] = l.hashes[x]
	}
	return out, nil
}

func (l *testLog) checkpoint(t testing.TB) Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(l.size, l)
	if err != nil {
		t.Fatal(err)
	}
	return Checkpoint{Origin: testOrigin, Size: l.size, Root: root}
}

func (l *testLog) files(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, tile := range tlog.NewTiles(TileHeight, 0, l.size) {
		data, err := tlog.ReadTileData(tile, l)
		if err != nil {
			t.Fatal(err)
		}
		files[TilePath(tile)] = data
	}
	return files
}

func reader(files map[string][]byte) Tiles {
	return func(path string) ([]byte, error) {
		if data, ok := files[path]; ok {
			return data, nil
		}
		return nil, fs.ErrNotExist
	}
}

func TestTilePaths(t *testing.T) {
	for want, tile := range map[string]tlog.Tile{
		"tile/0/000":                     {H: 8, L: 0, N: 0, W: 256},
		"tile/0/x001/x234/067":           {H: 8, L: 0, N: 1234067, W: 256}, // the specification's example
		"tile/0/x001/234.p/12":           {H: 8, L: 0, N: 1234, W: 12},
		"tile/63/999.p/255":              {H: 8, L: 63, N: 999, W: 255},
		"tile/1/x001/000":                {H: 8, L: 1, N: 1000, W: 256},
		"tile/entries/005":               {H: 8, L: -1, N: 5, W: 256},
		"tile/entries/x123/x456/789.p/1": {H: 8, L: -1, N: 123456789, W: 1},
	} {
		got := TilePath(tile)
		if tile.L < 0 {
			got = EntriesPath(tile.N, tile.W)
		}
		if got != want {
			t.Errorf("%+v: %s instead of %s", tile, got, want)
		}
		back, err := ParseTilePath(want)
		if err != nil || back != tile {
			t.Errorf("%s: %+v, %v", want, back, err)
		}
	}
	if EntriesPath(1, 0) != EntriesPath(1, TileWidth) {
		t.Error("0 is not full")
	}
	for _, bad := range []string{"", "tile", "tile/0", "tile/0/", "tile/0/0", "tile/0/0000", "tile/00/000", "tile/64/000", "tile/-1/000",
		"tile/data/000", "tile/8/0/000", "tile/0/001/000", "tile/0/x000/001", "tile/0/xx01/000", "tile/0/000.p/0", "tile/0/000.p/256",
		"tile/0/000.p/01", "tile/0/000.p/", "tile/0/000.p/1/", "tile/0/x1/000", "tile/0/000/", "tile/entries/x000",
		"tile/0/" + strings.Repeat("x999/", 7) + "999", "tile/0/-01"} {
		if tile, err := ParseTilePath(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %+v, %v", bad, tile, err)
		}
	}
}

// The specification's example of a tree of 70,000 entries.
func TestTilesOfATree(t *testing.T) {
	count := map[string]int{}
	for _, tile := range tlog.NewTiles(TileHeight, 0, 70000) {
		level, _, _ := strings.Cut(strings.TrimPrefix(TilePath(tile), "tile/"), "/")
		_, width, partial := strings.Cut(TilePath(tile), ".p/")
		if partial {
			level += " of " + width
		}
		count[level]++
	}
	want := map[string]int{"0": 273, "0 of 112": 1, "1": 1, "1 of 17": 1, "2 of 1": 1}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Error(diff)
	}
}

func TestHashReader(t *testing.T) {
	l := newTestLog(t, 70000)
	files := l.files(t)
	c := l.checkpoint(t)
	r := HashReader(c, reader(files))
	for _, n := range []int64{0, 255, 256, 65535, 65536, 69999} {
		got, err := r.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err != nil || got[0] != tlog.RecordHash(testLeaf(n)) {
			t.Errorf("leaf %d: %v, %v", n, got, err)
		}
	}
	root, err := tlog.TreeHash(300, r)
	if err != nil || root != newTestLog(t, 300).checkpoint(t).Root {
		t.Errorf("root at 300: %v, %v", root, err)
	}
	// A partial tile that is gone is read from its full successor.
	older := newTestLog(t, 300)
	delete(files, "tile/0/001.p/44")
	whole := newTestLog(t, 600).files(t)
	mixed := map[string][]byte{"tile/0/000": whole["tile/0/000"], "tile/0/001": whole["tile/0/001"], "tile/1/000.p/1": older.files(t)["tile/1/000.p/1"]}
	got, err := HashReader(older.checkpoint(t), reader(mixed)).ReadHashes([]int64{tlog.StoredHashIndex(0, 299)})
	if err != nil || got[0] != tlog.RecordHash(testLeaf(299)) {
		t.Errorf("leaf 299: %v, %v", got, err)
	}
}

// CVE-2026-56865: x/mod before v0.40.0 returned hashes of tiles it had not
// authenticated. No flipped bit of any tile may get through.
func TestHashReaderRefusesTamperedTile(t *testing.T) {
	l := newTestLog(t, 600)
	c := l.checkpoint(t)
	for path := range l.files(t) {
		for _, at := range []int{0, 31, -32, -1} {
			files := l.files(t)
			data := files[path]
			data[(at+len(data))%len(data)] ^= 0x10
			r := HashReader(c, reader(files))
			for n := range l.size {
				got, err := r.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
				if err == nil && got[0] != tlog.RecordHash(testLeaf(n)) {
					t.Fatalf("%s, byte %d: leaf %d is wrong and accepted", path, at, n)
				}
				tile, err2 := ParseTilePath(path)
				if err2 != nil {
					t.Fatal(err2)
				}
				if inTile := tile.L == 0 && n/TileWidth == tile.N; err == nil && inTile {
					t.Fatalf("%s, byte %d: leaf %d was read from a tampered tile", path, at, n)
				}
			}
		}
		for name, data := range map[string][]byte{"short": l.files(t)[path][1:], "long": append(l.files(t)[path], 0), "empty": {}} {
			files := l.files(t)
			files[path] = data
			tile, _ := ParseTilePath(path)
			if _, err := reader(files).ReadTiles([]tlog.Tile{tile}); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s tile %s: %v", name, path, err)
			}
		}
	}
}

func TestBundle(t *testing.T) {
	entries := [][]byte{[]byte("a"), {}, bytes.Repeat([]byte("x"), 300)}
	b := EncodeBundle(entries)
	if want := "\x00\x01a\x00\x00\x01\x2cxxx"; !strings.HasPrefix(string(b), want) || len(b) != 307 {
		t.Errorf("bundle is %q", b)
	}
	got, err := DecodeBundle(b, 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entries, got); diff != "" {
		t.Error(diff)
	}
	for name, c := range map[string]struct {
		b    []byte
		want int
	}{
		"fewer": {b, 4}, "more": {b, 2}, "cut": {b[:len(b)-1], 3}, "cut length": {b[:1], 1}, "tail": {append(bytes.Clone(b), 0), 3},
		"none": {nil, 1}, "zero": {nil, 0}, "negative": {nil, -1}, "too many": {make([]byte, 2*257), 257},
	} {
		if _, err := DecodeBundle(c.b, c.want); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A flipped bit makes a bundle undecodable or changes the hash of an entry.
func TestBundleBits(t *testing.T) {
	entries := [][]byte{[]byte("first"), []byte("second"), []byte("third")}
	for b := range flips(EncodeBundle(entries)) {
		got, err := DecodeBundle(b, len(entries))
		if err != nil {
			continue
		}
		same := true
		for i := range got {
			same = same && LeafHash(got[i]) == LeafHash(entries[i])
		}
		if same {
			t.Errorf("bundle %q has the hashes of the original", b)
		}
	}
}
