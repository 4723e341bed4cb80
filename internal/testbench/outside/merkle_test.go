package outside

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// checkpoint reads a signed checkpoint as transparency-dev does.
func checkpoint(t *testing.T, e evidence, msg []byte) (*log.Checkpoint, error) {
	t.Helper()
	v, err := fnote.NewVerifier(e.key)
	if err != nil {
		t.Fatal(err)
	}
	c, _, _, err := log.ParseCheckpoint(msg, v.Name(), v)
	return c, err
}

// TestInclusion: the mathematics of transparency-dev lead from an entry by its
// proof to the root of the checkpoint, and from no other entry or index.
func TestInclusion(t *testing.T) {
	e := given(t)
	entry, text := proven(t, e)
	head, msg, _ := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	index, err := strconv.ParseUint(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	var hashes [][]byte
	for _, line := range lines[2:] {
		h, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	c, err := checkpoint(t, e, msg)
	if err != nil {
		t.Fatal(err)
	}
	leaf := rfc6962.DefaultHasher.HashLeaf
	verify := func(index uint64, entry []byte) error {
		return proof.VerifyInclusion(rfc6962.DefaultHasher, index, c.Size, leaf(entry), hashes, c.Hash)
	}
	if err := verify(index, entry); err != nil {
		t.Fatal(err)
	}
	if verify(index+1, entry) == nil || verify(index, entry[1:]) == nil {
		t.Error("another entry or another index is accepted")
	}
	msg = bytes.Replace(msg, []byte("\n"+strconv.FormatUint(c.Size, 10)+"\n"), []byte("\n"+strconv.FormatUint(c.Size+1, 10)+"\n"), 1)
	if _, err := checkpoint(t, e, msg); err == nil {
		t.Error("a checkpoint of another size is accepted")
	}
}

// TestRoot: the leaf hashes in the tiles make the root in the checkpoint.
func TestRoot(t *testing.T) {
	e := given(t)
	dir := e.published(t)
	msg, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint(t, e, msg)
	if err != nil {
		t.Fatal(err)
	}
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	sum := factory.NewEmptyRange(0)
	full, err := os.ReadFile(filepath.Join(dir, "tile/0/000"))
	if err != nil {
		t.Fatal(err)
	}
	rest, err := os.ReadFile(filepath.Join(dir, "tile/0/001.p", strconv.FormatUint(c.Size-256, 10)))
	if err != nil {
		t.Fatal(err)
	}
	for leaves := append(full, rest...); len(leaves) > 0; leaves = leaves[32:] {
		if err := sum.Append(leaves[:32], nil); err != nil {
			t.Fatal(err)
		}
	}
	root, err := sum.GetRootHash(nil)
	if err != nil || sum.End() != c.Size || !bytes.Equal(root, c.Hash) {
		t.Errorf("root %x of %d, %v; the checkpoint says %x of %d", root, sum.End(), err, c.Hash, c.Size)
	}
}
