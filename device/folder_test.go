package device

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestOpenRefusesLinks(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "cam/DCIM/100/a.mp4"))
	put(t, filepath.Join(dir, "etc/100/secret"))
	must(t, os.Symlink(filepath.Join(dir, "etc"), filepath.Join(dir, "cam/LINK")))
	for _, path := range []string{"cam/LINK", "cam/LINK/", "cam/LINK/.", "cam/LINK/100", "cam/LINK/100/"} {
		f, err := Open(dir + "/" + path)
		wantErr(t, path, err, ErrUnsafe)
		if err == nil {
			_ = f.Close()
		} else if !strings.Contains(err.Error(), "readlink -f") {
			t.Errorf("%s: no advice in %q", path, err)
		}
	}
	for _, path := range []string{"cam/DCIM", "cam/DCIM/", "cam/../cam/DCIM"} {
		if f := openFolder(t, dir+"/"+path); f.Path() != filepath.Join(dir, "cam/DCIM") {
			t.Errorf("%s opened as %q", path, f.Path())
		}
	}
	for path, want := range map[string]error{"none": os.ErrNotExist, "cam/DCIM/100/a.mp4": unix.ENOTDIR} {
		_, err := Open(filepath.Join(dir, path))
		wantErr(t, path, err, want)
	}
}

func TestFromFile(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"))
	open := func(path string, flags int) *os.File {
		fd, err := unix.Open(path, flags, 0)
		must(t, err)
		file := os.NewFile(uintptr(fd), path)
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	passed := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	f, err := FromFile(passed, "")
	must(t, err)
	defer func() { _ = f.Close() }()
	if f.Path() != dir {
		t.Errorf("path %q, want %q", f.Path(), dir)
	}
	scan, err := f.Scan(t.Context(), func(File) error { return nil })
	must(t, err)
	if names, err := passed.Readdirnames(-1); scan.Files != 1 || len(names) != 1 || err != nil {
		t.Errorf("scan found %d, the passed handle then %v, %v: the offset was shared", scan.Files, names, err)
	}
	_, err = FromFile(open(dir, unix.O_PATH|unix.O_DIRECTORY), "p")
	wantErr(t, "a path descriptor proves no right to read", err, ErrUnsafe)
	_, err = FromFile(open(filepath.Join(dir, "a"), unix.O_RDONLY), "p")
	wantErr(t, "a file", err, unix.ENOTDIR)
}

func TestMountRootAndIdentities(t *testing.T) {
	dir := t.TempDir()
	cam, bind := filepath.Join(dir, "cam"), filepath.Join(dir, "bind")
	loop := ext4(t, cam, "-U", "0a1b2c3d-0001-0002-0003-0123456789ab", "-L", "BODY CAM")
	put(t, filepath.Join(cam, "DCIM/a"))
	mountAt(t, filepath.Join(cam, "DCIM"), bind, "", unix.MS_BIND, "")

	root, below, bound := openFolder(t, cam), openFolder(t, filepath.Join(cam, "DCIM")), openFolder(t, bind)
	if !root.MountRoot() || below.MountRoot() || !bound.MountRoot() {
		t.Errorf("mount root %v %v %v, want true false true", root.MountRoot(), below.MountRoot(), bound.MountRoot())
	}
	if id, _ := blockNumber(loop); root.DeviceID() != id || root.block != id {
		t.Errorf("device %q, block %q, want %q", root.DeviceID(), root.block, id)
	}
	want := []Identity{{FSUUID, "0a1b2c3d-0001-0002-0003-0123456789ab"}, {Label, "BODY CAM"}}
	if d := cmp.Diff(want, root.Identities()); d != "" {
		t.Error(d)
	}
	if got := slices.Concat(below.Identities(), bound.Identities()); got != nil {
		t.Errorf("a part of a file system has the identities %v", got)
	}
}

// TestIdentitiesFromUdev uses links and a sysfs tree of its own, and no readable
// device, as a dock without rights on the block device sees it.
func TestIdentitiesFromUdev(t *testing.T) {
	dir := t.TempDir()
	node := filepath.Join(dir, "dev/sdb1")
	for _, d := range []string{"dev/disk/by-uuid", "dev/disk/by-label", "sys/dev/block", "sys/devices/usb1/1-2/host0/block/sdb/sdb1"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	must(t, unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(8, 17))))
	must(t, unix.Mknod(filepath.Join(dir, "dev/other"), unix.S_IFBLK|0o600, int(unix.Mkdev(8, 1))))
	must(t, os.Symlink("../../other", filepath.Join(dir, "dev/disk/by-uuid/0000-1111")))
	must(t, os.Symlink("../../sdb1", filepath.Join(dir, "dev/disk/by-uuid/1234-ABCD")))
	must(t, os.Symlink("../../sdb1", filepath.Join(dir, `dev/disk/by-label/A\x20\x2fB\x`)))
	must(t, os.Symlink("../../devices/usb1/1-2/host0/block/sdb/sdb1", filepath.Join(dir, "sys/dev/block/8:17")))
	must(t, os.WriteFile(filepath.Join(dir, "sys/devices/usb1/1-2/idVendor"), []byte("0525\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "sys/devices/usb1/1-2/serial"), []byte("a/\x1bb\n"), 0o644))

	h := host{proc: "/proc", sys: filepath.Join(dir, "sys"), dev: filepath.Join(dir, "dev")}
	f := &Folder{host: h, mountRoot: true}
	f.block, f.sysfsTo = h.findBlock("0:55", &Mount{Source: "/dev/sdb1", Root: "/"}) // as btrfs and FUSE
	want := []Identity{{FSUUID, "1234-ABCD"}, {Label, `A /B\x`}, {USBSerial, "a/\x1bb"}}
	if d := cmp.Diff(want, f.Identities()); d != "" {
		t.Error(d)
	}
}

// Each case takes away one thing that was there at the opening.
func TestAlive(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, f *Folder, point string){
		"lazy unmount": func(t *testing.T, f *Folder, point string) { detach(t, point) },
		"block device left sysfs": func(t *testing.T, f *Folder, point string) {
			must(t, os.Remove(f.host.sysfs(f.block)))
		},
		"another device has the number": func(t *testing.T, f *Folder, point string) {
			must(t, os.Remove(f.host.sysfs(f.block)))
			must(t, os.Symlink("../elsewhere", f.host.sysfs(f.block)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, point := injected(t)
			put(t, filepath.Join(point, "a"))
			must(t, f.Alive(t.Context()))
			leave(t, f, point)
			wantErr(t, "alive", f.Alive(t.Context()), ErrGone)
			_, err := f.Scan(t.Context(), func(File) error { return nil })
			wantErr(t, "scan", err, ErrGone)
			_, err = f.Open("no such file")
			wantErr(t, "open", err, ErrGone)
		})
	}
}

// A mount that is opened after its disk went lists as empty: it is not a camera
// with nothing on it.
func TestOpenOfMountWithoutDisk(t *testing.T) {
	f, point := injected(t)
	must(t, os.Remove(f.host.sysfs(f.block)))
	_, err := f.host.open(point)
	wantErr(t, "open", err, ErrGone)
	must(t, os.Remove(f.host.sysfs("")))
	blind, err := f.host.open(point) // a sandbox without sysfs
	must(t, err)
	must(t, blind.Close())
}

// injected is a mounted ext4 whose block device stands in a sysfs of the test's.
func injected(t *testing.T) (*Folder, string) {
	t.Helper()
	dir := t.TempDir()
	point := filepath.Join(dir, "cam")
	loop := ext4(t, point)
	id, _ := blockNumber(loop)
	h := thisHost
	h.sys = filepath.Join(dir, "sys")
	must(t, os.MkdirAll(filepath.Join(h.sys, "dev/block"), 0o755))
	must(t, os.Symlink("../../devices/usb", h.sysfs(id)))
	f, err := h.open(point)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f, point
}

func TestAliveOfRemovedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "drop")
	must(t, os.Mkdir(dir, 0o755))
	f := openFolder(t, dir)
	must(t, f.Alive(t.Context()))
	must(t, os.Remove(dir))
	wantErr(t, "alive", f.Alive(t.Context()), ErrGone)
	must(t, f.Close())
	wantErr(t, "closed", f.Alive(t.Context()), os.ErrClosed)
}

func TestAliveKeepsTheContext(t *testing.T) {
	f := openFolder(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, "alive", f.Alive(ctx), context.Canceled)
	_, err := f.Scan(ctx, nil)
	wantErr(t, "scan", err, context.Canceled)
}

// A mount that no table shows, as fsmount(2) makes, is a folder all the same.
func TestDetachedMount(t *testing.T) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	must(t, err)
	defer func() { _ = unix.Close(fs) }()
	must(t, unix.FsconfigCreate(fs))
	mnt, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID)
	must(t, err)
	defer func() { _ = unix.Close(mnt) }()
	fd, err := unix.Openat(mnt, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	dir := os.NewFile(uintptr(fd), "detached")
	defer func() { _ = dir.Close() }()
	put(t, fmt.Sprintf("/proc/self/fd/%d/DCIM/a", fd))
	f, err := FromFile(dir, "bay 1")
	must(t, err)
	defer func() { _ = f.Close() }()
	scan, err := f.Scan(t.Context(), func(File) error { return nil })
	if err != nil || scan.Files != 1 || !f.MountRoot() {
		t.Errorf("scan %+v, %v, mount root %v", scan, err, f.MountRoot())
	}
}
