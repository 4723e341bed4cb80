package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of one scan. Reaching one of them is never silent: a folder that is too
// deep is in Skipped, the others end the scan with ErrIncomplete.
const (
	maxDepth = 4096     // levels of directories below the folder
	maxDirs  = 1 << 20  // directories in all; a forged tree can be endless
	maxNames = 64 << 20 // bytes of names in one directory, and of paths in Skipped
)

// Scan calls fn for every regular file with one link, directory by directory,
// depth first: the files of a directory in byte order, then its directories in
// byte order. It holds the names of one directory and the pending directories
// above it, never the whole tree.
//
// The files reported may be believed only when the error is nil. It is ErrGone
// when the device left meanwhile, ErrIncomplete when a directory could not be
// listed (the others are listed all the same), the error of ctx, or that of fn,
// which ends the scan.
func (f *Folder) Scan(ctx context.Context, fn func(File) error) (Scan, error) {
	return f.Walk(ctx, fn, nil)
}

// Walk is Scan, and calls dir with the path of each directory ("." is the folder
// itself) before that directory is listed.
func (f *Folder) Walk(ctx context.Context, file func(File) error, dir func(path string) error) (Scan, error) {
	if dir == nil {
		dir = func(string) error { return nil }
	}
	w := &walk{f: f, ctx: ctx, file: file, dir: dir}
	err := w.run()
	if err == nil {
		err = w.failed()
	}
	if err != nil && !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrGone) {
		return w.found, err // fn, dir or ctx ended it: nothing is claimed
	}
	if gone := f.Alive(ctx); gone != nil {
		return w.found, fmt.Errorf("scan: %w", gone)
	}
	return w.found, err
}

// walk is one scan under way.
type walk struct {
	f    *Folder
	ctx  context.Context
	file func(File) error
	dir  func(string) error

	found   Scan
	path    []byte  // of the directory at the top of the stack
	stack   []level // one for each directory from the folder down
	skipped int     // bytes of paths in found.Skipped
	first   error   // why the listing is incomplete
	more    int     // further reasons
}

type level struct {
	ino     uint64
	pathLen int      // of walk.path while this directory is the top
	pending []string // its directories not yet visited
}

func (w *walk) run() error {
	if err := w.enter(); err != nil {
		return err
	}
	for len(w.stack) > 0 {
		top := &w.stack[len(w.stack)-1]
		w.path = w.path[:top.pathLen]
		if len(top.pending) == 0 {
			w.stack = w.stack[:len(w.stack)-1]
			continue
		}
		name := top.pending[0]
		top.pending[0] = ""
		top.pending = top.pending[1:]
		w.path = append(w.path, w.join(name)[top.pathLen:]...)
		if err := w.enter(); err != nil {
			return err
		}
	}
	return nil
}

// enter lists the directory at w.path. Each directory is opened by its whole
// path from the folder's handle, so that a deep tree needs one descriptor, not
// one for each level.
func (w *walk) enter() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if len(w.stack) > maxDepth {
		return w.skip(string(w.path), SkipDeep)
	}
	if w.found.Dirs == maxDirs {
		return fmt.Errorf("scan %q: more than %d directories: %w", w.f.path, maxDirs, ErrIncomplete)
	}
	path := "."
	if len(w.path) > 0 {
		path = string(w.path)
	}
	fd, err := openQuiet(func(noatime uint64) (int, error) { return w.f.at(path, dirFlags|noatime) })
	if err != nil {
		return w.notEntered(path, err)
	}
	dir := os.NewFile(uintptr(fd), path)
	defer func() { _ = dir.Close() }()
	var st unix.Statx_t
	if err := statx(fd, "", unix.AT_EMPTY_PATH, &st); err != nil {
		return w.trouble(path, err)
	}
	if w.inside(st.Ino) {
		return w.skip(path, SkipLoop)
	}
	w.found.Dirs++
	if err := w.dir(path); err != nil {
		return err
	}
	return w.list(dir, st.Ino)
}

// inside reports whether the directory is one of its own ancestors. All are on
// one mount, so the inode number tells; 0 is no number.
func (w *walk) inside(ino uint64) bool {
	return ino != 0 && slices.ContainsFunc(w.stack, func(l level) bool { return l.ino == ino })
}

// notEntered tells what was put in place of a directory, or taken away, since it
// was listed from what could not be read.
func (w *walk) notEntered(path string, err error) error {
	switch {
	case errors.Is(err, unix.ELOOP):
		return w.skip(path, SkipSymlink)
	case errors.Is(err, unix.EXDEV):
		return w.skip(path, SkipMount)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return w.skip(path, SkipVanished)
	case path == "lost+found" && errors.Is(err, unix.EACCES):
		return w.skip(path, SkipDenied)
	}
	return w.trouble(path, err)
}

// list reports the files of dir and pushes its directories.
func (w *walk) list(dir *os.File, ino uint64) error {
	names, err := readNames(dir)
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		err = path.Err // trouble names the directory, in a bounded form
	}
	if err != nil {
		if err := w.trouble(dir.Name(), err); err != nil {
			return err
		}
	}
	slices.Sort(names)
	top := level{ino: ino, pathLen: len(w.path)}
	for _, name := range names {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		isDir, err := w.entry(int(dir.Fd()), name)
		if err != nil {
			return err
		}
		if isDir {
			top.pending = append(top.pending, name)
		}
	}
	w.stack = append(w.stack, top)
	return nil
}

// readNames returns what it could read, also next to an error.
func readNames(dir *os.File) ([]string, error) {
	var names []string
	size := 0
	for {
		some, err := dir.Readdirnames(4096)
		for _, name := range some {
			size += len(name)
		}
		names = append(names, some...)
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err == nil && size > maxNames {
			err = fmt.Errorf("more than %d bytes of names in one directory", maxNames)
		}
		if err != nil {
			return names, err
		}
	}
}

func (w *walk) entry(dir int, name string) (isDir bool, err error) {
	path := w.join(name)
	if name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return false, w.trouble(path, fmt.Errorf("impossible name: %w", ErrUnsafe))
	}
	var st unix.Statx_t
	err = statx(dir, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, &st)
	switch {
	case errors.Is(err, unix.ENOENT):
		return false, w.skip(path, SkipVanished)
	case errors.Is(err, unix.ELOOP): // no link is followed here: the kernel met a directory inside itself
		return false, w.skip(path, SkipLoop)
	case err != nil:
		return false, w.trouble(path, err)
	}
	if st.Mask&unix.STATX_MNT_ID != 0 && st.Mnt_id != w.f.mountID {
		return false, w.skip(path, SkipMount)
	}
	if reason := unwanted(&st); reason != "" {
		return false, w.skip(path, reason)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return true, nil
	}
	w.found.Files++
	return false, w.file(File{Path: path, Size: int64(st.Size), ModTime: stamp(st.Mtime), ChangeTime: stamp(st.Ctime), Ino: st.Ino})
}

func stamp(t unix.StatxTimestamp) time.Time { return time.Unix(t.Sec, int64(t.Nsec)).UTC() }

func (w *walk) join(name string) string {
	if len(w.path) == 0 {
		return name
	}
	return string(w.path) + "/" + name
}

func (w *walk) skip(path, reason string) error {
	if w.skipped += len(path); w.skipped > maxNames {
		return fmt.Errorf("scan %q: too many links, nodes and mounts: %w", w.f.path, ErrIncomplete)
	}
	w.found.Skipped = append(w.found.Skipped, Skipped{Path: path, Reason: reason})
	return nil
}

// trouble notes that something could not be listed, and ends the scan when that
// is because the device is gone.
func (w *walk) trouble(path string, err error) error {
	if err = explain(err); errors.Is(err, ErrGone) {
		return fmt.Errorf("scan %q: list %s: %w", w.f.path, quote(path), err)
	}
	if gone := w.f.Alive(w.ctx); gone != nil {
		return fmt.Errorf("scan: %w", gone)
	}
	if w.first == nil {
		w.first = fmt.Errorf("list %s: %w", quote(path), err)
	} else {
		w.more++
	}
	return nil
}

func (w *walk) failed() error {
	switch {
	case w.first == nil:
		return nil
	case w.more == 0:
		return fmt.Errorf("scan %q: %w: %w", w.f.path, ErrIncomplete, w.first)
	}
	return fmt.Errorf("scan %q: %w: %w, and %d more", w.f.path, ErrIncomplete, w.first, w.more)
}
