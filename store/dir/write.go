package dir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/store"
)

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, name string, data []byte) (store.Info, error) {
	info, err := s.create(ctx, name, data)
	if err != nil {
		return store.Info{}, fmt.Errorf("create %s: %w", name, explain(err))
	}
	return info, nil
}

func (s *Store) create(ctx context.Context, name string, data []byte) (store.Info, error) {
	dir, base, err := s.prepare(ctx, name)
	if err != nil {
		return store.Info{}, err
	}
	defer func() { _ = dir.Close() }()
	unlock, err := s.names.lock(ctx, name)
	if err != nil {
		return store.Info{}, err
	}
	defer unlock()
	err = s.same(name, data)
	if errors.Is(err, fs.ErrNotExist) {
		err = s.publish(ctx, dir, base, data, false)
		if errors.Is(err, fs.ErrExist) { // by another process
			err = s.same(name, data)
		}
	}
	if err != nil {
		return store.Info{}, err
	}
	// Also where it existed: its writer may have died before this line.
	return infoOf(name, data), s.syncNames(dir)
}

// same returns nil when name holds data.
func (s *Store) same(name string, data []byte) error {
	f, size, err := s.openFile(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if size != int64(len(data)) {
		return store.ErrExists
	}
	have, err := io.ReadAll(f)
	if err == nil && !bytes.Equal(have, data) {
		err = store.ErrExists
	}
	return err
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, name string, data []byte, old string) (store.Info, error) {
	info, err := s.replace(ctx, name, data, old)
	if err != nil {
		return store.Info{}, fmt.Errorf("replace %s: %w", name, explain(err))
	}
	return info, nil
}

func (s *Store) replace(ctx context.Context, name string, data []byte, old string) (store.Info, error) {
	dir, base, err := s.prepare(ctx, name)
	if err != nil {
		return store.Info{}, err
	}
	defer func() { _ = dir.Close() }()
	// One lock keeps the goroutines of this process from polling for the other.
	unlock, err := s.names.lock(ctx, dir.Name())
	if err != nil {
		return store.Info{}, err
	}
	defer unlock()
	lock, err := lockDir(ctx, dir)
	if err != nil {
		return store.Info{}, err
	}
	defer func() { _ = lock.Close() }()
	if err := s.fresh(ctx, name, old); err != nil {
		return store.Info{}, err
	}
	err = s.publish(ctx, dir, base, data, old != "")
	if errors.Is(err, fs.ErrExist) { // Create takes no lock
		err = store.ErrStale
	}
	if err != nil {
		return store.Info{}, err
	}
	return infoOf(name, data), s.syncNames(dir)
}

// fresh returns nil when the version of name still is old.
func (s *Store) fresh(ctx context.Context, name, old string) error {
	info, err := s.Stat(ctx, name, "")
	switch {
	case errors.Is(err, store.ErrNotExist) && old == "":
		return nil
	case errors.Is(err, store.ErrNotExist):
		return fmt.Errorf("%w: it is gone", store.ErrStale)
	case err != nil:
		return err
	case old == "":
		return fmt.Errorf("%w: it exists already", store.ErrStale)
	case info.Version != old:
		return fmt.Errorf("%w: it is %.12s, not %.12s", store.ErrStale, info.Version, old)
	}
	return nil
}

// prepare opens the directory that a small file will stand in.
func (s *Store) prepare(ctx context.Context, name string) (dir *os.File, base string, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, "", err
	}
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	at, base := split(name)
	dir, err = s.makeDir(at, true)
	return dir, base, err
}

// publish gives synced bytes their name, which the caller makes durable. A
// crash before the rename leaves a temporary file in the root, one after it
// the whole file under a name that may be lost.
func (s *Store) publish(ctx context.Context, dir *os.File, base string, data []byte, replace bool) error {
	t, err := durable.NewTemp(s.root)
	if err != nil {
		return err
	}
	defer t.Discard()
	if _, err := t.Write(data); err != nil {
		return err
	}
	if err := t.Chmod(0o444); err != nil {
		return err
	}
	if err := t.Sync(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.Rename(dir, base, replace)
}

func infoOf(name string, data []byte) store.Info {
	info := store.Info{Name: name, Size: int64(len(data))}
	if !isObject(name) {
		sum := sha256.Sum256(data)
		info.Version = hex.EncodeToString(sum[:])
	}
	return info
}
