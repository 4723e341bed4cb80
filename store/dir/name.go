package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/store"
)

// lostFound is made in the root of ext file systems by their formatter.
const lostFound = "lost+found"

// checkName refuses what could leave the root, hide in it, or mean something
// else on another store. S3 sets the limit of 1024 bytes.
func checkName(name string) error {
	bad := name == "" || len(name) > 1024 || !utf8.ValidString(name) ||
		strings.ContainsRune(name, '\\') || strings.ContainsFunc(name, unicode.IsControl)
	for i, element := range strings.Split(name, "/") {
		bad = bad || element == "" || element[0] == '.' || len(element) > 255 || i == 0 && reserved(element)
	}
	if bad {
		return fmt.Errorf("name %q: %w in a store", name, fs.ErrInvalid)
	}
	return nil
}

func reserved(first string) bool { return first == Marker || first == lostFound }

// split returns the directory and the last element of a checked name.
func split(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return ".", name
	}
	return name[:i], name[i+1:]
}

// explain adds what to do to the errors of a file system that a person can mend.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: %w; make room or add a disk", store.ErrFull, err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w; mount it writable after checking its disk", err)
	case errors.Is(err, unix.ELOOP):
		return fmt.Errorf("%w; remove the symbolic link from the store", err)
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("%w; unmount what is mounted inside the store", err)
	}
	return err
}

// reading is explain for names that need not exist.
func reading(name string, err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%s: %w", name, store.ErrNotExist)
	}
	return explain(err)
}
