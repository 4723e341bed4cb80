package mounter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxSessions is how many volumes may be mounted at once.
	maxSessions = 128
	// patience is how long a connection may take to say what it wants.
	patience = 10 * time.Second
	// abandon is how long the end waits for a device that hangs.
	abandon = 5 * time.Second
)

// Options say whom a helper serves and what it may do.
type Options struct {
	UID, GID uint32   // the daemon's; it and root are served, nobody else
	Erase    bool     // whether files may be erased
	Archives []string // UUIDs of file systems that are stores: they are not touched
	// AllowLoop admits loop devices beside USB disks, for tests.
	AllowLoop bool
	Sysfs     string   // "" is /sys
	Dev       string   // "" is /dev
	Users     *os.File // user namespace of IDMap, nil for none
	Log       *slog.Logger
}

// Listen makes the socket: open to its owner and to the group gid. A socket that
// a dead helper left is replaced, one that answers is not.
func Listen(socket string, gid uint32) (*net.UnixListener, error) {
	l, err := listen(socket)
	if errors.Is(err, syscall.EADDRINUSE) {
		c, dialErr := net.Dial("unix", socket)
		if dialErr == nil {
			_ = c.Close()
			return nil, fmt.Errorf("listen on %q: another mounter is running; stop it first", socket)
		}
		if err := os.Remove(socket); err != nil {
			return nil, fmt.Errorf("listen on %q: %w", socket, err)
		}
		l, err = listen(socket)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listen on %q: %w: make the folder %s first", socket, err, filepath.Dir(socket))
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", socket, err)
	}
	if err := open(socket, gid); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %q: %w", socket, err), l.Close())
	}
	return l, nil
}

func listen(socket string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
}

// open lets the group in. Under the unit the group is right already, and the
// helper has no right to change it.
func open(socket string, gid uint32) error {
	var st unix.Stat_t
	if err := unix.Lstat(socket, &st); err != nil {
		return err
	}
	if st.Gid != gid {
		if err := os.Lchown(socket, -1, int(gid)); err != nil {
			return err
		}
	}
	return os.Chmod(socket, 0o660)
}

// server is one run of the helper.
type server struct {
	Options

	mu    sync.Mutex
	used  map[string]bool        // volumes by device number
	turns map[string]*sync.Mutex // who may change the lock of a disk, by its number
}

// Serve answers on l until ctx ends, which is no error, and closes l. Volumes
// that are mounted then stay with those who hold them. A device that hangs in
// the kernel is left behind after five seconds.
func Serve(ctx context.Context, l *net.UnixListener, o Options) error {
	if o.Sysfs == "" {
		o.Sysfs = "/sys"
	}
	if o.Dev == "" {
		o.Dev = "/dev"
	}
	s := &server{Options: o, used: map[string]bool{}, turns: map[string]*sync.Mutex{}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var sessions sync.WaitGroup
	room := make(chan struct{}, maxSessions)
	for {
		conn, err := l.AcceptUnix()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			wait(&sessions, abandon)
			return nil
		}
		if err != nil {
			cancel()
			wait(&sessions, abandon)
			return fmt.Errorf("accept a connection: %w", errors.Join(err, l.Close()))
		}
		select {
		case room <- struct{}{}:
			sessions.Go(func() {
				defer func() { <-room }()
				s.session(ctx, conn)
			})
		default:
			s.Log.Warn("too many connections", "limit", maxSessions)
			_ = conn.Close()
		}
	}
}

func wait(g *sync.WaitGroup, limit time.Duration) {
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

// session serves one connection to its end.
func (s *server) session(ctx context.Context, conn *net.UnixConn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &wire{conn: conn}
	defer w.drop()
	// At the end of everything else the connection goes, for its end tells the
	// client that the volume may be asked for again.
	defer func() { _ = conn.Close() }()
	if err := s.admit(conn); err != nil {
		s.Log.Warn("refuse a peer", "err", err)
		_ = w.send(reply{Error: encodeError(err)})
		return
	}
	lines := make(chan []byte)
	var reading sync.WaitGroup
	defer func() {
		cancel()
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
		reading.Wait()
	}()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	reading.Go(func() {
		defer cancel() // an end of the connection ends what is under way
		s.read(ctx, w, lines)
	})
	v, ok := s.first(ctx, w, lines)
	if !ok {
		return
	}
	defer s.release(v)
	if conn.SetReadDeadline(time.Time{}) != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case line := <-lines:
			if !s.later(ctx, w, v, line) {
				return
			}
		}
	}
}

// admit asks the kernel who is at the other end.
func (s *server) admit(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("peer of socket: %w", err)
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("peer of socket: %w", err)
	}
	if peer.Uid != 0 && peer.Uid != s.UID {
		return fmt.Errorf("user %d is not the dock's: %w", peer.Uid, ErrNotAllowed)
	}
	return nil
}

// read hands lines over one by one. A client that writes ahead of the answers is
// not read until they are given.
func (s *server) read(ctx context.Context, w *wire, lines chan<- []byte) {
	for {
		line, err := w.line()
		w.drop() // requests carry no descriptors
		if errors.Is(err, errMalformed) {
			s.Log.Warn("refuse a request", "err", err)
		} else if err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
			s.Log.Info("a connection ended", "err", err)
		}
		if err != nil {
			return
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
	}
}

// parse reads a request strictly.
func parse(line []byte) (request, error) {
	var r request
	if err := decode(line, &r); err != nil {
		return request{}, err
	}
	switch {
	case r.Op == opMount && devID.MatchString(r.Dev) && r.Path == nil && r.Size == 0 && r.SHA256 == "":
	case r.Op == opErase && r.Dev == "" && len(r.Path) > 0 && r.Size >= 0 && digest.MatchString(r.SHA256):
	default:
		return request{}, fmt.Errorf("%w: %.20q is no operation, or its values are not fit for it", errMalformed, r.Op)
	}
	return r, nil
}
