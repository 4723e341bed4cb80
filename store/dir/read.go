package dir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/store"
)

// file is an open version. A replaced file keeps its bytes for those who have
// it open.
type file struct {
	*os.File
	info store.Info
}

func (f *file) Info() store.Info { return f.info }

// isObject tells names whose digest stands in them; they have no version.
func isObject(name string) bool { return strings.HasPrefix(name, "object/") }

// Open implements store.Reader. The version of what is not an object is the
// SHA-256 of its bytes, in hex; only the newest version is kept.
func (r *Reader) Open(ctx context.Context, name, version string) (store.File, error) {
	f, err := r.open(ctx, name, version)
	if err != nil {
		return nil, err // not f: a nil *file is a File
	}
	return f, nil
}

// OpenBare implements store.Bare.
func (r *Reader) OpenBare(ctx context.Context, name string) (store.File, error) {
	f, err := r.openBare(ctx, name)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenCold implements store.Cold: the kernel lets go of what it has in memory
// of the file, which is durable, before the first byte is read.
func (r *Reader) OpenCold(ctx context.Context, name, version string) (store.File, error) {
	f, err := r.open(ctx, name, version)
	if err != nil {
		return nil, err
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("read %s from its disk: %w", name, err)
	}
	return f, nil
}

func (r *Reader) open(ctx context.Context, name, version string) (*file, error) {
	f, err := r.openBare(ctx, name)
	if err != nil {
		return nil, err
	}
	if !isObject(name) {
		if f.info.Version, err = hashOf(f.File, f.info.Size); err != nil {
			_ = f.Close()
			return nil, err
		}
	}
	if version != "" && version != f.info.Version {
		_ = f.Close()
		return nil, fmt.Errorf("version %.12s of %s: %w any more", version, name, store.ErrNotExist)
	}
	return f, nil
}

func (r *Reader) openBare(ctx context.Context, name string) (*file, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	f, size, err := r.openFile(name)
	if err != nil {
		return nil, reading(name, err)
	}
	return &file{File: f, info: store.Info{Name: name, Size: size}}, nil
}

// hashOf leaves the position of f where it was.
func hashOf(f *os.File, size int64) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, size))
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Stat implements store.Reader.
func (r *Reader) Stat(ctx context.Context, name, version string) (store.Info, error) {
	if !isObject(name) || version != "" {
		f, err := r.open(ctx, name, version)
		if err != nil {
			return store.Info{}, err
		}
		return f.info, f.Close()
	}
	if err := ctx.Err(); err != nil {
		return store.Info{}, err
	}
	if err := checkName(name); err != nil {
		return store.Info{}, err
	}
	size, err := r.size(name)
	if err != nil {
		return store.Info{}, reading(name, err)
	}
	return store.Info{Name: name, Size: size}, nil
}

// List implements store.Reader. It gives no versions, since each would cost a
// read of the file. What is no file of a store, a link for instance, is an
// error under its name; listing goes on after it.
func (r *Reader) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		r.walk(ctx, ".", prefix, yield)
	}
}

func (r *Reader) walk(ctx context.Context, at, prefix string, yield func(store.Info, error) bool) bool {
	dir, err := r.openDir(at)
	if err != nil {
		return yield(store.Info{Name: at}, explain(err))
	}
	defer func() { _ = dir.Close() }()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return yield(store.Info{Name: at}, err)
	}
	// Names are compared whole, so a directory sorts by what follows its slash.
	for _, name := range sorted(at, entries) {
		if err := ctx.Err(); err != nil {
			yield(store.Info{}, err)
			return false
		}
		inside, isDir := strings.CutSuffix(name, "/")
		goOn := true
		switch {
		case isDir && (strings.HasPrefix(name, prefix) || strings.HasPrefix(prefix, name)):
			goOn = r.walk(ctx, inside, prefix, yield)
		case !isDir && strings.HasPrefix(name, prefix):
			goOn = r.visit(dir, name, yield)
		}
		if !goOn {
			return false
		}
	}
	return true
}

// sorted returns the full names in a directory, those of directories with a
// slash, without what is hidden.
func sorted(at string, entries []fs.DirEntry) []string {
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		name := e.Name()
		if name[0] == '.' || at == "." && reserved(name) {
			continue
		}
		if at != "." {
			name = at + "/" + name
		}
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *Reader) visit(dir *os.File, name string, yield func(store.Info, error) bool) bool {
	if err := checkName(name); err != nil {
		return yield(store.Info{Name: name}, err)
	}
	_, base := split(name)
	var st unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), base, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone since it was listed
		return true
	case err != nil:
		return yield(store.Info{Name: name}, &os.PathError{Op: "stat", Path: name, Err: err})
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return yield(store.Info{Name: name}, fmt.Errorf("%q is not a file: remove it from the store", name))
	}
	return yield(store.Info{Name: name, Size: st.Size}, nil)
}
