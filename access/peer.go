package access

import (
	"errors"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Peer is who made a connection, in the kernel's words.
type Peer struct {
	UID, GID uint32
	Groups   []uint32 // supplementary
}

// manyGroups is room for the groups of nearly everyone; the kernel says when it
// is not enough.
const manyGroups = 64

// PeerOf asks who is at the other end of a unix socket.
func PeerOf(c *net.UnixConn) (Peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("peer of socket: %w", err)
	}
	var peer Peer
	var failed error
	err = raw.Control(func(fd uintptr) { peer, failed = peerOf(fd, manyGroups) })
	if err = errors.Join(err, failed); err != nil {
		return Peer{}, fmt.Errorf("peer of socket: %w", err)
	}
	return peer, nil
}

func peerOf(fd uintptr, room int) (Peer, error) {
	cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, err
	}
	groups, err := peerGroups(fd, room)
	return Peer{UID: cred.Uid, GID: cred.Gid, Groups: groups}, err
}

// peerGroups reads SO_PEERGROUPS (Linux 4.13), which x/sys has a number for and
// no function. With ERANGE the kernel says how many bytes it wants.
func peerGroups(fd uintptr, room int) ([]uint32, error) {
	const wide = unsafe.Sizeof(uint32(0))
	for range 2 {
		groups := make([]uint32, max(room, 1))
		size := uint32(len(groups)) * uint32(wide)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch errno {
		case 0:
			return groups[:uintptr(size)/wide], nil
		case unix.ERANGE:
			room = int(uintptr(size) / wide)
		default:
			return nil, errno
		}
	}
	return nil, unix.ERANGE // what a connection was made with does not grow
}
