package verify_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// fullLog is a small log with all that can stand beside one: cosignatures of
// witnesses, one that nobody knows among them, a time stamp with its roots, an
// endorsement, records, objects and the tiles of an earlier publishing.
type fullLog struct {
	*verifytest.Log
	authority *verifytest.Authority
	roots     *stamp.Roots
	policy    *manifest.Policy
	files     verifytest.Memory
	stranger  string // the line of the witness that nobody knows
}

func newFull(t testing.TB) *fullLog {
	t.Helper()
	tsa := testbench.NewTSA(t, 400)
	text, err := os.ReadFile(tsa.Roots)
	if err != nil {
		t.Fatal(err)
	}
	s := &fullLog{Log: verifytest.New(t, t.TempDir()), authority: verifytest.NewAuthority(t)}
	if s.roots, err = stamp.ParseRoots(text); err != nil {
		t.Fatal(err)
	}
	var known []*manifest.Cosigner
	s.policy, known = witnessesOf(t)
	stranger, err := manifest.NewCosigner("stranger.example/w", ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	s.Append("log.started", manifest.Object{"key": s.Key}, nil)
	clip := s.Clip("DCIM/0001.MP4", strings.Repeat("a clip of some bytes. ", 10))
	s.Stored(clip)
	s.Publish()
	note := s.kept(t, append(known, stranger)...)
	tsr := reply(t, tsa, note)
	s.Write(at("checkpoints/"+itoa(s.Size())+".tsr"), tsr)
	s.Write(at("tsa/"+hexOf(text)+".pem"), text)
	s.Append("log.anchor", manifest.Object{
		"size": s.Size(), "sha256": hexOf(note), "tsr": hexOf(tsr), "tsa": "bench", "roots": hexOf(text),
		"time": timeOf(t, tsr).Format("2006-01-02T15:04:05.000Z"),
	}, nil)
	s.About(clip, "clip.tagged", nil, map[string]any{"tags": map[string]any{"cases": []string{"A-17"}}})
	s.Publish()
	s.kept(t, append(known, stranger)...)
	s.stranger = string(cosignedBy(t, s.Log, stranger))
	s.authority.Endorse(s.Log, s.Key, nil)
	s.files = s.Memory()
	return s
}

// cosignedBy is the line of a witness under the log as it is.
func cosignedBy(t testing.TB, l *verifytest.Log, w *manifest.Cosigner) []byte {
	t.Helper()
	root, err := tlog.ParseHash(strings.SplitN(string(l.Checkpoint(l.Size())), "\n", 4)[2])
	if err != nil {
		t.Fatal(err)
	}
	line, err := w.Cosign(manifest.Checkpoint{Origin: verifytest.Origin, Size: l.Size(), Root: root}, time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// kept writes checkpoints/<size> as witnesses cosigned it.
func (s *fullLog) kept(t testing.TB, witnesses ...*manifest.Cosigner) []byte {
	t.Helper()
	note := s.Checkpoint(s.Size())
	for _, w := range witnesses {
		note = append(note, cosignedBy(t, s.Log, w)...)
	}
	s.Write(at("checkpoints/"+itoa(s.Size())), note)
	return note
}

// check is all that an auditor does who has the authority's key, the roots of the
// time-stamp authority and a policy.
func (s *fullLog) check() error {
	ctx := context.Background()
	o, err := verify.Authority{Verifier: s.authority.Verifier}.Log(ctx, s.files, verifytest.Name)
	if err != nil {
		return err
	}
	o.Roots, o.Policy, o.Workers = s.roots, s.policy, 1
	_, err = verify.Store(ctx, o, nil)
	return err
}

// TestEveryBitOfALog: no bit of a published log changes unseen, but for those that
// a specification says count for nothing.
func TestEveryBitOfALog(t *testing.T) {
	s := newFull(t)
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	newest := at("checkpoints/" + itoa(s.Size()))
	line := bytes.Index(s.files[newest], []byte(s.stranger))
	f := verifytest.NewFlips(t, verifytest.Pass{
		// No log.anchor names the newest yet; of the one before it the digest covers this too.
		File: newest, From: line, To: line + len(s.stranger), Why: "c2sp.org/signed-note: signatures by unknown keys are ignored",
	})
	f.Memory(s.files, s.check)
	f.Done()
	if err := s.check(); err != nil {
		t.Error("after the last flip:", err)
	}
}

// TestEveryBitOfAReceipt: no bit of a receipt or of a proof changes unseen. What the
// code on a receipt carries is this text; internal/testbench/outside reads it.
func TestEveryBitOfAReceipt(t *testing.T) {
	l, r := docked(t)
	mem := l.Memory()
	f := verifytest.NewFlips(t)
	for name, whole := range map[string][]byte{"receipt": l.Receipt(r, l.Size()), "proof": l.Proof(3)} {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, whole)
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		check := func() error { return runFile(t, mem, l.Key, path).err }
		if err := check(); err != nil {
			t.Fatal(err)
		}
		f.Each(name, whole, func(at int, b byte) {
			if _, err := file.WriteAt([]byte{b}, int64(at)); err != nil {
				t.Fatal(err)
			}
		}, check)
		if err := errors.Join(check(), file.Close()); err != nil {
			t.Error("after the last flip:", err)
		}
	}
	f.Done()
}
