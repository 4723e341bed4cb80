package store_test

import (
	"bytes"
	"context"
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
