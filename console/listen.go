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

// Places are where a daemon is found. State holds its socket, which only those
// who may enter the state reach. Public, where it is not "", is a folder that
// everyone may enter with a socket for everyone: what they may do there is
// decided by who they are, and by nothing else. It is asked when the state may
// not be entered, and where Same says that no other daemon can be there.
type Places struct {
	State, Public string
	Same          bool
}

// Listen makes STATE/socket. The caller holds the state's lock, so a socket
// nobody answers on was left by a process that died, and is replaced.
func Listen(state string) (*net.UnixListener, error) { return listen(state, 0o660) }

// ListenPublic makes the socket for everyone in folder, which exists.
func ListenPublic(folder string) (*net.UnixListener, error) { return listen(folder, 0o666) }

func listen(folder string, mode os.FileMode) (*net.UnixListener, error) {
	if c, err := dialOne(context.Background(), folder); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("listen in %s: another daemon answers there: stop it first", folder)
	}
	path := filepath.Join(folder, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen in %s: %w", folder, err)
	}
	addr, done, err := shortAddr(folder)
	if err != nil {
		return nil, fmt.Errorf("listen in %s: %w", folder, err)
	}
	defer done()
	l, err := net.ListenUnix("unix", addr)
	if err != nil {
		return nil, fmt.Errorf("listen in %s: %w", folder, err)
	}
	// The name bound may go through a descriptor that is closed by then; the
	// next daemon replaces a stale socket anyway.
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, mode); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listen in %s: %w", folder, err)
	}
	return l, nil
}

// kept reports whether an error says that the caller may not enter.
func kept(err error) bool { return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) }

// dial tries the state's socket, then the public one.
func (p Places) dial(ctx context.Context) (*net.UnixConn, error) {
	c, err := dialOne(ctx, p.State)
	if err == nil {
		return c, nil
	}
	if p.Public != "" && (p.Same || kept(err)) {
		if c, public := dialOne(ctx, p.Public); public == nil {
			return c, nil
		}
	}
	return nil, p.explain(err)
}

func dialOne(ctx context.Context, folder string) (*net.UnixConn, error) {
	addr, done, err := shortAddr(folder)
	if err != nil {
		return nil, err
	}
	defer done()
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, "unix", addr.Name)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

func (p Places) explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("reach the daemon of %s: %w", p.State, ErrNoDaemon)
	case !kept(err):
		return fmt.Errorf("reach the daemon of %s: %w", p.State, err)
	case p.Public != "":
		return fmt.Errorf("reach the daemon of %s: %w, and none listens in %s: start the daemon, or run the command as root or as the daemon's user", p.State, access.ErrDenied, p.Public)
	}
	return fmt.Errorf("reach the daemon of %s: %w; run the command as root or as the daemon's user", p.State, access.ErrDenied)
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
