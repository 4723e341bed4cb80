package outside

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// proven is the entry of a clip, and what is said to prove it.
func proven(t *testing.T, e evidence) (entry, proof []byte) {
	t.Helper()
	line, err := e.run("log", "entry", e.clip)
	if err != nil {
		t.Fatal(err)
	}
	text, err := e.run("log", "prove", e.clip)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(line), []byte(text)
}

func trusting(t *testing.T, e evidence) torchwood.Policy {
	t.Helper()
	v, err := note.NewVerifier(e.key)
	if err != nil {
		t.Fatal(err)
	}
	return torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(v.Name()), torchwood.SingleVerifierPolicy(v))
}

// TestProof: torchwood accepts the proof of an entry, and with any bit of either
// flipped it does not. It lets set padding bits in base64 pass, which we refuse.
func TestProof(t *testing.T) {
	e := given(t)
	policy := trusting(t, e)
	entry, proof := proven(t, e)
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(entry), proof); err != nil {
		t.Fatal(err)
	}
	flips(entry, func(bad []byte, at int) {
		if torchwood.VerifyProof(policy, tlog.RecordHash(bad), proof) == nil {
			t.Errorf("accepted with bit %d of the entry flipped", at)
		}
	})
	flips(proof, func(bad []byte, at int) {
		if torchwood.VerifyProof(policy, tlog.RecordHash(entry), bad) == nil && !padding(proof, bad) {
			t.Errorf("accepted with bit %d of the proof flipped:\n%s", at, bad)
		}
	})
}

// padding reports whether two texts differ in the last digit of a base64 word only.
func padding(a, b []byte) bool {
	at := 0
	for a[at] == b[at] {
		at++
	}
	return at+1 < len(a) && a[at+1] == '='
}

func flips(data []byte, f func(bad []byte, at int)) {
	for at := range len(data) * 8 {
		bad := bytes.Clone(data)
		bad[at/8] ^= 1 << (at % 8)
		f(bad, at)
	}
}

// TestSpicy: the command accepts an entry with its proof, which it expects
// without the line that names the format.
func TestSpicy(t *testing.T) {
	e := given(t)
	entry, proof := proven(t, e)
	const format = "c2sp.org/tlog-proof@v1\n"
	bare, ok := strings.CutPrefix(string(proof), format)
	if !ok {
		t.Fatalf("proof begins %.40q", proof)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "entry")
	verifies := func(entry []byte) (bool, string) {
		if err := os.WriteFile(file, entry, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+".spicy", []byte(bare), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := tool(t, "spicy", "-verify", e.key, file)
		return err == nil && strings.Contains(out, "verified"), out
	}
	if ok, out := verifies(entry); !ok {
		t.Errorf("refused: %s", out)
	}
	if ok, out := verifies(bytes.Replace(entry, []byte(`"v":1`), []byte(`"v":2`), 1)); ok {
		t.Errorf("another entry is accepted: %s", out)
	}
}

// TestAllEntries: torchwood's client reads every entry there is, and stops at a
// tile or a bundle that was changed.
func TestAllEntries(t *testing.T) {
	e := given(t)
	whole := e.published(t)
	n, err := readAll(t, e, whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range needed(t, whole) {
		if strings.HasPrefix(part, filepath.Join("tile", "1")) {
			continue // the client reads level 0 to the end and takes the root from it
		}
		dir := e.published(t)
		flip(t, filepath.Join(dir, part))
		if got, err := readAll(t, e, dir); err == nil {
			t.Errorf("%s of %s entries read with a bit flipped in %s", strconv.Itoa(got), strconv.Itoa(n), part)
		}
	}
}

// readAll reads the entries below a published log and compares each with what
// the dock gives.
func readAll(t *testing.T, e evidence, dir string) (n int, err error) {
	t.Helper()
	msg, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := torchwood.VerifyCheckpoint(msg, trusting(t, e))
	if err != nil {
		return 0, err
	}
	tiles, err := torchwood.NewTileFS(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	client, err := torchwood.NewClient(tiles)
	if err != nil {
		t.Fatal(err)
	}
	for i, entry := range client.AllEntries(t.Context(), c.Tree, 0) {
		if int(i) != n || !bytes.Contains(entry, []byte(`"n":`+strconv.Itoa(n)+`,`)) {
			t.Fatalf("entry %d is %s", i, entry)
		}
		n++
	}
	if err := client.Err(); err != nil {
		return n, err
	}
	if int64(n) != c.N || n <= torchwood.TileWidth {
		t.Fatalf("%d of %d entries", n, c.N)
	}
	return n, nil
}
