package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/access"
)

// ErrNoDaemon is wrapped when nobody listens on the socket of a state.
var ErrNoDaemon = errors.New("no daemon listens")

// socketName is where in STATE the daemon listens.
const socketName = "socket"

// dialTimeout is far more than a local connect takes and far less than a
// person waits.
const dialTimeout = 5 * time.Second

// Listen makes STATE/socket. The caller holds the state's lock, so a socket
// nobody answers on was left by a process that died, and is replaced.
func Listen(state string) (*net.UnixListener, error) {
	if c, err := dial(context.Background(), state); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("listen in %s: another daemon answers there: stop it first", state)
	}
	path := filepath.Join(state, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen in %s: %w", state, err)
	}
	addr, done, err := shortAddr(state)
	if err != nil {
		return nil, fmt.Errorf("listen in %s: %w", state, err)
	}
	defer done()
	l, err := net.ListenUnix("unix", addr)
	if err != nil {
		return nil, fmt.Errorf("listen in %s: %w", state, err)
	}
	// The name bound may go through a descriptor that is closed by then; the
	// next daemon replaces a stale socket anyway.
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listen in %s: %w", state, err)
	}
	return l, nil
}

func dial(ctx context.Context, state string) (*net.UnixConn, error) {
	addr, done, err := shortAddr(state)
	if err != nil {
		return nil, dialError(state, err)
	}
	defer done()
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, "unix", addr.Name)
	if err != nil {
		return nil, dialError(state, err)
	}
	return c.(*net.UnixConn), nil
}

func dialError(state string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("reach the daemon of %s: %w", state, ErrNoDaemon)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("reach the daemon of %s: %w; run the command as root or as the daemon's user", state, access.ErrDenied)
	}
	return fmt.Errorf("reach the daemon of %s: %w", state, err)
}

// shortAddr names the socket in at most the 107 bytes an address holds
// (unix(7)): a long path goes through a descriptor of its folder.
func shortAddr(state string) (*net.UnixAddr, func(), error) {
	path := filepath.Join(state, socketName)
	if len(path) < len(unix.RawSockaddrUnix{}.Path) {
		return &net.UnixAddr{Name: path, Net: "unix"}, func() {}, nil
	}
	fd, err := unix.Open(state, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: state, Err: err}
	}
	name := filepath.Join("/proc/self/fd", strconv.Itoa(fd), socketName)
	return &net.UnixAddr{Name: name, Net: "unix"}, func() { _ = unix.Close(fd) }, nil
}
