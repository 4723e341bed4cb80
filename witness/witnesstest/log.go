// Package witnesstest has logs to be witnessed, which can be forked.
package witnesstest

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// Log is a log in memory.
type Log struct {
	Origin   string
	VKey     string
	Verifier note.Verifier
	t        testing.TB
	signer   note.Signer
	hashes   []tlog.Hash // as tlog stores them
	size     int64
}

// NewLog makes an empty log whose key is made from its origin.
func NewLog(t testing.TB, origin string) *Log {
	t.Helper()
	seed := append([]byte(origin), make([]byte, ed25519.SeedSize)...)[:ed25519.SeedSize]
	skey, vkey, err := manifest.EncodeKey(origin, ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{Origin: origin, VKey: vkey, t: t}
	if l.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	if l.Verifier, err = manifest.ParseKey(vkey); err != nil {
		t.Fatal(err)
	}
	return l
}

// Fork is a second log with the same key and the entries so far: what a cloned
// dock has.
func (l *Log) Fork() *Log {
	c := *l
	c.hashes = append([]tlog.Hash(nil), l.hashes...)
	return &c
}

// Grow adds entries that say what.
func (l *Log) Grow(n int, what string) {
	l.t.Helper()
	for range n {
		more, err := tlog.StoredHashes(l.size, fmt.Appendf(nil, "%s %d", what, l.size), l)
		if err != nil {
			l.t.Fatal(err)
		}
		l.hashes = append(l.hashes, more...)
		l.size++
	}
}

// ReadHashes implements tlog.HashReader.
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

// Size is how many entries it has.
func (l *Log) Size() int64 { return l.size }

// Head is what its checkpoint says.
func (l *Log) Head() manifest.Checkpoint {
	l.t.Helper()
	root, err := tlog.TreeHash(l.size, l)
	if err != nil {
		l.t.Fatal(err)
	}
	return manifest.Checkpoint{Origin: l.Origin, Size: l.size, Root: root}
}

// Checkpoint is its signed head.
func (l *Log) Checkpoint() []byte {
	l.t.Helper()
	msg, err := manifest.SignCheckpoint(l.Head(), l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return msg
}

// Prove gives the consistency proof from an older size.
func (l *Log) Prove(old int64) (tlog.TreeProof, error) { return tlog.ProveTree(l.size, old, l) }
