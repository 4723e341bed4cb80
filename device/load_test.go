package device

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hooked is a folder whose files are read by read.
type hooked struct {
	*Folder
	read func(Reader, []byte) (int, error)
}

func (h hooked) Open(path string) (Reader, error) {
	in, err := h.Folder.Open(path)
	return hookedFile{in, h.read}, err
}

type hookedFile struct {
	Reader
	read func(Reader, []byte) (int, error)
}

func (f hookedFile) Read(p []byte) (int, error) { return f.read(f.Reader, p) }

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	tree, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.Close() }()
	buf := make([]byte, 10)
	for _, text := range []string{"", "abc", "123456789"} {
		if err := os.WriteFile(filepath.Join(dir, "a"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Load(tree, "a", buf)
		if err != nil || !l.Opened || string(buf[:l.N]) != text || l.Before.Size() != int64(len(text)) || l.After.Size() != int64(len(text)) {
			t.Errorf("%q: %+v, %v", text, l, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte(strings.Repeat("x", len(buf))), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Load(tree, "a", buf); err != nil || l.After != nil || l.N != 0 {
		t.Errorf("a file that does not fit: %+v, %v", l, err)
	}
	if l, err := Load(tree, "b", buf); !errors.Is(err, os.ErrNotExist) || l.Opened {
		t.Errorf("no file: %+v, %v", l, err)
	}
	name := filepath.Join(dir, "c")
	if err := os.WriteFile(name, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	grows := hooked{tree, func(in Reader, p []byte) (int, error) {
		if err := os.WriteFile(name, []byte("abcdef"), 0o600); err != nil {
			return 0, err
		}
		return in.Read(p)
	}}
	if l, err := Load(grows, "c", buf); err != nil || l.N != 4 || l.After.Size() != 6 {
		t.Errorf("a file that grows: %+v, %v", l, err)
	}
	worn := errors.New("the card is worn")
	fails := hooked{tree, func(Reader, []byte) (int, error) { return 0, worn }}
	if l, err := Load(fails, "c", buf); !errors.Is(err, worn) || !l.Opened {
		t.Errorf("a file that cannot be read: %+v, %v", l, err)
	}
}
