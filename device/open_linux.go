package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	dirFlags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	beneath  = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

	// maxStep is the longest path handed to the kernel at once, in bytes. It
	// stays below PATH_MAX; longer paths are walked step by step.
	maxStep = 4000
)

// Open opens a regular file with one link for reading, without changing its
// access time where the kernel allows that. path is relative to the folder and
// taken as raw bytes. The error is ErrUnsafe for anything else than such a file,
// and ErrGone when the device is no longer there.
func (f *Folder) Open(path string) (Reader, error) {
	if err := checkPath(path); err != nil {
		return nil, fmt.Errorf("open %s: %w", quote(path), err)
	}
	file, err := f.openFile(path)
	if err == nil && f.mountRoot {
		return passing{file}, nil
	}
	if err == nil {
		return file, nil
	}
	err = explain(err)
	if !errors.Is(err, ErrUnsafe) && !errors.Is(err, ErrGone) {
		// A device that was pulled out may answer anything, even "no such file".
		if gone := f.Alive(context.Background()); gone != nil {
			return nil, fmt.Errorf("open %s: %w", quote(path), gone)
		}
	}
	return nil, fmt.Errorf("open %s: %w", quote(path), err)
}

// passing is a file of a device that is read once. What of it is in the page cache
// goes when it is closed: it would push out clips that wait for their upload, and
// a second look at the device would only see the memory of the first.
type passing struct{ *os.File }

// passFrom is the size in bytes from which a second look is worth its seeks.
const passFrom = 4 << 20

func (p passing) Close() error {
	if info, err := p.Stat(); err == nil && info.Size() >= passFrom {
		_ = unix.Fadvise(int(p.Fd()), 0, 0, unix.FADV_DONTNEED) // a hint; few file systems refuse it
	}
	return p.File.Close()
}

// openFile looks before it opens: opening a device node can already do harm. The
// path handle pins the inode that was looked at, so nothing can be put in its
// place between the look and the opening.
func (f *Folder) openFile(path string) (*os.File, error) {
	look, err := f.at(path, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(look) }()
	var st unix.Statx_t
	if err := statx(look, "", unix.AT_EMPTY_PATH, &st); err != nil {
		return nil, err
	}
	if reason := unwanted(&st); reason != "" {
		return nil, fmt.Errorf("%s: %w", reason, ErrUnsafe)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return nil, fmt.Errorf("directory: %w", ErrUnsafe)
	}
	pinned := "/proc/self/fd/" + strconv.Itoa(look)
	fd, err := openQuiet(func(noatime uint64) (int, error) {
		return retry(func() (int, error) {
			return unix.Open(pinned, unix.O_RDONLY|unix.O_CLOEXEC|int(noatime), 0)
		})
	})
	if err != nil {
		return nil, err
	}
	// Without O_NONBLOCK: the runtime would poll the descriptor, which a FUSE file
	// system may answer wrongly or never. The opening of a regular file needs none.
	return os.NewFile(uintptr(fd), path), nil
}

// unwanted names what makes an inode no clip and no folder, "" when nothing does.
func unwanted(st *unix.Statx_t) string {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if st.Nlink > 1 {
			return SkipHardLink
		}
		return ""
	case unix.S_IFDIR:
		return ""
	case unix.S_IFLNK:
		return SkipSymlink
	case unix.S_IFIFO:
		return SkipFIFO
	case unix.S_IFSOCK:
		return SkipSocket
	}
	return SkipNode
}

// checkPath refuses what no listing of ours has ever returned.
func checkPath(path string) error {
	for elem := range strings.SplitSeq(path, "/") {
		if elem == "" || elem == "." || elem == ".." {
			return fmt.Errorf("path with an empty, . or .. element: %w", ErrUnsafe)
		}
	}
	if strings.IndexByte(path, 0) >= 0 {
		return fmt.Errorf("path with a zero byte: %w", ErrUnsafe)
	}
	return nil
}

// at opens path beneath the folder, however long it is.
func (f *Folder) at(path string, flags uint64) (int, error) {
	fd := -1
	err := control(f.dir, func(root int) error {
		dir := root
		for {
			head, rest := step(path)
			how := flags
			if rest != "" {
				how = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
			}
			next, err := openat2(dir, head, how, beneath)
			if dir != root {
				_ = unix.Close(dir)
			}
			if err != nil {
				return err
			}
			if rest == "" {
				fd = next
				return nil
			}
			dir, path = next, rest
		}
	})
	return fd, err
}

// step cuts as many whole elements off path as the kernel takes at once.
func step(path string) (head, rest string) {
	if len(path) <= maxStep {
		return path, ""
	}
	cut := strings.LastIndexByte(path[:maxStep], '/')
	if cut < 0 {
		return path, "" // one element of that length: the kernel says ENAMETOOLONG
	}
	return path[:cut], path[cut+1:]
}

// openQuiet opens with O_NOATIME, and without it where only the owner of the
// file may ask for that.
func openQuiet(open func(noatime uint64) (int, error)) (int, error) {
	fd, err := open(unix.O_NOATIME)
	if errors.Is(err, unix.EPERM) {
		return open(0)
	}
	return fd, err
}

func openat2(dir int, path string, flags, resolve uint64) (int, error) {
	return retry(func() (int, error) {
		return unix.Openat2(dir, path, &unix.OpenHow{Flags: flags, Resolve: resolve})
	})
}

func statx(dir int, path string, flags int, st *unix.Statx_t) error {
	_, err := retry(func() (int, error) {
		return 0, unix.Statx(dir, path, flags, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, st)
	})
	return err
}

// retry repeats calls that a signal interrupted; slow file systems let the
// runtime's own signals do that.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// control keeps the descriptor from being closed, and its number from meaning
// another file, while use runs.
func control(f *os.File, use func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if conn.Control(func(fd uintptr) { inner = use(int(fd)) }) != nil {
		return os.ErrClosed // the only reason it has
	}
	return inner
}

// explain gives errors of the kernel the meaning they have here.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ELOOP):
		return fmt.Errorf("%s: %w", SkipSymlink, ErrUnsafe)
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("%s: %w", SkipMount, ErrUnsafe)
	}
	for _, errno := range []error{unix.ENODEV, unix.ENXIO, unix.ENOTCONN, unix.ESTALE, unix.ESHUTDOWN, unix.ENOMEDIUM} {
		if errors.Is(err, errno) {
			return fmt.Errorf("%w: %w", err, ErrGone)
		}
	}
	return err
}

// quote makes a path of the device fit for one line, and a hostile one short.
func quote(path string) string {
	if len(path) > 300 {
		return strconv.Quote(path[:100]) + "…" + strconv.Quote(path[len(path)-100:])
	}
	return strconv.Quote(path)
}
