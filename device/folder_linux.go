package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// host is where the facts of this machine are read; tests put a tree in place.
type host struct {
	proc, sys, dev string
}

var thisHost = host{proc: "/proc", sys: "/sys", dev: "/dev"}

// Folder is one readable tree, held by an open directory handle. Its methods may
// be called from many goroutines. A call on a device that hangs, hangs: callers
// that must go on abandon the goroutine that made it.
type Folder struct {
	dir  *os.File
	path string
	host host

	devID     string
	mountID   uint64 // 0 when the kernel does not say
	mountRoot bool
	nlink     uint32

	// What was there when the folder was opened; Alive checks that it still is.
	mount   *Mount // the folder's line in mountinfo, nil when it had none
	block   string // "major:minor" of the block device, "" when sysfs knew none
	sysfsTo string // what the block device's link in sysfs pointed at
}

// Open opens the directory at path. No part of path may be a symbolic link, or a
// card could lead the reader out of itself: such a path is ErrUnsafe.
func Open(path string) (*Folder, error) { return thisHost.open(path) }

func (h host) open(path string) (*Folder, error) {
	fd, err := openQuiet(func(noatime uint64) (int, error) {
		return openat2(unix.AT_FDCWD, path, dirFlags|noatime, unix.RESOLVE_NO_SYMLINKS)
	})
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("open folder %q: part of the path is a symbolic link, give the path that readlink -f prints: %w", path, ErrUnsafe)
	}
	if errors.Is(err, unix.ENOSYS) {
		return nil, fmt.Errorf("open folder %q: this kernel has no openat2, Linux 5.6 or newer is needed: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open folder %q: %w", path, explain(err))
	}
	if full, err := filepath.Abs(path); err == nil {
		path = full
	}
	return h.hold(os.NewFile(uintptr(fd), path), path)
}

// FromFile makes a Folder of a directory opened by someone else, such as a
// client that passed its descriptor over a socket. The descriptor must have been
// opened for reading, which proves that its owner was allowed to list it. path
// is for display; "" asks the kernel. dir stays the caller's to close.
func FromFile(dir *os.File, path string) (*Folder, error) { return thisHost.fromFile(dir, path) }

func (h host) fromFile(dir *os.File, path string) (*Folder, error) {
	fd := -1
	err := control(dir, func(from int) error {
		flags, err := unix.FcntlInt(uintptr(from), unix.F_GETFL, 0)
		if err != nil {
			return err
		}
		if flags&unix.O_PATH != 0 || flags&unix.O_ACCMODE != unix.O_RDONLY {
			return fmt.Errorf("the descriptor was not opened for reading: %w", ErrUnsafe)
		}
		// An own open file description: listing must not move the offset of
		// the one that was passed.
		fd, err = openQuiet(func(noatime uint64) (int, error) {
			return openat2(from, ".", dirFlags|noatime, beneath)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open folder %q: %w", path, explain(err))
	}
	if path == "" {
		path, _ = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)) // display only
	}
	return h.hold(os.NewFile(uintptr(fd), path), path)
}

// hold takes dir over and notes what must not vanish while it is read.
func (h host) hold(dir *os.File, path string) (*Folder, error) {
	f := &Folder{dir: dir, path: path, host: h}
	st, err := f.stat()
	if err == nil {
		err = f.note(st)
	}
	if err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("open folder %q: %w", path, explain(err))
	}
	return f, nil
}

func (f *Folder) note(st unix.Statx_t) error {
	f.devID = fmt.Sprintf("%d:%d", st.Dev_major, st.Dev_minor)
	f.nlink = st.Nlink
	f.mountRoot = st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
	if st.Mask&unix.STATX_MNT_ID != 0 {
		f.mountID = st.Mnt_id
	}
	m, err := f.host.mountByID(f.mountID)
	if err != nil {
		return err
	}
	f.mount = m
	f.block, f.sysfsTo = f.host.findBlock(f.devID, m)
	return nil
}

// Path is the absolute path the folder was opened by. It is for display only.
func (f *Folder) Path() string { return f.path }

// MountRoot reports whether the handle is the root of a mount.
func (f *Folder) MountRoot() bool { return f.mountRoot }

// Coarse reports whether the file system keeps its times as FAT does.
func (f *Folder) Coarse() bool {
	const exfat = 0x2011BAB0
	var st unix.Statfs_t
	err := control(f.dir, func(fd int) error { return unix.Fstatfs(fd, &st) })
	return err == nil && (st.Type == unix.MSDOS_SUPER_MAGIC || st.Type == exfat)
}

// DeviceID is st_dev as "major:minor".
func (f *Folder) DeviceID() string { return f.devID }

// Stat describes the directory behind the handle, for os.SameFile.
func (f *Folder) Stat() (os.FileInfo, error) { return f.dir.Stat() }

// Close lets the handle go; a call still under way ends by itself.
func (f *Folder) Close() error { return f.dir.Close() }

// Alive returns nil while the device behind the folder is there and ErrGone when
// it is not: the handle no longer answers or the directory was removed, the
// block device left sysfs, or the mount left the mount table. Only what was
// there when the folder was opened is missed.
func (f *Folder) Alive(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	st, err := f.stat()
	if errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("folder %q: %w", f.path, err)
	}
	if err != nil {
		return f.gone(err.Error())
	}
	if f.nlink > 0 && st.Nlink == 0 {
		return f.gone("the folder was removed")
	}
	if f.block != "" {
		to, err := os.Readlink(f.host.sysfs(f.block))
		if err != nil || to != f.sysfsTo {
			return f.gone("block device " + f.block + " is no longer there")
		}
	}
	if f.mount == nil {
		return nil
	}
	m, err := f.host.mountByID(f.mountID)
	if err != nil {
		return err
	}
	if m == nil {
		return f.gone("it was unmounted")
	}
	return nil
}

func (f *Folder) gone(why string) error {
	return fmt.Errorf("folder %q: %s: %w", f.path, why, ErrGone)
}

// stat asks the file system itself, not a cache of its attributes.
func (f *Folder) stat() (unix.Statx_t, error) {
	var st unix.Statx_t
	err := control(f.dir, func(fd int) error {
		return statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_FORCE_SYNC, &st)
	})
	return st, err
}

// mountByID returns nil when no mount of this process has the id.
func (h host) mountByID(id uint64) (*Mount, error) {
	if id == 0 {
		return nil, nil
	}
	table, err := os.Open(filepath.Join(h.proc, "self/mountinfo"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = table.Close() }()
	mounts, err := ParseMounts(table)
	if err != nil {
		return nil, err
	}
	for _, m := range mounts {
		if uint64(m.ID) == id {
			return &m, nil
		}
	}
	return nil, nil
}

// findBlock returns the block device under a folder and its link in sysfs. Some
// file systems (btrfs, FUSE) show an anonymous st_dev; then the source of the
// mount, when it is a block device, stands for it.
func (h host) findBlock(devID string, m *Mount) (id, to string) {
	if to, err := os.Readlink(h.sysfs(devID)); err == nil {
		return devID, to
	}
	if m == nil || !strings.HasPrefix(m.Source, "/dev/") {
		return "", ""
	}
	rdev, ok := blockNumber(filepath.Join(h.dev, strings.TrimPrefix(m.Source, "/dev/")))
	if !ok {
		return "", ""
	}
	to, err := os.Readlink(h.sysfs(rdev))
	if err != nil {
		return "", ""
	}
	return rdev, to
}

func (h host) sysfs(devID string) string { return filepath.Join(h.sys, "dev/block", devID) }

// blockNumber follows links, as those in /dev/disk are.
func blockNumber(path string) (string, bool) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return "", false
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)), true
}
