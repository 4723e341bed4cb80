package mounter

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxID is one above the highest user or group id there is.
const maxID = 1<<32 - 1

// IDMap makes a user namespace in which root and the daemon's user and group
// have changed places, for mounts whose files are root's: the daemon then reads
// them as their owner and needs no right to pass over owners. It takes
// CAP_SETUID, CAP_SETGID and CAP_SETFCAP, so it is done apart from the helper
// that serves. The namespace lasts while the file is open.
func IDMap(uid, gid uint32) (*os.File, error) {
	// The child is stopped by its exec, before it runs anything; only the
	// thread that started it may let it go again.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Ptrace: true, Cloneflags: syscall.CLONE_NEWUSER, Pdeathsig: syscall.SIGKILL,
		UidMappings: swapped(int(uid)), GidMappings: swapped(int(gid)), GidMappingsEnableSetgroups: true,
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("make a user namespace: %w", err)
	}
	users, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", cmd.Process.Pid))
	err = errors.Join(err, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if err != nil {
		return nil, fmt.Errorf("make a user namespace: %w", err)
	}
	return users, nil
}

// PinIDMap makes the namespace of IDMap and leaves it at path, in the place of
// an older one, until the machine goes down. OpenIDMap finds it there.
func PinIDMap(uid, gid uint32, path string) error {
	users, err := IDMap(uid, gid)
	if err != nil {
		return err
	}
	defer func() { _ = users.Close() }()
	for err == nil { // a pin that is still there may be hidden by another
		err = unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("pin a user namespace: %w", err)
	}
	err = unix.Mount(fmt.Sprintf("/proc/self/fd/%d", users.Fd()), path, "", unix.MS_BIND, "")
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("pin a user namespace at %q: %w", path, err)
	}
	return nil
}

// OpenIDMap opens what PinIDMap left.
func OpenIDMap(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open the id map: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil || st.Type != unix.NSFS_MAGIC {
		_ = f.Close()
		return nil, fmt.Errorf("open the id map: %q is no namespace: run custodock mounter --pin %s", path, path)
	}
	return f, nil
}

// swapped maps every id to itself, but root to id and id to root.
func swapped(id int) []syscall.SysProcIDMap {
	if id == 0 {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: maxID}}
	}
	maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}, {ContainerID: id, HostID: 0, Size: 1}}
	if id > 1 {
		maps = append(maps, syscall.SysProcIDMap{ContainerID: 1, HostID: 1, Size: id - 1})
	}
	return append(maps, syscall.SysProcIDMap{ContainerID: id + 1, HostID: id + 1, Size: maxID - id - 1})
}

// idmap lays the map of s.Users over a mount that nobody has seen yet.
func (s *server) idmap(mount int) error {
	if s.Users == nil {
		return errors.New("no map was made")
	}
	return unix.MountSetattr(mount, "", unix.AT_EMPTY_PATH, &unix.MountAttr{
		Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(s.Users.Fd()),
	})
}
