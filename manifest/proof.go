package manifest

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// proofHeader is the first line of a proof; c2sp.org/tlog-proof.
const proofHeader = "c2sp.org/tlog-proof@v1"

// maxProofHashes is the height of the tallest tree an int64 can count.
const maxProofHashes = 63

// Proof shows without any store that an entry is in a log.
type Proof struct {
	Index      int64       // of the entry
	Hashes     []tlog.Hash // from the leaf's sibling up to the root's child
	Checkpoint []byte      // signed, verbatim
}

// Encode writes the proof as a C2SP tlog-proof without extra line.
func (p Proof) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nindex %d\n", proofHeader, p.Index)
	for _, h := range p.Hashes {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseProof undoes Encode and accepts nothing else; the extra line that the
// format allows is refused, because no signature covers it. The checkpoint is
// not looked into. The error wraps ErrMalformed.
func ParseProof(b []byte) (Proof, error) {
	bad := func(what string) (Proof, error) {
		return Proof{}, fmt.Errorf("proof: %w: %s", ErrMalformed, what)
	}
	if len(b) > maxCheckpoint {
		return bad("too long")
	}
	head, checkpoint, ok := strings.Cut(string(b), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != proofHeader {
		return bad("not a " + proofHeader)
	}
	digits, ok := strings.CutPrefix(lines[1], "index ")
	index, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || index < 0 {
		return bad("no index in its second line")
	}
	if len(lines)-2 > maxProofHashes {
		return bad("too many hashes")
	}
	if checkpoint == "" {
		return bad("no checkpoint")
	}
	p := Proof{Index: index, Checkpoint: []byte(checkpoint)}
	for _, line := range lines[2:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return bad("a line that is no hash")
		}
		p.Hashes = append(p.Hashes, h)
	}
	if !bytes.Equal(p.Encode(), b) {
		return bad("encoding it again gives other bytes")
	}
	return p, nil
}

// Check verifies the checkpoint and that leaf stands at p.Index under it, and
// returns the checkpoint.
func (p Proof) Check(leaf tlog.Hash, origin string, v note.Verifier) (Checkpoint, error) {
	c, err := OpenCheckpoint(p.Checkpoint, origin, v)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("proof: %w", err)
	}
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, p.Index, leaf); err != nil {
		return Checkpoint{}, fmt.Errorf("proof: %w: entry %d of %d: %w", ErrMalformed, p.Index, c.Size, err)
	}
	return c, nil
}

// LeafHash is the hash of an entry as a leaf of the tree (RFC 6962, 2.1).
func LeafHash(entry []byte) tlog.Hash { return tlog.RecordHash(entry) }
