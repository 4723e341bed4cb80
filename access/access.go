// Package access decides who may speak to the daemon. The only witness it
// trusts is the kernel: SO_PEERCRED (unix(7)) names the user at the other end
// of a unix socket at the moment the connection was made.
package access

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// ErrDenied is wrapped when a user may not do what was asked.
var ErrDenied = errors.New("not allowed for this user")

// PeerUID returns the user id at the other end of a unix socket.
func PeerUID(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("peer of socket: %w", err)
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("peer of socket: %w", err)
	}
	return cred.Uid, nil
}

// Manage returns nil when peer may use the whole interface of a daemon that
// runs as self: only root and the daemon's own user may.
func Manage(peer, self uint32) error {
	if peer == 0 || peer == self {
		return nil
	}
	return fmt.Errorf("user id %d: %w; run the command as root or as user id %d", peer, ErrDenied, self)
}
