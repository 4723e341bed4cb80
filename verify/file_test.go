package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

func runFile(t testing.TB, s store.Reader, key, path string) outcome {
	t.Helper()
	var out outcome
	out.report, out.err = verify.File(context.Background(), verify.Options{Store: s, Key: key}, path, func(r verify.Result) error {
		out.results = append(out.results, r)
		return nil
	})
	return out
}

func TestLooseFile(t *testing.T) {
	l := sample(t)
	mem := l.Memory()
	path := filepath.Join(t.TempDir(), "holiday.avi")
	write(t, path, []byte("first clip"))
	want := map[string]string{"dk3v9q-1": verify.OK, "dk3v9q-6": verify.OK}
	if got := runFile(t, mem, l.Key, path); got.err != nil || !cmp.Equal(want, got.says()) {
		t.Error(got.err, got.says())
	}
	// The file counts, not what the store has of it.
	delete(mem, l.Object(1))
	if got := runFile(t, mem, l.Key, path); got.err != nil || !cmp.Equal(want, got.says()) {
		t.Error(got.err, got.says())
	}
	write(t, path, []byte("First clip"))
	got := runFile(t, mem, l.Key, path)
	if !errors.Is(got.err, verify.ErrMismatch) || !cmp.Equal(map[string]string{"": verify.Mismatch}, got.says()) {
		t.Error(got.err, got.says())
	}
	write(t, path, []byte("first clip"))
	mem[manifest.RecordPath(verifytest.Name, 1)][0] ^= 1
	got = runFile(t, mem, l.Key, path)
	if !errors.Is(got.err, verify.ErrMismatch) || got.says()["dk3v9q-1"] != verify.Mismatch {
		t.Error(got.err, got.says())
	}
	if got := runFile(t, mem, l.Key, filepath.Join(t.TempDir(), "none")); !errors.Is(got.err, os.ErrNotExist) {
		t.Error(got.err)
	}
	if got := runFile(t, nil, l.Key, path); got.err == nil || errors.Is(got.err, verify.ErrMismatch) {
		t.Error(got.err)
	}
}

func TestProofFile(t *testing.T) {
	l := sample(t)
	mem := l.Memory()
	path := filepath.Join(t.TempDir(), "receipt")
	for n, want := range map[int64]string{1: "dk3v9q-1", 2: "dk3v9q-2"} {
		proof := l.Proof(n)
		write(t, path, proof)
		if got := runFile(t, mem, l.Key, path); got.err != nil || !cmp.Equal(map[string]string{want: verify.OK}, got.says()) {
			t.Error(got.err, got.says())
		}
		for i := range proof {
			proof[i] ^= 1 << (i * 5 % 8)
			write(t, path, proof)
			if got := runFile(t, mem, l.Key, path); !errors.Is(got.err, verify.ErrMismatch) {
				t.Fatalf("bit %d of byte %d: %v", i*5%8, i, got.err)
			}
			proof[i] ^= 1 << (i * 5 % 8)
		}
	}
	write(t, path, l.Proof(1))
	mem[l.Object(1)][0] ^= 1
	if got := runFile(t, mem, l.Key, path); got.says()["dk3v9q-1"] != verify.Mismatch {
		t.Error(got.err, got.says())
	}
}

func TestNoPackage(t *testing.T) {
	l := sample(t)
	dir := t.TempDir()
	if got := runFile(t, nil, l.Key, dir); !errors.Is(got.err, verify.ErrMismatch) {
		t.Error(got.err)
	}
	write(t, filepath.Join(dir, "manifest-sha256.txt"), nil)
	list := fmt.Sprintf("%x  manifest-sha256.txt\n", sha256.Sum256(nil))
	write(t, filepath.Join(dir, "tagmanifest-sha256.txt"), []byte(list))
	if got := runFile(t, nil, l.Key, dir); !errors.Is(got.err, verify.ErrMismatch) {
		t.Error("an empty package is proved:", got.err)
	}
}

func TestLog(t *testing.T) {
	l := sample(t)
	mem := l.Memory()
	o := verify.Options{Store: mem, Key: l.Key}
	var types []string
	head, err := verify.Log(context.Background(), o, func(e manifest.Entry) error {
		types = append(types, e.Type)
		return nil
	})
	want := []string{
		"log.started", "clip.ingested", "clip.stored", "clip.ingested", "clip.stored", "clip.tagged",
		"clip.ingested", "docking.closed", "clip.stored",
	}
	if err != nil || head.Checkpoint.Size != 9 || !cmp.Equal(want, types) {
		t.Error(err, head.Checkpoint, types)
	}
	stop := errors.New("stop")
	if _, err := verify.Log(context.Background(), o, func(manifest.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	// Only the root tells of an entry that was forged together with its leaf hash.
	bundle, tile := manifest.LogPath(verifytest.Name, "tile/entries/000.p/9"), manifest.LogPath(verifytest.Name, "tile/0/000.p/9")
	raws, err := manifest.DecodeBundle(mem[bundle], 9)
	if err != nil {
		t.Fatal(err)
	}
	raws[8] = bytes.Replace(raws[8], []byte(`"central"`), []byte(`"nowhere"`), 1)
	leaf := manifest.LeafHash(raws[8])
	mem[bundle] = manifest.EncodeBundle(raws)
	copy(mem[tile][8*len(leaf):], leaf[:])
	if _, err := verify.Log(context.Background(), o, func(manifest.Entry) error { return nil }); !errors.Is(err, verify.ErrMismatch) {
		t.Error(err)
	}
}

func TestCancelled(t *testing.T) {
	l := sample(t)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := verify.Store(ctx, verify.Options{Store: l.Memory(), Key: l.Key}, func(verify.Result) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Encrypted objects stand under the digest of their stored bytes, and versions
// are those that the log pins for this store.
func TestStoredElsewhere(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	n := l.Clip("a", "plain")
	plain := l.Object(n)
	m := l.Clip("b", "ciphertext")
	l.About(n, "clip.stored", manifest.Object{
		"store": "central", "stored": manifest.Object{"enc": "age", "sha256": l.Entry(m).Fields.Str("sha256"), "size": 10},
	}, nil)
	l.About(m, "clip.stored", manifest.Object{"store": "far", "version": "v7"}, nil)
	l.Publish()
	mem := l.Memory()
	delete(mem, plain)
	for store, want := range map[string]string{"": verify.OK, "central": verify.OK, "far": verify.Missing} {
		got := map[string]string{}
		_, _ = verify.Store(context.Background(), verify.Options{Store: mem, Key: l.Key, StoreName: store, Clips: []string{l.ClipName(m)}},
			func(r verify.Result) error {
				got[r.Clip] = r.Result
				return nil
			})
		if d := cmp.Diff(map[string]string{l.ClipName(m): want}, got); d != "" {
			t.Error(store, d)
		}
	}
	var got []string
	report, err := verify.Store(context.Background(), verify.Options{Store: mem, Key: l.Key}, func(r verify.Result) error {
		got = append(got, r.Result)
		return nil
	})
	if err != nil || report.OK != 2 {
		t.Error(err, got)
	}
}

// unreadable is a store whose disk cannot read one name.
type unreadable struct {
	verifytest.Memory
	name string
}

var errDisk = errors.New("input/output error")

func (u unreadable) Open(ctx context.Context, name, version string) (store.File, error) {
	if name == u.name {
		return nil, errDisk
	}
	return u.Memory.Open(ctx, name, version)
}

// A file that cannot be read is no proof against its clip, and none for it.
func TestUnreadable(t *testing.T) {
	l := sample(t)
	mem := l.Memory()
	orphan := store.Name(sha256.Sum256(nil))
	mem[orphan] = nil
	for name, want := range map[string]map[string]string{
		l.Object(3):                             {"dk3v9q-3": verify.Missing},
		orphan:                                  {orphan: "problem"},
		manifest.RecordPath(verifytest.Name, 6): {"dk3v9q-6": verify.Mismatch, manifest.RecordPath(verifytest.Name, 6): "problem"},
		manifest.LogPath(verifytest.Name, "tile/0/000.p/9"):       {manifest.LogPath(verifytest.Name, "tile/0/000.p/9"): "problem"},
		manifest.LogPath(verifytest.Name, "tile/entries/000.p/6"): {manifest.LogPath(verifytest.Name, "tile/entries/000.p/6"): "problem"},
	} {
		var out outcome
		out.report, out.err = verify.Store(context.Background(), verify.Options{Store: unreadable{mem, name}, Key: l.Key},
			func(r verify.Result) error {
				out.results = append(out.results, r)
				return nil
			})
		for file, what := range want {
			if got := out.says(); got[file] != what || !errors.Is(out.err, verify.ErrMismatch) {
				t.Errorf("%s: %v, %v", name, got, out.err)
			}
		}
		found := false
		for _, r := range out.results {
			found = found || strings.Contains(r.Problem, errDisk.Error())
		}
		for _, p := range out.report.Problems {
			found = found || strings.Contains(p.Problem, errDisk.Error())
		}
		if !found {
			t.Errorf("%s: nothing says why", name)
		}
	}
	head := manifest.CheckpointPath(verifytest.Name)
	_, err := verify.Store(context.Background(), verify.Options{Store: unreadable{mem, head}, Key: l.Key}, nil)
	if !errors.Is(err, errDisk) || errors.Is(err, verify.ErrMismatch) {
		t.Error("a store that cannot be read:", err)
	}
}
