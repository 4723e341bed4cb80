package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(b)
	}
	return got
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, tt := range []struct {
		data string
		perm os.FileMode
	}{{"one", 0o600}, {"two, longer", 0o666}, {"", 0o444}, {"after read-only", 0o644}} {
		if err := WriteFile(path, []byte(tt.data), tt.perm); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"a": tt.data}, contents(t, dir)); diff != "" {
			t.Errorf("after %q: %s", tt.data, diff)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != tt.perm {
			t.Errorf("mode %v, want %v (%v)", info.Mode(), tt.perm, err)
		}
	}
}

func TestCreateFileNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := CreateFile(path, []byte("first"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := CreateFile(path, []byte("second"), 0o444); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second create: %v, want fs.ErrExist", err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := CreateFile(filepath.Join(dir, "link"), nil, 0o444); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a dangling link: %v, want fs.ErrExist", err)
	}
	if err := os.Remove(filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "first"}, contents(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// Each way of giving a name without replacing must have exactly one winner,
// also those that only some file systems need.
func TestNoReplaceHasOneWinner(t *testing.T) {
	for name, rename := range map[string]func(*os.File, string, *os.File, string) error{
		"rename": renameNoReplace, "link": linkNoReplace, "look": lookThenRename,
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			dir, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = dir.Close() }()
			const n = 32
			var wg sync.WaitGroup
			errs := make([]error, n)
			for i := range n {
				old := fmt.Sprint(i)
				if err := os.WriteFile(filepath.Join(path, old), []byte(old), 0o600); err != nil {
					t.Fatal(err)
				}
				wg.Go(func() { errs[i] = rename(dir, old, dir, "goal") })
			}
			wg.Wait()
			want := map[string]string{}
			for i, err := range errs {
				switch {
				case err == nil && want["goal"] == "":
					want["goal"] = fmt.Sprint(i)
				case err == nil:
					t.Errorf("%d and %s both won", i, want["goal"])
				case errors.Is(err, fs.ErrExist):
					want[fmt.Sprint(i)] = fmt.Sprint(i)
				default:
					t.Error(err)
				}
			}
			if diff := cmp.Diff(want, contents(t, path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "d"), []byte("x"), 0o600); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if err := WriteFile(filepath.Join(dir, strings.Repeat("n", 256)), []byte("x"), 0o600); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("name of 256 bytes: %v", err)
	}
	if err := WriteFile(filepath.Join(dir, "none", "f"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

func TestMkdirAll(t *testing.T) {
	root := t.TempDir()
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	deep := filepath.Join(root, "a", "b", "c")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := MkdirAll(deep, 0o755); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, p := range []string{"a", "a/b", "a/b/c"} {
		info, err := os.Stat(filepath.Join(root, p))
		if err != nil || info.Mode() != fs.ModeDir|0o755 {
			t.Errorf("%s: %v %v", p, info, err)
		}
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{file, filepath.Join(file, "below")} {
		if err := MkdirAll(p, 0o755); !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("%s: %v, want ENOTDIR", p, err)
		}
	}
}

func TestSweepSparesWritersAndOthers(t *testing.T) {
	path := t.TempDir()
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	for _, n := range []string{TempName(path), TempName(path), filepath.Join(path, "keep"), filepath.Join(path, ".tm")} {
		if err := os.WriteFile(n, nil, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	live, err := NewTemp(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := live.Write([]byte("live")); err != nil {
		t.Fatal(err)
	}
	n, err := Sweep(path)
	if n != 2 || err != nil {
		t.Errorf("swept %d, %v; want 2", n, err)
	}
	if err := live.Rename(dir, "named", false); err != nil {
		t.Errorf("the sweep took a file that was being written: %v", err)
	}
	live.Discard()
	if diff := cmp.Diff(map[string]string{"keep": "", ".tm": "", "named": "live"}, contents(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestSweepAgainstManyWriters(t *testing.T) {
	path := t.TempDir()
	stop := make(chan struct{})
	var sweeper, writers sync.WaitGroup
	sweeper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := Sweep(path); err != nil {
				t.Error(err)
			}
		}
	})
	for w := range 4 {
		writers.Go(func() {
			for i := range 25 {
				if err := CreateFile(filepath.Join(path, fmt.Sprintf("%d-%d", w, i)), []byte("x"), 0o444); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	sweeper.Wait()
	if got := len(contents(t, path)); got != 100 {
		t.Errorf("%d files, want 100", got)
	}
}
