package console

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOfficersHandOverWhatTheyCanRead: the daemon runs as root here, and lends
// that to nobody.
func TestOfficersHandOverWhatTheyCanRead(t *testing.T) {
	desk := fullDesk()
	state := startPublic(t, desk)
	all := people(t)
	for _, c := range []struct {
		name    string
		make    func(t *testing.T, dir string)
		officer int
	}{
		{"open to all", func(t *testing.T, dir string) { put(t, dir, "a.mp4", 0o644, 0, 0) }, http.StatusOK},
		{"its own", func(t *testing.T, dir string) { put(t, dir, "a.mp4", 0o600, stranger, stranger) }, http.StatusOK},
		{"its group's", func(t *testing.T, dir string) { put(t, dir, "a.mp4", 0o640, 0, all["officer"].gid) }, http.StatusOK},
		{"one of its groups'", func(t *testing.T, dir string) { put(t, dir, "a.mp4", 0o640, 0, 7) }, http.StatusForbidden},
		{"root's", func(t *testing.T, dir string) { put(t, dir, "deep/er/shadow", 0o600, 0, 0) }, http.StatusForbidden},
		{"its own without the right", func(t *testing.T, dir string) { put(t, dir, "a.mp4", 0o044, stranger, 0) }, http.StatusForbidden},
		{"a closed folder", func(t *testing.T, dir string) {
			put(t, dir, "root/a.mp4", 0o644, 0, 0)
			chmod(t, filepath.Join(dir, "root"), 0o700)
		}, http.StatusForbidden},
		{"a folder that only lists", func(t *testing.T, dir string) {
			put(t, dir, "root/a.mp4", 0o644, 0, 0)
			chmod(t, filepath.Join(dir, "root"), 0o744)
		}, http.StatusForbidden},
		{"lost+found", func(t *testing.T, dir string) {
			put(t, dir, "lost+found/a.mp4", 0o644, 0, 0)
			chmod(t, filepath.Join(dir, "lost+found"), 0o700)
		}, http.StatusOK},
		{"a link to what is closed", func(t *testing.T, dir string) {
			if err := os.Symlink("/etc/shadow", filepath.Join(dir, "a.mp4")); err != nil {
				t.Fatal(err)
			}
		}, http.StatusOK}, // links are not taken
	} {
		dir := t.TempDir()
		c.make(t, dir)
		folder, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for who, want := range map[string]int{"officer": c.officer, "admin": http.StatusOK, "root": http.StatusOK} {
			status, got := ask(t, all[who], state, http.MethodPost, pathIngest, `{"dir":"/x"}`, int(folder.Fd()))
			if status != want || want == http.StatusForbidden && !strings.Contains(got, `"code":"denied"`) {
				t.Errorf("%s: %s: %d %s, want %d", c.name, who, status, got, want)
			}
		}
		_ = folder.Close()
	}
	many := all["officer by group"] // 7 among its groups
	dir := t.TempDir()
	put(t, dir, "a.mp4", 0o640, 0, 7)
	folder, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folder.Close() }()
	if status, got := ask(t, many, state, http.MethodPost, pathIngest, `{"dir":"/x"}`, int(folder.Fd())); status != http.StatusOK {
		t.Errorf("by a supplementary group: %d %s", status, got)
	}
	// "/" is open to everyone, and what is below it is not.
	top, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = top.Close() }()
	if status, _ := ask(t, all["officer"], state, http.MethodPost, pathIngest, `{"dir":"/"}`, int(top.Fd())); status != http.StatusForbidden {
		t.Errorf("the whole file system: %d", status)
	}
}

func put(t *testing.T, dir, name string, mode os.FileMode, uid, gid int) {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(full, uid, gid); err != nil {
		t.Fatal(err)
	}
	chmod(t, full, mode)
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}
