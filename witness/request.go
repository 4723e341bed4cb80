// Package witness asks witnesses to cosign the checkpoints of a log, by
// c2sp.org/tlog-witness over HTTP. A witness remembers the largest checkpoint it
// has seen of a log and cosigns no other history: who holds a log's key can then
// show two histories to nobody who asks for its cosignature.
//
// Nothing a witness answers is believed but a cosignature that verifies, and
// nobody waits for one longer than the caller's context.
package witness

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// The paths and types of the protocol.
const (
	AddPath  = "/add-checkpoint" // below the submission prefix
	SizeType = "text/x.tlog.size"
)

const (
	maxProof = 63 // hashes; the height of the tallest tree an int64 can count
	// MaxRequest is the length of the longest request in bytes: a checkpoint of
	// a hundred signature lines and a whole proof.
	MaxRequest = 320 << 10
)

// Request is the body of add-checkpoint.
type Request struct {
	Old        int64          // size of the last checkpoint the witness cosigned
	Proof      tlog.TreeProof // from it to the checkpoint
	Checkpoint []byte         // signed, verbatim
}

// Encode writes the request.
func (r Request) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", r.Old)
	for _, h := range r.Proof {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(r.Checkpoint)
	return b.Bytes()
}

// ParseRequest undoes Encode and accepts nothing else. The checkpoint is not
// looked into. The error wraps manifest.ErrMalformed.
func ParseRequest(b []byte) (Request, error) {
	bad := func(what string) (Request, error) {
		return Request{}, fmt.Errorf("request: %w: %s", manifest.ErrMalformed, what)
	}
	if len(b) > MaxRequest {
		return bad("too long")
	}
	head, checkpoint, ok := strings.Cut(string(b), "\n\n")
	lines := strings.Split(head, "\n")
	digits, old := strings.CutPrefix(lines[0], "old ")
	if !ok || !old {
		return bad("it does not begin with old and a size, or has no empty line")
	}
	size, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || size < 0:
		return bad("the old size is no number")
	case len(lines)-1 > maxProof:
		return bad("too many hashes")
	case checkpoint == "":
		return bad("no checkpoint")
	}
	r := Request{Old: size, Checkpoint: []byte(checkpoint)}
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return bad("a line that is no hash")
		}
		r.Proof = append(r.Proof, h)
	}
	if !bytes.Equal(r.Encode(), b) {
		return bad("encoding it again gives other bytes")
	}
	return r, nil
}
