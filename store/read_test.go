package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"testing"

	"go.uber.org/goleak"

	"github.com/custodock/custodock/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// odd is a store whose one file has another size than it says.
type odd struct {
	data []byte
	says int64
}

type oddFile struct {
	*bytes.Reader
	says int64
}

func (oddFile) Close() error       { return nil }
func (f oddFile) Info() store.Info { return store.Info{Size: f.says, Version: "v"} }

func (o odd) Open(context.Context, string, string) (store.File, error) {
	return oddFile{bytes.NewReader(o.data), o.says}, nil
}

func (o odd) Stat(context.Context, string, string) (store.Info, error) {
	return store.Info{Size: o.says}, nil
}

func (odd) List(context.Context, string) iter.Seq2[store.Info, error] {
	return func(func(store.Info, error) bool) {}
}

// moving is a store whose file is replaced while each of its first readers reads it.
type moving struct {
	odd
	left *int
}

type gone struct{ oddFile }

func (gone) Read([]byte) (int, error) {
	return 0, fmt.Errorf("%w any more in this version", store.ErrNotExist)
}

func (m moving) Open(ctx context.Context, name, version string) (store.File, error) {
	f, err := m.odd.Open(ctx, name, version)
	if *m.left--; *m.left >= 0 {
		return gone{f.(oddFile)}, err
	}
	return f, err
}

// TestReplacedWhileRead: a file that another takes the place of is read anew, but
// not for ever.
func TestReplacedWhileRead(t *testing.T) {
	for left, good := range map[int]bool{3: true, 1000: false} {
		for name, read := range map[string]func(store.Reader) ([]byte, error){
			"ReadAll": func(r store.Reader) ([]byte, error) {
				b, _, err := store.ReadAll(t.Context(), r, "x", 8)
				return b, err
			},
			"ReadBare": func(r store.Reader) ([]byte, error) { return store.ReadBare(t.Context(), r, "x", 8) },
		} {
			n := left
			b, err := read(moving{odd{[]byte("abc"), 3}, &n})
			if good != (err == nil && string(b) == "abc") || !good && !errors.Is(err, store.ErrNotExist) || n >= left {
				t.Errorf("%s, replaced %d times: %q, %v", name, left, b, err)
			}
		}
	}
}

func TestReadAll(t *testing.T) {
	for _, c := range []struct {
		data string
		says int64
		want error
	}{
		{"", 0, nil}, {"a", 1, nil}, {"abcdefgh", 8, nil},
		{"", 1, io.ErrUnexpectedEOF}, {"a", 0, io.ErrUnexpectedEOF}, {"abc", 8, io.ErrUnexpectedEOF}, {"abcdefgh", 7, io.ErrUnexpectedEOF},
	} {
		s := odd{[]byte(c.data), c.says}
		b, info, err := store.ReadAll(t.Context(), s, "x", 8)
		if err != c.want || err == nil && string(b) != c.data || info.Version != "v" {
			t.Errorf("%q that says %d: %q, %v", c.data, c.says, b, err)
		}
		if bare, err := store.ReadBare(t.Context(), s, "x", 8); err != c.want || !bytes.Equal(bare, b) {
			t.Errorf("%q that says %d, bare: %q, %v", c.data, c.says, bare, err)
		}
	}
	if _, _, err := store.ReadAll(t.Context(), odd{[]byte("abcdefghi"), 9}, "x", 8); err == nil {
		t.Error("read more than the limit")
	}
}
