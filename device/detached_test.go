package device

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// detached is a mounted ext4 that no mount table shows, as a privileged helper
// hands it over a socket, and the sysfs it is looked for in.
func detached(t *testing.T) (dir *os.File, h host, id string) {
	t.Helper()
	tmp := t.TempDir()
	point := filepath.Join(tmp, "cam")
	loop := ext4(t, point)
	put(t, filepath.Join(point, "DCIM/a"))
	mnt, err := unix.OpenTree(unix.AT_FDCWD, point, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	must(t, err)
	detach(t, point)
	fd, err := unix.Openat(mnt, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	dir = os.NewFile(uintptr(passed(t, fd)), "detached")
	must(t, unix.Close(fd))
	must(t, unix.Close(mnt))
	t.Cleanup(func() { _ = dir.Close() })
	id, _ = blockNumber(loop)
	h = thisHost
	h.sys = filepath.Join(tmp, "sys")
	must(t, os.MkdirAll(filepath.Join(h.sys, "dev/block"), 0o755))
	must(t, os.Symlink("../../devices/usb1/1-2/host2/block/sdb/sdb1", h.sysfs(id)))
	return dir, h, id
}

// passed sends a descriptor over a socket and returns the one that came out.
func passed(t *testing.T, fd int) int {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer func() { _ = unix.Close(pair[0]); _ = unix.Close(pair[1]) }()
	must(t, unix.Sendmsg(pair[0], []byte{1}, unix.UnixRights(fd), nil, 0))
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(pair[1], make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	must(t, err)
	control, err := unix.ParseSocketControlMessage(oob[:n])
	must(t, err)
	fds, err := unix.ParseUnixRights(&control[0])
	must(t, err)
	return fds[0]
}

// TestDetachedDeviceLeaves: of a detached mount sysfs alone tells that its device
// left. The mount answers as ever, and its listing must not be believed.
func TestDetachedDeviceLeaves(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, h host, id string){
		"left sysfs": func(t *testing.T, h host, id string) { must(t, os.Remove(h.sysfs(id))) },
		"came back as another": func(t *testing.T, h host, id string) {
			must(t, os.Remove(h.sysfs(id)))
			must(t, os.Symlink("../../devices/usb1/1-2/host3/block/sdb/sdb1", h.sysfs(id)))
		},
		"sysfs went": func(t *testing.T, h host, _ string) { must(t, os.RemoveAll(h.sys)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, h, id := detached(t)
			f, err := h.fromFile(dir, "bay 1")
			must(t, err)
			defer func() { _ = f.Close() }()
			if f.mount != nil || f.block != id {
				t.Fatalf("mount %+v, block %q: not the case to test", f.mount, f.block)
			}
			if paths, _ := list(t, f); len(paths) != 1 {
				t.Errorf("listed %v", paths)
			}
			must(t, f.Alive(t.Context()))
			leave(t, h, id)
			wantErr(t, "alive", f.Alive(t.Context()), ErrGone)
			_, err = f.Scan(t.Context(), func(File) error { return nil })
			wantErr(t, "scan", err, ErrGone)
			_, err = f.Open("DCIM/none")
			wantErr(t, "open", err, ErrGone)
		})
	}
}

// TestLeftBeforeOpening: a mount that stayed behind when its device left is no
// empty camera, whether a table shows it or not.
func TestLeftBeforeOpening(t *testing.T) {
	dir, h, id := detached(t)
	must(t, os.Remove(h.sysfs(id)))
	_, err := h.fromFile(dir, "bay 1")
	wantErr(t, "detached", err, ErrGone)
	must(t, os.RemoveAll(h.sys))
	if _, err := h.fromFile(dir, "bay 1"); err == nil {
		t.Error("a device that nothing can watch was taken")
	}

	point := filepath.Join(t.TempDir(), "cam")
	ext4(t, point)
	must(t, os.MkdirAll(filepath.Join(h.sys, "dev/block"), 0o755))
	_, err = h.open(point)
	wantErr(t, "in the table", err, ErrGone)
	h.sys = filepath.Join(h.sys, "none")
	f, err := h.open(point)
	must(t, err) // the mount table tells when it leaves
	must(t, f.Close())
}
