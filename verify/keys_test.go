package verify_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// rotated is a log that has had three keys, and those. The checkpoint of size 3
// was cosigned, and a proof given, when it had the first alone.
func rotated(t *testing.T) (l *verifytest.Log, keys []string, proof []byte) {
	t.Helper()
	l = verifytest.New(t, t.TempDir())
	l.Append("log.started", manifest.Object{"key": l.Key}, nil)
	a := l.Clip("DCIM/0001.MP4", "first clip")
	l.Stored(a)
	l.Publish()
	l.Write("log/dk3v9q/checkpoints/3", l.Checkpoint(3))
	proof = l.Proof(a)
	keys = []string{l.Key, l.Rotate()}
	l.Stored(l.Clip("DCIM/0002.MP4", "second clip"))
	keys = append(keys, l.Rotate())
	l.Publish()
	return l, keys, proof
}

// TestRotated: the first key, the newest and the one between prove the same.
func TestRotated(t *testing.T) {
	l, keys, proof := rotated(t)
	path := filepath.Join(t.TempDir(), "proof")
	write(t, path, proof)
	for i, key := range keys {
		got := run(t, l, func(o *verify.Options) { o.Key = key })
		if got.err != nil || got.report.OK != 2 {
			t.Errorf("key %d: %v %+v", i, got.err, got.report)
		}
		if _, err := verify.Log(t.Context(), verify.Options{Store: l.Memory(), Key: key}, nil); err != nil {
			t.Errorf("key %d, the log alone: %v", i, err)
		}
		if got := runFile(t, l.Memory(), key, path); got.err != nil || got.says()["dk3v9q-1"] != verify.OK {
			t.Errorf("key %d, a proof from before: %v", i, got.err)
		}
	}
}

// TestRotatedKeyFile: the published first key has to be the one that the log
// began with, whichever key is trusted, in every bit.
func TestRotatedKeyFile(t *testing.T) {
	l, keys, _ := rotated(t)
	mem := l.Memory()
	name := manifest.KeyPath(verifytest.Name)
	check := func(what, key string) {
		t.Helper()
		report, err := verify.Store(t.Context(), verify.Options{Store: mem, Key: key}, nil)
		if !errors.Is(err, verify.ErrMismatch) || len(report.Problems) != 1 || report.Problems[0].File != name {
			t.Errorf("%s: %v %+v", what, err, report.Problems)
		}
	}
	for _, key := range keys {
		for i := range mem[name] {
			mem[name][i] ^= 1 << (i % 8)
			check("flipped", key)
			mem[name][i] ^= 1 << (i % 8)
		}
	}
	mem[name] = []byte(keys[1] + "\n")
	check("a later key in its place", keys[2])
}

// TestKeyOutsideTheLog: a key that signs along and that the log does not name is
// no key of the log.
func TestKeyOutsideTheLog(t *testing.T) {
	l, _, _ := rotated(t)
	stray := l.Rotate() // entered, and never published
	l.Write(manifest.CheckpointPath(verifytest.Name), l.Checkpoint(l.Size()-1))
	got := run(t, l, func(o *verify.Options) { o.Key = stray })
	if !errors.Is(got.err, verify.ErrMismatch) || !strings.Contains(got.err.Error(), "is not the key that was given") {
		t.Error(got.err)
	}
	if got := run(t, l, nil); got.err != nil {
		t.Errorf("with the first key: %v", got.err)
	}
}

// TestRotatedReceipt: a receipt from before the newest key is read with it.
func TestRotatedReceipt(t *testing.T) {
	l, paper := docked(t)
	path := filepath.Join(t.TempDir(), "receipt")
	write(t, path, l.Receipt(paper, l.Size()))
	newest := l.Rotate()
	l.Publish()
	for _, key := range []string{l.Key, newest} {
		if got := runFile(t, l.Memory(), key, path); got.err != nil {
			t.Errorf("with %s: %v", key, got.err)
		}
	}
	// With an authority that answers for the newest key alone it is signed by nobody.
	for key, good := range map[string]bool{newest: false, l.Key: true} {
		endorsed := manifest.Endorsement{Authority: verifytest.Issuer, Role: manifest.RoleDock, Key: key, From: time.Unix(0, 0), Until: time.Now().AddDate(100, 0, 0)}
		o := verify.Options{Store: l.Memory(), Key: newest, Endorsed: []manifest.Endorsement{endorsed}}
		if _, err := verify.File(t.Context(), o, path, nil); (err == nil) != good || !good && !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("endorsed %s: %v", key, err)
		}
	}
	other, _ := docked(t)
	write(t, path, other.Receipt(paper, other.Size()))
	if got := runFile(t, l.Memory(), newest, path); !errors.Is(got.err, verify.ErrMismatch) {
		t.Errorf("signed by a key that the log does not name: %v", got.err)
	}
}
