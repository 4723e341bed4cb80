package testbench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is an ext4 file system of its own on a loop device.
type Disk struct {
	Mountpoint string
	Device     string // "/dev/loopN"

	t     testing.TB
	image string
	flags uintptr
}

// LoopDisk makes a disk of size MiB, with extra mkfs.ext4 arguments such as
// "-N", "16" for few inodes, and mounts it until the test ends.
func LoopDisk(t testing.TB, size int64, mkfs ...string) *Disk {
	t.Helper()
	needRoot(t, "a loop disk")
	dir := t.TempDir()
	d := &Disk{Mountpoint: filepath.Join(dir, "disk"), t: t, image: filepath.Join(dir, "image")}
	if err := os.Mkdir(d.Mountpoint, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, size<<20); err != nil {
		t.Fatal(err)
	}
	// No lazy initialisation: a background thread would write on its own.
	args := append([]string{"-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"}, mkfs...)
	tool(t, "mkfs.ext4", append(args, d.image)...)
	d.Device = tool(t, "losetup", "--find", "--show", d.image)
	t.Cleanup(d.close)
	// A device that somebody made read-only stays so for whoever gets it next.
	tool(t, "blockdev", "--setrw", d.Device)
	d.mount()
	return d
}

// tool runs a system program and gives its output without the last newline.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (d *Disk) mount() {
	d.t.Helper()
	if err := unix.Mount(d.Device, d.Mountpoint, "ext4", d.flags, "errors=remount-ro"); err != nil {
		d.t.Fatalf("mount %s: %v", d.Device, err)
	}
}

// unmount waits for the last user of the disk; a killed process lets go of
// its files a moment after it is reaped. Then it waits for the file system to be
// gone: a mount namespace that was made meanwhile has a copy of the mount, and
// while that stands the next mount would be of the same, broken file system.
func (d *Disk) unmount() error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := unix.Unmount(d.Mountpoint, 0)
		if err == nil {
			err = d.unused(deadline)
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// unused waits until nobody has the device mounted, in whatever namespace.
func (d *Disk) unused(deadline time.Time) error {
	for {
		fd, err := unix.Open(d.Device, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
		if err == nil {
			return unix.Close(fd)
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("%s is mounted elsewhere: %w", d.Device, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Unmount takes the disk out of the mount table; its device stays.
func (d *Disk) Unmount() {
	d.t.Helper()
	if err := d.unmount(); err != nil {
		d.t.Fatalf("unmount %s: %v", d.Mountpoint, err)
	}
}

// Remount turns the disk read-only or writable in place.
func (d *Disk) Remount(readOnly bool) {
	d.t.Helper()
	d.flags = 0
	if readOnly {
		d.flags = unix.MS_RDONLY
	}
	if err := unix.Mount("", d.Mountpoint, "", unix.MS_REMOUNT|d.flags, ""); err != nil {
		d.t.Fatalf("remount %s: %v", d.Mountpoint, err)
	}
}

// Cut is the power cut: what was not flushed is lost, and every later use of
// the disk answers EIO until Recover.
func (d *Disk) Cut() {
	d.t.Helper()
	dir, err := os.Open(d.Mountpoint)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	const (
		shutdown   = 0x8004587d // FS_IOC_SHUTDOWN, _IOR('X', 125, __u32), include/uapi/linux/fs.h
		noLogFlush = 2
	)
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Fatalf("shut %s down: %v", d.Mountpoint, err)
	}
}

// Break makes the file system find an error in itself, after which the kernel
// lets nobody write to it until Recover.
func (d *Disk) Break() {
	d.t.Helper()
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(d.Device), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("planted"), 0o200); err != nil {
		d.t.Fatal(err)
	}
}

// Recover brings the disk back after Cut or Break. Nothing may have it open still.
func (d *Disk) Recover() {
	d.t.Helper()
	if err := d.unmount(); err != nil {
		d.t.Fatalf("unmount %s after a power cut: %v", d.Mountpoint, err)
	}
	d.mount()
}

// Shutdown is a power cut and the next start, for a disk that nobody uses.
func (d *Disk) Shutdown() {
	d.t.Helper()
	d.Cut()
	d.Recover()
}

// Fill takes all room but left bytes and returns what gives it back.
func (d *Disk) Fill(left int64) (free func()) {
	d.t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(d.Mountpoint, &st); err != nil {
		d.t.Fatal(err)
	}
	path := filepath.Join(d.Mountpoint, fmt.Sprintf("filler-%d", time.Now().UnixNano()))
	f, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if size := int64(st.Bavail)*st.Bsize - left; size > 0 {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
			d.t.Fatalf("take %d bytes of %s: %v", size, d.Mountpoint, err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			d.t.Error(err)
		}
	}
}

func (d *Disk) close() {
	if err := d.unmount(); err != nil && !errors.Is(err, unix.EINVAL) {
		d.t.Errorf("unmount %s: %v", d.Mountpoint, err)
		_ = unix.Unmount(d.Mountpoint, unix.MNT_DETACH)
	}
	// The test's context is over by now, so tool cannot run these. A lock of the
	// block layer would be there for the next disk behind this device.
	if out, err := exec.Command("blockdev", "--setrw", d.Device).CombinedOutput(); err != nil {
		d.t.Errorf("blockdev --setrw %s: %v: %s", d.Device, err, out)
	}
	if out, err := exec.Command("losetup", "--detach", d.Device).CombinedOutput(); err != nil {
		d.t.Errorf("losetup --detach %s: %v: %s", d.Device, err, out)
	}
}
