package access

import (
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inGroups connects from a thread that has these groups; it ends with them.
func inGroups(t *testing.T, addr *net.UnixAddr, groups []uint32) *net.UnixConn {
	t.Helper()
	var c *net.UnixConn
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock
		room := append(slices.Clone(groups), 0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&room[0])), 0); errno != 0 {
			err = errno
			return
		}
		c, err = net.DialUnix("unix", nil, addr)
	}()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestPeerGroupsGrow(t *testing.T) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, n := range []int{0, 1, manyGroups, manyGroups + 1, 3000} {
		groups := []uint32{}
		for i := range n {
			groups = append(groups, uint32(100_000+i))
		}
		inGroups(t, l.Addr().(*net.UnixAddr), groups)
		far, err := l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		got, err := PeerOf(far)
		if err != nil || !slices.Equal(got.Groups, groups) {
			t.Errorf("%d groups: %d, %v", n, len(got.Groups), err)
		}
		raw, err := far.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var small []uint32
		var failed error
		if err := raw.Control(func(fd uintptr) { small, failed = peerGroups(fd, 0) }); err != nil || failed != nil || len(small) != n {
			t.Errorf("%d groups without room: %d, %v %v", n, len(small), err, failed)
		}
		_ = far.Close()
	}
}
