package verifytest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/custodock/custodock/store"
)

// Memory is a store in memory: bytes by name. Its versions are all "".
type Memory map[string][]byte

// Memory copies the files of the store.
func (l *Log) Memory() Memory {
	l.t.Helper()
	m := Memory{}
	err := filepath.WalkDir(l.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(l.Dir, path)
		if err != nil {
			return err
		}
		m[filepath.ToSlash(rel)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

type memoryFile struct {
	*bytes.Reader
	info store.Info
}

func (memoryFile) Close() error       { return nil }
func (f memoryFile) Info() store.Info { return f.info }

// Open implements store.Reader.
func (m Memory) Open(ctx context.Context, name, version string) (store.File, error) {
	info, err := m.Stat(ctx, name, version)
	if err != nil {
		return nil, err
	}
	return memoryFile{bytes.NewReader(m[name]), info}, nil
}

// Stat implements store.Reader.
func (m Memory) Stat(ctx context.Context, name, version string) (store.Info, error) {
	if err := ctx.Err(); err != nil {
		return store.Info{}, err
	}
	data, ok := m[name]
	if !ok || version != "" {
		return store.Info{}, fmt.Errorf("%s: %w", name, store.ErrNotExist)
	}
	return store.Info{Name: name, Size: int64(len(data))}, nil
}

// List implements store.Reader.
func (m Memory) List(_ context.Context, prefix string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if strings.HasPrefix(name, prefix) && !yield(store.Info{Name: name, Size: int64(len(m[name]))}, nil) {
				return
			}
		}
	}
}
