package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openat opens a name beneath the root and nowhere else.
func (r *Reader) openat(name string, flags uint64) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
	full := filepath.Join(r.path, name)
	for {
		fd, err := unix.Openat2(int(r.root.Fd()), name, &how)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN): // EAGAIN: something was renamed meanwhile
			continue
		case err != nil:
			return nil, &os.PathError{Op: "open", Path: full, Err: err}
		}
		return os.NewFile(uintptr(fd), full), nil
	}
}

func (r *Reader) openDir(name string) (*os.File, error) {
	return r.openat(name, unix.O_RDONLY|unix.O_DIRECTORY)
}

// openFile opens a regular file; a node put in its place never blocks.
func (r *Reader) openFile(name string) (*os.File, int64, error) {
	f, err := r.openat(name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, 0, err
	}
	size, err := regular(f)
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

// size is that of a regular file, which need not be readable.
func (r *Reader) size(name string) (int64, error) {
	f, err := r.openat(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	return regular(f)
}

func regular(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is a %s, not a file: remove it from the store", f.Name(), kind(info.Mode()))
	}
	return info.Size(), nil
}

func kind(m fs.FileMode) string {
	switch m.Type() {
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "symbolic link"
	case fs.ModeNamedPipe:
		return "named pipe"
	case fs.ModeSocket:
		return "socket"
	}
	return "device node"
}

// makeDir opens a directory after making what is missing of it. With lasting
// the names of it and its parents are durable when it returns. A name that is
// there already was perhaps made by another writer just now, so each process
// syncs each name once.
func (s *Store) makeDir(name string, lasting bool) (*os.File, error) {
	if _, known := s.known.Load(name); known || !lasting || name == "." {
		dir, err := s.openDir(name)
		if !errors.Is(err, fs.ErrNotExist) || name == "." {
			return dir, err
		}
	}
	above, base := split(name)
	parent, err := s.makeDir(above, lasting)
	if err != nil {
		return nil, err
	}
	defer func() { _ = parent.Close() }()
	if err := mkdirat(parent, base); err != nil {
		return nil, err
	}
	if lasting {
		if err := s.syncNames(parent); err != nil {
			return nil, err
		}
		s.known.Store(name, true)
	}
	return s.openDir(name)
}

// mkdirat makes a directory with 0755 whatever the umask; one that exists stays
// as it is.
func mkdirat(parent *os.File, base string) error {
	full := filepath.Join(parent.Name(), base)
	err := unix.Mkdirat(int(parent.Fd()), base, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "mkdir", Path: full, Err: err}
	}
	err = unix.Fchmodat(int(parent.Fd()), base, 0o755, 0)
	if err != nil && !errors.Is(err, unix.EPERM) { // vfat has no permissions
		return &os.PathError{Op: "chmod", Path: full, Err: err}
	}
	return nil
}
