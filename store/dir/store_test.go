package dir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

func TestMarker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new/central")
	if IsStore(path) {
		t.Error("a missing directory is a store")
	}
	// Several processes that start at once agree on one store.
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			s, err := Open(path, Options{Create: true})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = s.ID()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b, err := os.ReadFile(filepath.Join(path, Marker))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if want := `{"store":"` + id + `","v":1}` + "\n"; len(id) != 32 || string(b) != want {
			t.Errorf("marker %q, want %q", b, want)
		}
	}
	if !IsStore(path) {
		t.Error("not a store after its creation")
	}
	for _, bad := range []string{
		"", "{}", string(b[:len(b)-1]), " " + string(b), string(b) + "\n", strings.ToUpper(string(b)),
		strings.Replace(string(b), "1}", "2}", 1), strings.Replace(string(b), ids[0], ids[0][1:], 1),
	} {
		if m, err := parseMarker([]byte(bad)); err == nil {
			t.Errorf("%q was read as %+v", bad, m)
		}
	}
	if err := durable.WriteFile(filepath.Join(path, Marker), []byte("{}\n"), 0o444); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{Create: true}); err == nil {
		t.Error("a malformed marker was accepted")
	}
}

func FuzzMarker(f *testing.F) {
	f.Add([]byte(`{"store":"000102030405060708090a0b0c0d0e0f","v":1}` + "\n"))
	f.Add([]byte(`{"store":"","v":0}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseMarker(b); err == nil && !bytes.Equal(m.encode(), b) {
			t.Errorf("%q is written again as %q", b, m.encode())
		}
	})
}

func FuzzName(f *testing.F) {
	for _, name := range []string{"log/a/tile/0/x001/234.p/12", "../x", "a//b", ".lock", Marker, "lost+found/x", "a\\b", "é"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if checkName(name) != nil {
			return
		}
		if !fs.ValidPath(name) || !filepath.IsLocal(name) || strings.Contains("/"+name, "/.") {
			t.Errorf("%q is allowed", name)
		}
		if at, base := split(name); filepath.Join(at, base) != name {
			t.Errorf("%q is split in %q and %q", name, at, base)
		}
	})
}

func TestOwnFilesAreHidden(t *testing.T) {
	s := openNew(t, t.TempDir())
	if _, err := s.Replace(t.Context(), "log/a/checkpoint", []byte("x"), ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log/a/.lock", Marker} {
		if _, err := os.Lstat(filepath.Join(s.path, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(t.Context(), name, ""); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("open %s: %v", name, err)
		}
		if _, err := s.Create(t.Context(), name, nil); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("create %s: %v", name, err)
		}
	}
	left := durable.TempName(s.path)
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"log/a/checkpoint"}, storetest.Names(t, s, "")); diff != "" {
		t.Error(diff)
	}
	again, err := Open(s.path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a crash left is still there: %v", err)
	}
}

// What somebody plants in a store is neither followed nor waited for, and named.
func TestPlanted(t *testing.T) {
	s := openNew(t, t.TempDir())
	outside := t.TempDir()
	o := storetest.Object(t, []byte("clip"))
	name := store.Name(o.Digest)
	at := func(name string) string { return filepath.Join(s.path, name) }
	for _, err := range []error{
		os.WriteFile(filepath.Join(outside, "secret"), []byte("clip"), 0o600),
		os.MkdirAll(at("object/"+o.Digest.String()[:2]), 0o755),
		os.Symlink(filepath.Join(outside, "secret"), at(name)),
		os.Symlink(outside, at("record")),
		os.MkdirAll(at("log/a/key"), 0o755),
		os.MkdirAll(at("log/mounted"), 0o755),
		os.MkdirAll(at("log/b"), 0o755),
		os.WriteFile(at("log/b/key"), []byte("x"), 0o600),
		os.Symlink("b", at("log/inner")),
		unix.Mkfifo(at("log/a/checkpoint"), 0o600),
		os.WriteFile(at("log/bad\xff"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	run(t, "mount", "-t", "tmpfs", "tmpfs", at("log/mounted"))
	t.Cleanup(func() { run(t, "umount", at("log/mounted")) })

	ctx := t.Context()
	for _, n := range []string{name, "record/secret", "log/a/key", "log/a/checkpoint", "log/mounted/x", "log/inner/key"} {
		if f, err := s.Open(ctx, n, ""); err == nil || f != nil {
			t.Errorf("%s was opened", n)
		}
		if _, err := s.Create(ctx, n, []byte("x")); err == nil {
			t.Errorf("%s was created", n)
		}
		if _, err := s.Replace(ctx, n, []byte("x"), ""); err == nil {
			t.Errorf("%s was replaced", n)
		}
	}
	if _, err := s.Put(ctx, o); err == nil {
		t.Error("a link was taken for the object")
	}
	if _, err := s.Create(ctx, "log/mounted/x", nil); !errors.Is(err, unix.EXDEV) {
		t.Errorf("write into another file system: %v", err)
	}
	if got, err := os.ReadDir(outside); err != nil || len(got) != 1 {
		t.Errorf("outside: %v %v", got, err)
	}
	var bad []string
	for info, err := range s.List(ctx, "") {
		if err != nil {
			bad = append(bad, info.Name)
		}
	}
	if diff := cmp.Diff([]string{"log/a/checkpoint", "log/bad\xff", "log/inner", "log/mounted", name, "record"}, bad); diff != "" {
		t.Error(diff)
	}
}

func TestObjectOfAnotherSize(t *testing.T) {
	s := openNew(t, t.TempDir())
	o := storetest.Object(t, []byte("whole clip"))
	at := filepath.Join(s.path, store.Name(o.Digest))
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte("torn"), 0o444)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), o); !errors.Is(err, store.ErrExists) {
		t.Errorf("%v, want ErrExists", err)
	}
	if b, err := os.ReadFile(at); err != nil || string(b) != "torn" {
		t.Errorf("%q %v", b, err)
	}
}

// Two stores on one directory are two processes as far as locks go.
func TestTwoProcessesOneWinner(t *testing.T) {
	path := t.TempDir()
	stores := []*Store{openNew(t, path), openNew(t, path)}
	for round := range 30 {
		name := fmt.Sprintf("log/%d/checkpoint", round)
		create, lost, old := round%3 == 0, store.ErrStale, ""
		switch round % 3 {
		case 0:
			lost = store.ErrExists
		case 1:
			info, err := stores[0].Create(t.Context(), name, []byte("base"))
			if err != nil {
				t.Fatal(err)
			}
			old = info.Version
		}
		var wg sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			wg.Go(func() {
				if create {
					_, errs[i] = stores[i%2].Create(t.Context(), name, fmt.Append(nil, i))
				} else {
					_, errs[i] = stores[i%2].Replace(t.Context(), name, fmt.Append(nil, i), old)
				}
			})
		}
		wg.Wait()
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
				if err := stores[0].same(name, fmt.Append(nil, i)); err != nil {
					t.Errorf("round %d: what the winner wrote: %v", round, err)
				}
			} else if !errors.Is(err, lost) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("round %d: %d winners", round, won)
		}
	}
}

func TestLockOfAnotherProcessIsWaitedFor(t *testing.T) {
	s := openNew(t, t.TempDir())
	if _, err := s.Create(t.Context(), "log/a/key", nil); err != nil {
		t.Fatal(err)
	}
	dir, err := s.openDir("log/a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	other, err := lockDir(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*lockRetry)
	defer cancel()
	if _, err := s.Replace(ctx, "log/a/checkpoint", nil, ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another process writes: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Replace(t.Context(), "log/a/checkpoint", nil, ""); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestKeyedLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keyed
		unlock, err := k.lock(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if other, err := k.lock(t.Context(), "b"); err != nil {
			t.Error(err)
		} else {
			other()
		}
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() { _, err := k.lock(ctx, "a"); waiting <- err }()
		synctest.Wait()
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		go func() {
			second, err := k.lock(t.Context(), "a")
			waiting <- err
			second()
		}()
		synctest.Wait()
		if len(waiting) > 0 {
			t.Error("two hold one lock")
		}
		unlock()
		synctest.Wait()
		if err := <-waiting; err != nil || len(k.slots) > 0 {
			t.Errorf("%v; %d locks are left", err, len(k.slots))
		}
	})
}

// After a failed sync nothing is acknowledged any more, though the kernel
// would call the next one a success.
func TestFailedSyncIsTheEnd(t *testing.T) {
	ctx := t.Context()
	for what, act := range map[string]func(*Store) error{
		"create":  func(s *Store) error { _, err := s.Create(ctx, "log/a/key", []byte("k")); return err },
		"replace": func(s *Store) error { _, err := s.Replace(ctx, "log/a/checkpoint", []byte("c"), ""); return err },
		"put":     func(s *Store) error { _, err := s.Put(ctx, storetest.Object(t, []byte("clip"))); return err },
	} {
		t.Run(what, func(t *testing.T) {
			s := openNew(t, t.TempDir())
			s.syncDir = func(dir *os.File) error { return &os.PathError{Op: "fsync", Path: dir.Name(), Err: unix.EIO} }
			want := error(unix.EIO)
			if what == "put" {
				// A closed syncer stands for one whose syncfs failed.
				want = os.ErrClosed
				if err := s.syncer.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if err := act(s); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			s.syncDir = (*os.File).Sync
			for range 2 {
				if err := act(s); !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), "opened again") {
					t.Errorf("later: %v, want the same end", err)
				}
			}
		})
	}
}

// Names are synced after they were given, each directory on the way too.
func TestSyncsFollowNames(t *testing.T) {
	s := openNew(t, t.TempDir())
	var synced []string
	s.syncDir = func(dir *os.File) error {
		names, err := os.ReadDir(dir.Name())
		at, _ := filepath.Rel(s.path, dir.Name())
		for _, n := range names {
			if !strings.HasPrefix(n.Name(), ".") && n.Name() != Marker {
				synced = append(synced, filepath.Join(at, n.Name()))
			}
		}
		return err
	}
	for _, name := range []string{"log/a/key", "log/a/key", "log/a/tile/0"} {
		if _, err := s.Create(t.Context(), name, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"log", "log/a", "log/a/key", // the first
		"log/a/key",                               // the second
		"log/a/key", "log/a/tile", "log/a/tile/0", // the third: the new directory, then the file
	}
	if diff := cmp.Diff(want, synced); diff != "" {
		t.Error(diff)
	}
}

func TestOpenReader(t *testing.T) {
	s := openNew(t, t.TempDir())
	info, err := s.Create(t.Context(), "log/a/key", []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.path, Marker)); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReader(s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	f, err := r.Open(t.Context(), "log/a/key", info.Version)
	if err != nil {
		t.Fatal(err)
	}
	// Who has a version open keeps it.
	if _, err := s.Replace(t.Context(), "log/a/key", []byte("new"), info.Version); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(f); err != nil || string(b) != "k" {
		t.Errorf("%q %v", b, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Open(t.Context(), "log/a/key", info.Version); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("a version that was replaced: %v", err)
	}
	if want := "file://" + s.path; r.URL() != want || s.URL() != want {
		t.Errorf("%s and %s, want %s", r.URL(), s.URL(), want)
	}
	for _, path := range []string{filepath.Join(s.path, "none"), filepath.Join(s.path, "log/a/key")} {
		if _, err := OpenReader(path); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
}

func spoolFile(b *testing.B, path string, content []byte) store.Object {
	b.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.Fatal(err)
	}
	return store.Object{Digest: sha256.Sum256(content), Size: int64(len(content)), Path: path}
}

// A bay's worth of small clips, as many as fit a shared sync.
func BenchmarkPut(b *testing.B) {
	const clips, size, writers = 10_000, 64 << 10, 256
	for b.Loop() {
		b.StopTimer()
		base := b.TempDir()
		s := openNew(b, filepath.Join(base, "central"))
		objects := make([]store.Object, clips)
		content := storetest.Random(size, 1)
		for i := range objects {
			copy(content, fmt.Sprintf("%08d", i))
			objects[i] = spoolFile(b, filepath.Join(base, fmt.Sprint(i)), content)
		}
		unix.Sync()
		b.StartTimer()
		work := make(chan store.Object)
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for o := range work {
					if _, err := s.Put(b.Context(), o); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for _, o := range objects {
			work <- o
		}
		close(work)
		wg.Wait()
	}
	b.ReportMetric(clips*float64(b.N)/b.Elapsed().Seconds(), "clips/s")
}
