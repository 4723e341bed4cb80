package keyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o600, 0o400, 0o644, 0o640, 0o602, 0o620, 0o604} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		text, err := Read(path)
		if open := mode&0o077 == 0; open != (err == nil) || open != (text == "one\ntwo") {
			t.Errorf("mode %o: %q, %v", mode, text, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "chmod 600 it") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := Read(dir); err == nil {
		t.Error("a folder was read")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, maxKey+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("a file that is too long was read")
	}
}
