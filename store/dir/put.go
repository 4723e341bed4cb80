package dir

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/store"
)

// fileSync is the size in bytes from which a copy is synced by itself, so that
// many small ones share a sync of the file system and a large one does not
// make them wait for its bytes.
const fileSync = 8 << 20

// copyBuffer is small because a hundred clips may be copied at once.
const copyBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// Put implements store.Store. The spool file is linked where it can be, and
// becomes read-only by that; else it is copied and hashed on the way.
func (s *Store) Put(ctx context.Context, o store.Object) (store.Info, error) {
	info, err := s.put(ctx, o)
	if err != nil {
		return store.Info{}, fmt.Errorf("put %s: %w", o.Digest, explain(err))
	}
	return info, nil
}

func (s *Store) put(ctx context.Context, o store.Object) (store.Info, error) {
	if err := s.usable(ctx); err != nil {
		return store.Info{}, err
	}
	name := store.Name(o.Digest)
	if err := s.place(ctx, name, o); err != nil {
		return store.Info{}, err
	}
	// Until here a power cut can take the name, and the directory it is in.
	// One that existed may be as new, from a writer that has not come here yet.
	if err := s.sync(ctx); err != nil {
		return store.Info{}, err
	}
	return store.Info{Name: name, Size: o.Size}, nil
}

// place makes name stand for the bytes of o, which are durable by then.
func (s *Store) place(ctx context.Context, name string, o store.Object) error {
	unlock, err := s.names.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	at, base := split(name)
	dir, err := s.makeDir(at, false) // the sync of put covers its name
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err = link(o, dir, base); err == nil {
		return nil
	}
	// Mostly since it is there: only the attempt to link it looked.
	if there := s.present(ctx, name, o); !errors.Is(there, store.ErrNotExist) {
		return there
	}
	if copyInstead(err) {
		err = s.copy(ctx, dir, base, o)
	}
	if errors.Is(err, fs.ErrExist) { // by another process
		return s.present(ctx, name, o)
	}
	return err
}

// present returns nil for an object that is there and whole: the spool file
// itself, or bytes that hash to its name. Whoever offers o may let go of it
// afterwards, so size alone is not enough.
func (s *Store) present(ctx context.Context, name string, o store.Object) error {
	f, err := s.Open(ctx, name, "")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if have := f.Info().Size; have != o.Size {
		return fmt.Errorf("%w: it has %d bytes instead of %d; verify the store", store.ErrExists, have, o.Size)
	}
	if s.linked(name, o.Path) {
		return nil
	}
	h := sha256.New()
	if err := transfer(ctx, io.Discard, f, h); err != nil {
		return err
	}
	if sum := clip.Digest(h.Sum(nil)); sum != o.Digest {
		return fmt.Errorf("%w: its bytes hash to %s; verify the store", store.ErrExists, sum)
	}
	return nil
}

// linked reports whether name is a second name of the file at path.
func (s *Store) linked(name, path string) bool {
	spool, err := os.Lstat(path)
	if err != nil {
		return false
	}
	object, err := os.Lstat(filepath.Join(s.root.Name(), filepath.FromSlash(name)))
	return err == nil && os.SameFile(spool, object)
}

// link gives the spool file its second name. The permissions come first: the
// object is never seen writable.
func link(o store.Object, dir *os.File, base string) error {
	var st unix.Stat_t
	if err := unix.Lstat(o.Path, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: o.Path, Err: err}
	}
	if err := intact(o, st.Mode&unix.S_IFMT == unix.S_IFREG, st.Size); err != nil {
		return err
	}
	if st.Mode&0o777 != 0o444 {
		src, err := openSpool(o)
		if err != nil {
			return err
		}
		err = src.Chmod(0o444)
		_ = src.Close()
		if err != nil {
			return err
		}
	}
	err := unix.Linkat(unix.AT_FDCWD, o.Path, int(dir.Fd()), base, 0)
	if err != nil {
		return &os.LinkError{Op: "link", Old: o.Path, New: filepath.Join(dir.Name(), base), Err: err}
	}
	return nil
}

// intact returns nil for what can be the spool file of o.
func intact(o store.Object, regular bool, size int64) error {
	switch {
	case !regular:
		return fmt.Errorf("%w: %s is not a regular file", store.ErrDamaged, o.Path)
	case size != o.Size:
		return fmt.Errorf("%w: %s has %d bytes instead of %d", store.ErrDamaged, o.Path, size, o.Size)
	}
	return nil
}

func openSpool(o store.Object) (*os.File, error) {
	f, err := os.OpenFile(o.Path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = intact(o, info.Mode().IsRegular(), info.Size())
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// copyInstead tells the errors that speak of links and permissions, not of the
// store: another file system (whose spool side may be read-only), one without
// links, another owner, too many links.
func copyInstead(err error) bool {
	for _, e := range []error{unix.EXDEV, unix.EPERM, unix.EMLINK, unix.ENOTSUP, unix.ENOSYS, unix.EROFS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// copy publishes the bytes only if they are the ones named.
func (s *Store) copy(ctx context.Context, dir *os.File, base string, o store.Object) error {
	src, err := openSpool(o)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	t, err := durable.NewTemp(s.root)
	if err != nil {
		return err
	}
	defer t.Discard()
	h := sha256.New()
	if err := transfer(ctx, t, src, h); err != nil {
		return err
	}
	var sum clip.Digest
	h.Sum(sum[:0])
	if sum != o.Digest {
		return fmt.Errorf("%w: %s has sha-256 %s", store.ErrDamaged, src.Name(), sum)
	}
	if err := t.Chmod(0o444); err != nil {
		return err
	}
	if o.Size >= fileSync {
		err = t.Sync()
	} else {
		err = s.sync(ctx)
	}
	if err != nil {
		return err
	}
	return t.Rename(dir, base, false)
}

func transfer(ctx context.Context, to io.Writer, from io.Reader, h hash.Hash) error {
	buf := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(buf[:])
		if n > 0 {
			_, _ = h.Write(buf[:n]) // never fails: see hash.Hash
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
