package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSyncFails: what is not on the disk gets no name.
func TestSyncFails(t *testing.T) {
	dir := t.TempDir()
	for _, whole := range []bool{true, false} {
		path := filepath.Join(dir, "package")
		f, err := newFolder(path)
		if err != nil {
			t.Fatal(err)
		}
		f.whole = whole
		p, err := f.create("data/a/b", filePerm, 3)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
		if whole { // the file system is not asked any more
			if err := errorsOf(p.done(nil), f.at.Close(), f.finish()); !strings.Contains(err, "syncfs") {
				t.Errorf("finished: %s", err)
			}
		} else { // nor is the file
			if err := p.(*filePart).Close(); err != nil {
				t.Fatal(err)
			}
			if err := errorsOf(p.done(nil)); !strings.Contains(err, "sync") {
				t.Errorf("the file was not synced by itself: %s", err)
			}
		}
		f.discard()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

func errorsOf(errs ...error) (out string) {
	for _, err := range errs {
		if err != nil {
			out += err.Error() + "; "
		}
	}
	return out
}

// TestSyncsWhole: a file system is synced in one step only where that is known to
// reach the disk.
func TestSyncsWhole(t *testing.T) {
	for path, kinds := range map[string][]int64{
		t.TempDir(): {unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC}, "/proc": nil, "/dev/shm": nil,
	} {
		dir, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Statfs_t
		if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		want := false
		for _, kind := range kinds {
			want = want || kind == int64(st.Type)
		}
		if got := syncsWhole(dir); got != want {
			t.Errorf("%s (%x): %t", path, st.Type, got)
		}
		_ = dir.Close()
		if syncsWhole(dir) {
			t.Errorf("%s: of what cannot be asked nothing is known", path)
		}
	}
}
