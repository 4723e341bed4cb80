package durable

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// TempPrefix starts the name of every temporary file, and of nothing else.
const TempPrefix = ".tmp-"

// TempName returns an unpredictable path in dir for a temporary file.
func TempName(dir string) string { return filepath.Join(dir, tempBase()) }

func tempBase() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: see crypto/rand.Read
	return TempPrefix + hex.EncodeToString(b[:])
}

// Temp is a file that has no lasting name yet. It holds a lock for as long as
// it is open, so that a sweep by another process leaves it alone.
type Temp struct {
	file *os.File
	dir  *os.File
	base string // "" once renamed
}

// NewTemp creates a temporary file in dir, which must stay open until the file
// is renamed or discarded.
func NewTemp(dir *os.File) (*Temp, error) {
	for {
		base := tempBase()
		full := filepath.Join(dir.Name(), base)
		var fd int
		err := ignoringEINTR(func() (err error) {
			fd, err = unix.Openat(int(dir.Fd()), base,
				unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
			return err
		})
		if err != nil {
			return nil, &os.PathError{Op: "create", Path: full, Err: err}
		}
		t := &Temp{file: os.NewFile(uintptr(fd), full), dir: dir, base: base}
		kept, err := t.lock()
		if kept && err == nil {
			return t, nil
		}
		t.Discard()
		if err != nil {
			return nil, err
		}
	}
}

// lock reports false when a sweep came between creation and lock.
func (t *Temp) lock() (bool, error) {
	err := flock(t.file, unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, nil
	case err != nil && !errors.Is(err, unix.ENOLCK) && !unsupported(err):
		return false, &os.PathError{Op: "lock", Path: t.file.Name(), Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(t.file.Fd()), &st); err != nil {
		return false, &os.PathError{Op: "stat", Path: t.file.Name(), Err: err}
	}
	return st.Nlink > 0, nil
}

// Write appends to the file.
func (t *Temp) Write(p []byte) (int, error) { return t.file.Write(p) }

// Chmod sets the permissions where the file system has any.
func (t *Temp) Chmod(perm os.FileMode) error {
	if err := t.file.Chmod(perm); err != nil && !unsupported(err) {
		return err
	}
	return nil
}

// Sync makes the bytes durable. After an error the file must be discarded: a
// second sync can succeed without having written anything.
func (t *Temp) Sync() error { return t.file.Sync() }

// Rename gives the file its name in dir. With replace false an existing name
// is kept and the error wraps fs.ErrExist. The name is durable once dir is
// synced; the bytes must have been synced before.
func (t *Temp) Rename(dir *os.File, name string, replace bool) error {
	var err error
	if replace {
		err = ignoringEINTR(func() error {
			return unix.Renameat(int(t.dir.Fd()), t.base, int(dir.Fd()), name)
		})
	} else {
		err = renameNoReplace(t.dir, t.base, dir, name)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: t.file.Name(), New: filepath.Join(dir.Name(), name), Err: err}
	}
	t.base = ""
	return nil
}

// Discard closes the file and removes it if it has not been renamed.
func (t *Temp) Discard() {
	if t.base != "" {
		_ = unix.Unlinkat(int(t.dir.Fd()), t.base, 0)
		t.base = ""
	}
	_ = t.file.Close()
}

// renameNoReplace tries what file systems offer from the best down: an atomic
// rename, a hard link, and for those with neither a look before the rename
// under a lock that every writer here takes.
func renameNoReplace(from *os.File, old string, to *os.File, name string) error {
	err := ignoringEINTR(func() error {
		return unix.Renameat2(int(from.Fd()), old, int(to.Fd()), name, unix.RENAME_NOREPLACE)
	})
	if err == nil || !unsupported(err) {
		return err
	}
	return linkNoReplace(from, old, to, name)
}

func linkNoReplace(from *os.File, old string, to *os.File, name string) error {
	err := unix.Linkat(int(from.Fd()), old, int(to.Fd()), name, 0)
	if err == nil {
		// Left behind by a crash, the second name is swept; the first stays.
		_ = unix.Unlinkat(int(from.Fd()), old, 0)
		return nil
	}
	if !unsupported(err) {
		return err
	}
	return lookThenRename(from, old, to, name)
}

func lookThenRename(from *os.File, old string, to *os.File, name string) error {
	// A lock belongs to the opening, so that this one needs its own.
	lock, err := unix.Openat(int(to.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(lock) }()
	if err := ignoringEINTR(func() error { return unix.Flock(lock, unix.LOCK_EX) }); err != nil {
		return err
	}
	var st unix.Stat_t
	err = unix.Fstatat(int(to.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil {
		return unix.EEXIST
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return unix.Renameat(int(from.Fd()), old, int(to.Fd()), name)
}

func flock(f *os.File, how int) error {
	return ignoringEINTR(func() error { return unix.Flock(int(f.Fd()), how) })
}

// Sweep removes the temporary files directly in dir that nobody is writing and
// reports how many there were. Other directories below dir are not entered.
func Sweep(dir string) (removed int, err error) { return SweepBut(dir, nil) }

// SweepBut is Sweep, and leaves the files that keep names.
func SweepBut(dir string, keep map[string]bool) (removed int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), TempPrefix) || !e.Type().IsRegular() || keep[e.Name()] {
			continue
		}
		gone, err := sweepOne(filepath.Join(dir, e.Name()))
		if gone {
			removed++
		}
		errs = append(errs, err)
	}
	return removed, errors.Join(errs...)
}

func sweepOne(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, ignoring(err, fs.ErrNotExist)
	}
	defer func() { _ = f.Close() }()
	if err := flock(f, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return false, ignoring(err, unix.EWOULDBLOCK)
	}
	if err := os.Remove(path); err != nil {
		return false, ignoring(err, fs.ErrNotExist)
	}
	return true, nil
}

func ignoring(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}
