package mounter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device"
)

const (
	// chunk is read at once, in bytes: a multiple of every device's block.
	chunk = 1 << 20
	// settle is how long the way back to read-only waits for a file that is
	// gone and still open somewhere.
	settle = 5 * time.Second
)

// target is the file that is to go, as it was when it was hashed.
type target struct {
	path string
	file *os.File
	stat unix.Stat_t
}

// erase removes one file for good, if its bytes on the device are those of the
// request. The order is what matters: everything is read and compared while the
// device cannot be written.
func (v *volume) erase(ctx context.Context, r request) error {
	t, err := v.find(string(r.Path), r.Size)
	if err == nil {
		// Not later than the way back: the kernel turns no file system
		// read-only while a file without a name is open.
		defer func() { _ = t.file.Close() }()
		if err = v.compare(ctx, t, r); err == nil {
			err = v.writing(func(private int) error { return remove(private, t) })
		}
	}
	if err == nil {
		err = v.absent(t.path)
	}
	if err != nil {
		return fmt.Errorf("file on %s: %w", v.node, v.orGone(err))
	}
	return v.alive()
}

// find opens the file without following anything, and refuses what is no plain
// file or is protected.
func (v *volume) find(name string, size int64) (*target, error) {
	if problem := badPath(name); problem != "" {
		return nil, fmt.Errorf("%s: %w", problem, device.ErrUnsafe)
	}
	fd, err := openat2(int(v.mount.Fd()), name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return nil, explainPath(err)
	}
	t := &target{path: name, file: os.NewFile(uintptr(fd), v.node)}
	if err = unix.Fstat(fd, &t.stat); err == nil {
		err = eligible(&t.stat, size)
	}
	if err != nil {
		_ = t.file.Close()
		return nil, err
	}
	return t, nil
}

// badPath says what is wrong with a path before the kernel sees it.
func badPath(name string) string {
	if len(name) >= unix.PathMax {
		return "the path is longer than the kernel takes"
	}
	for elem := range strings.SplitSeq(name, "/") {
		if elem == "" || elem == "." || elem == ".." {
			return "the path has an empty, . or .. element"
		}
	}
	if strings.IndexByte(name, 0) >= 0 {
		return "the path has a zero byte"
	}
	return ""
}

func explainPath(err error) error {
	switch {
	case errors.Is(err, unix.ELOOP):
		return fmt.Errorf("the path has a symbolic link: %w", device.ErrUnsafe)
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("the path leads out of the volume: %w", device.ErrUnsafe)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("there is no such file: %w: %w", err, ErrChanged)
	}
	return explain(err)
}

func eligible(st *unix.Stat_t, size int64) error {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return fmt.Errorf("it is no regular file: %w", device.ErrUnsafe)
	case st.Nlink != 1:
		return fmt.Errorf("it has %d names: %w", st.Nlink, device.ErrUnsafe)
	case st.Mode&0o222 == 0:
		return fmt.Errorf("the camera protects it (read-only): %w", ErrProtected)
	case st.Size != size:
		return fmt.Errorf("it has %d bytes, not %d: %w", st.Size, size, ErrChanged)
	}
	return nil
}

// compare reads the file from the device and not from memory, and wants the
// digest of the request.
func (v *volume) compare(ctx context.Context, t *target, r request) error {
	sum, n, err := readWhole(ctx, t.file, r.Size)
	if err != nil {
		return fmt.Errorf("read it again: %w", explain(err))
	}
	if got := hex.EncodeToString(sum[:]); n != r.Size || got != r.SHA256 {
		return fmt.Errorf("%d bytes with SHA-256 %s, not %s: %w", n, got, r.SHA256, ErrChanged)
	}
	if err := same(int(t.file.Fd()), "", unix.AT_EMPTY_PATH, &t.stat); err != nil {
		return err
	}
	return v.alive()
}

// readWhole hashes a file past the page cache: its clean pages are dropped, and
// where the file system can it is read directly. It stops one chunk after size.
func readWhole(ctx context.Context, f *os.File, size int64) (sum [32]byte, n int64, err error) {
	fd := int(f.Fd())
	if err := unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED); err != nil {
		return sum, 0, err
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return sum, 0, err
	}
	// EINVAL where the file system has no direct reads: the dropped pages must do.
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags&^unix.O_NONBLOCK|unix.O_DIRECT); err != nil && !errors.Is(err, unix.EINVAL) {
		return sum, 0, err
	}
	buf, err := unix.Mmap(-1, 0, chunk, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON) // aligned to a page
	if err != nil {
		return sum, 0, err
	}
	defer func() { _ = unix.Munmap(buf) }()
	h := sha256.New()
	for n <= size {
		if err := ctx.Err(); err != nil {
			return sum, n, err
		}
		got, err := unix.Pread(fd, buf, n)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return sum, n, err
		}
		if got == 0 {
			break
		}
		_, _ = h.Write(buf[:got]) // never fails
		n += int64(got)
	}
	return [32]byte(h.Sum(nil)), n, nil
}

// same looks whether a file is still the one that was hashed, untouched.
func same(dir int, name string, flags int, want *unix.Stat_t) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, flags|unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return explainPath(err)
	}
	if st.Dev != want.Dev || st.Ino != want.Ino || st.Size != want.Size || st.Nlink != want.Nlink ||
		st.Mode != want.Mode || st.Mtim != want.Mtim || st.Ctim != want.Ctim {
		return fmt.Errorf("it is another file now: %w", ErrChanged)
	}
	return nil
}

// remove takes the name away through a mount that takes writes, and returns when
// that is on the device.
func remove(private int, t *target) error {
	parent, err := openat2(private, path.Dir(t.path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return explainPath(err)
	}
	dir := os.NewFile(uintptr(parent), "folder")
	defer func() { _ = dir.Close() }()
	if err := same(parent, path.Base(t.path), 0, &t.stat); err != nil {
		return err
	}
	if err := unix.Unlinkat(parent, path.Base(t.path), 0); err != nil {
		return fmt.Errorf("unlink: %w", explainWrite(err))
	}
	if err := errors.Join(t.file.Close(), unix.Fsync(parent), unix.Syncfs(parent)); err != nil {
		return fmt.Errorf("the name is gone, but not durably: sync: %w", explain(err))
	}
	return nil
}

// absent looks with the eyes of the client whether the file is gone.
func (v *volume) absent(name string) error {
	fd, err := openat2(int(v.mount.Fd()), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err == nil {
		_ = unix.Close(fd)
		return errors.New("it was unlinked and is there again")
	}
	return fmt.Errorf("look whether it is gone: %w", explain(err))
}
