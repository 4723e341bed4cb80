// Package durable changes files so that a power cut leaves either the old or
// the new state and, once a call has returned nil, only the new one.
//
// The order is always the same: bytes go into a temporary file in the target
// directory, the file is synced, it gets its name, the directory is synced.
// What a crash leaves behind before the name was given is a file whose name
// starts with TempPrefix; Sweep removes it.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WriteFile makes path hold data, replacing what is there. perm is set
// exactly, whatever the umask. After an error path holds the old or the new
// bytes, never a mixture.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	return write(path, data, perm, true)
}

// CreateFile is WriteFile for a path that must not exist yet; when it does the
// error wraps fs.ErrExist and nothing changes. Of concurrent callers exactly
// one succeeds.
func CreateFile(path string, data []byte, perm os.FileMode) error {
	return write(path, data, perm, false)
}

func write(path string, data []byte, perm os.FileMode, replace bool) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	t, err := NewTemp(dir)
	if err != nil {
		return err
	}
	defer t.Discard()
	if _, err := t.Write(data); err != nil {
		return err
	}
	if err := t.Chmod(perm); err != nil {
		return err
	}
	if err := t.Sync(); err != nil {
		return err
	}
	// A crash up to here leaves a temporary file and nothing else.
	if err := t.Rename(dir, filepath.Base(path), replace); err != nil {
		return err
	}
	// A crash here may keep or lose the new name; the bytes behind it are whole.
	return dir.Sync()
}

// MkdirAll creates path and its missing parents with exactly perm. Each new
// name is durable before a directory is made under it, so of a chain that
// another process left half done only the last name can be undurable; that one
// is synced too.
func MkdirAll(path string, perm os.FileMode) error {
	path = filepath.Clean(path)
	parent := filepath.Dir(path)
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return &os.PathError{Op: "mkdir", Path: path, Err: unix.ENOTDIR}
	case err == nil:
		// The parent of a directory that we did not make may be closed to us.
		if err := SyncDir(parent); !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist) || parent == path:
		return err
	}
	if err := MkdirAll(parent, perm); err != nil {
		return err
	}
	dir, err := os.Open(parent)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return Mkdir(dir, filepath.Base(path), perm)
}

// Mkdir makes name in dir with exactly perm, durably; a directory that exists
// is made durable and keeps its permissions.
func Mkdir(dir *os.File, name string, perm os.FileMode) error {
	full := filepath.Join(dir.Name(), name)
	err := ignoringEINTR(func() error { return unix.Mkdirat(int(dir.Fd()), name, uint32(perm.Perm())) })
	switch {
	case errors.Is(err, fs.ErrExist):
		var st unix.Stat_t
		if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &os.PathError{Op: "stat", Path: full, Err: err}
		}
		// A link to a directory is the caller's business when it opens it.
		if t := st.Mode & unix.S_IFMT; t != unix.S_IFDIR && t != unix.S_IFLNK {
			return &os.PathError{Op: "mkdir", Path: full, Err: unix.ENOTDIR}
		}
	case err != nil:
		return &os.PathError{Op: "mkdir", Path: full, Err: err}
	default:
		err := unix.Fchmodat(int(dir.Fd()), name, uint32(perm.Perm()), 0)
		if err != nil && !unsupported(err) {
			return &os.PathError{Op: "chmod", Path: full, Err: err}
		}
	}
	return dir.Sync()
}

// SyncDir makes the names in a directory durable.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// unsupported reports that a file of our own refuses a change because its file
// system has no such thing, as vfat has no permissions.
func unsupported(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) ||
		errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)
}

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
