package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store/dir"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// TestProve: the proof of an entry out of a store's tiles is the one that the log
// gives, and of a store that was changed there is none.
func TestProve(t *testing.T) {
	l := sample(t)
	mem := l.Memory()
	o := verify.Options{Store: mem, Key: l.Key}
	for n := range l.Size() {
		for _, what := range []string{strconv.FormatInt(n, 10), verify.ClipName(verifytest.Name, n)} {
			e, p, err := verify.Prove(context.Background(), o, what)
			if err != nil || !bytes.Equal(e.Raw, l.Entry(n).Raw) || !bytes.Equal(p.Encode(), l.Proof(n)) {
				t.Errorf("%s: %v, %v", what, e, err)
			}
		}
	}
	for _, what := range []string{"9", "-1", "dk3v9q-9", "other-1", "x", ""} {
		if _, _, err := verify.Prove(context.Background(), o, what); err == nil || errors.Is(err, verify.ErrMismatch) {
			t.Errorf("%q: %v", what, err)
		}
	}
	for _, name := range []string{"checkpoint", manifest.TilePath(tlog.Tile{H: 8, L: 0, W: 9}), manifest.EntriesPath(0, 9)} {
		whole := mem[at(name)]
		for _, broken := range [][]byte{nil, whole[:len(whole)-1], verifytest.Patch(whole, uint16(len(whole)/2), 1, []byte{whole[len(whole)/2] ^ 1})} {
			mem[at(name)] = broken
			for n := range l.Size() {
				e, p, err := verify.Prove(context.Background(), o, strconv.FormatInt(n, 10))
				// A bundle may be changed elsewhere: the entry that is given out is right.
				if !errors.Is(err, verify.ErrMismatch) && (err != nil || !bytes.Equal(e.Raw, l.Entry(n).Raw) || !bytes.Equal(p.Encode(), l.Proof(n))) {
					t.Errorf("%s as %q: %v", name, broken, err)
				}
			}
		}
		mem[at(name)] = whole
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := verify.Prove(ctx, o, "1"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// longStore writes the tiles of a log of so many entries into a folder, of which
// those asked for are entries and the others nothing but a hash, and returns the
// log's key.
func longStore(t *testing.T, folder string, size int64, asked []int64) string {
	t.Helper()
	skey, vkey, err := manifest.NewKey(verifytest.Origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		path := filepath.Join(folder, filepath.FromSlash(at(name)))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	bundles := map[int64]bool{}
	for _, n := range asked {
		bundles[n/manifest.TileWidth] = true
	}
	leaves := make([]byte, 0, size*tlog.HashSize)
	for first := int64(0); first < size; first += manifest.TileWidth {
		width := int(min(manifest.TileWidth, size-first))
		var entries [][]byte
		for n := first; n < first+int64(width); n++ {
			h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
			if bundles[first/manifest.TileWidth] {
				d := manifest.Draft{Type: "run.started", Actor: "dock"}
				raw, err := d.Encode(verifytest.Name, n, manifest.NewNonce(), time.Unix(n, 0), manifest.Clock{Source: "ntp"})
				if err != nil {
					t.Fatal(err)
				}
				entries, h = append(entries, raw), manifest.LeafHash(raw)
			}
			leaves = append(leaves, h[:]...)
		}
		if entries != nil {
			write(manifest.EntriesPath(first/manifest.TileWidth, width), manifest.EncodeBundle(entries))
		}
	}
	root := writeTiles(write, leaves)
	msg, err := manifest.SignCheckpoint(manifest.Checkpoint{Origin: verifytest.Origin, Size: size, Root: root}, signer)
	if err != nil {
		t.Fatal(err)
	}
	write("checkpoint", msg)
	return vkey
}

// writeTiles writes the hashes of a level in tiles, then those above, and returns
// the root.
func writeTiles(write func(string, []byte), hashes []byte) tlog.Hash {
	var edges [][]tlog.Hash // by level: what no full tile has
	for level := 0; len(hashes) > 0; level++ {
		var above []byte
		var rest []tlog.Hash
		for n := int64(0); len(hashes) > 0; n++ {
			data := hashes[:min(len(hashes), manifest.TileWidth*tlog.HashSize)]
			hashes = hashes[len(data):]
			tile := tlog.Tile{H: manifest.TileHeight, L: level, N: n, W: len(data) / tlog.HashSize}
			write(manifest.TilePath(tile), data)
			row := make([]tlog.Hash, tile.W)
			for i := range row {
				copy(row[i][:], data[i*tlog.HashSize:])
			}
			if tile.W < manifest.TileWidth {
				rest = row
				continue
			}
			h := fold(row)
			above = append(above, h[:]...)
		}
		edges, hashes = append(edges, rest), above
	}
	return crown(edges)
}

// fold is the root of a complete tree.
func fold(row []tlog.Hash) tlog.Hash {
	row = slices.Clone(row)
	for len(row) > 1 {
		for i := range len(row) / 2 {
			row[i] = tlog.NodeHash(row[2*i], row[2*i+1])
		}
		row = row[:len(row)/2]
	}
	return row[0]
}

// crown is the root over the complete trees that the edges of all levels hold, the
// largest first (RFC 6962, section 2.1).
func crown(edges [][]tlog.Hash) tlog.Hash {
	var parts []tlog.Hash
	for _, row := range slices.Backward(edges) {
		for len(row) > 0 {
			n := 1
			for 2*n <= len(row) {
				n *= 2
			}
			parts, row = append(parts, fold(row[:n])), row[n:]
		}
	}
	root := parts[len(parts)-1]
	for _, h := range slices.Backward(parts[:len(parts)-1]) {
		root = tlog.NodeHash(h, root)
	}
	return root
}

// proofTime is what the proof of one entry may take, out of tiles on a disk.
const proofTime = 20 * time.Millisecond

// TestProveLong: the proof of one entry out of a long log takes no longer than it may
// in 19 of 20 cases. PROVE_ENTRIES says how long the log is: 10000000 for the figure
// in docs/performance.md, which writes 330 MB.
func TestProveLong(t *testing.T) {
	size := int64(300_007)
	if s := os.Getenv("PROVE_ENTRIES"); s != "" {
		var err error
		if size, err = strconv.ParseInt(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(7, 8))
	var asked []int64
	for range 100 {
		asked = append(asked, random.Int64N(size))
	}
	folder := t.TempDir()
	key := longStore(t, folder, size, asked)
	s, err := dir.OpenReader(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var took, least []time.Duration
	for _, n := range asked {
		var each []time.Duration
		for range 3 { // the least tells of the work, and not of what else runs here
			start := time.Now()
			e, p, err := verify.Prove(context.Background(), verify.Options{Store: s, Key: key}, strconv.FormatInt(n, 10))
			each = append(each, time.Since(start))
			if err != nil || e.N != n || p.Index != n {
				t.Fatal(n, e, err)
			}
		}
		took, least = append(took, each[0]), append(least, slices.Min(each))
	}
	slices.Sort(took)
	slices.Sort(least)
	t.Logf("of %d entries: half of the proofs under %v, 19 of 20 under %v, all under %v", size, took[len(took)/2], took[len(took)*19/20], took[len(took)-1])
	if d := least[len(least)*19/20]; d > proofTime {
		t.Errorf("19 of 20 proofs take %v, at most %v are right", d, proofTime)
	}
}
