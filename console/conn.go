package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/access"
)

// maxConns bounds the connections one user has at once, so that none can use up
// the daemon's descriptors. A command needs ten at most.
const maxConns = 64

// rightsListener hands out connections that know who made them and keep the
// descriptors sent along.
type rightsListener struct {
	*net.UnixListener
	held *tally
}

func (l rightsListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		peer, err := access.PeerOf(c)
		if !l.held.enter(peer.UID) {
			_ = c.Close()
			continue
		}
		return &rightsConn{UnixConn: c, peer: peer, peerErr: err, leave: func() { l.held.leave(peer.UID) }}, nil
	}
}

// tally counts the connections of each user. Root's are not counted.
type tally struct {
	mu    sync.Mutex
	conns map[uint32]int
}

func newTally() *tally { return &tally{conns: map[uint32]int{}} }

func (t *tally) enter(uid uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if uid != 0 && t.conns[uid] >= maxConns {
		return false
	}
	t.conns[uid]++
	return true
}

func (t *tally) leave(uid uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns[uid]--; t.conns[uid] == 0 {
		delete(t.conns, uid)
	}
}

// rightsConn collects the one descriptor a request may carry. Descriptors
// nobody takes are closed with the connection, surplus ones at once.
type rightsConn struct {
	*net.UnixConn
	peer    access.Peer
	peerErr error
	leave   func()

	mu     sync.Mutex
	closed bool
	folder *os.File
}

// Read is a read(2) that also accepts SCM_RIGHTS.
func (c *rightsConn) Read(p []byte) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4*4))
	n, oobn, _, _, err := c.ReadMsgUnix(p, oob)
	if oobn > 0 {
		c.keep(oob[:oobn])
	}
	return n, err
}

func (c *rightsConn) keep(oob []byte) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if c.closed || c.folder != nil {
				_ = unix.Close(fd)
				continue
			}
			c.folder = os.NewFile(uintptr(fd), "folder")
		}
	}
}

// take gives the descriptor away; the caller closes it.
func (c *rightsConn) take() *os.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.folder
	c.folder = nil
	return f
}

// Close closes what nobody took, too.
func (c *rightsConn) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if f := c.take(); f != nil {
		_ = f.Close()
	}
	if first {
		c.leave()
	}
	return c.UnixConn.Close()
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(ctx context.Context) *rightsConn {
	c, _ := ctx.Value(connKey{}).(*rightsConn)
	return c
}

// takeFolder returns the folder sent with the request, open for reading.
func takeFolder(ctx context.Context) (*os.File, error) {
	c := connOf(ctx)
	if c == nil {
		return nil, fmt.Errorf("%w: no descriptor can come this way", errRequest)
	}
	f := c.take()
	if f == nil {
		return nil, fmt.Errorf("%w: the request carries no descriptor of a folder", errRequest)
	}
	if err := checkFolder(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func checkFolder(f *os.File) error {
	kind, flags, err := describe(f)
	if err == nil && (kind != unix.S_IFDIR || flags&unix.O_PATH != 0) {
		err = fmt.Errorf("%w: the descriptor is not a folder open for reading", errRequest)
	}
	return err
}

// describe tells of what kind an open file is, and how it is open.
func describe(f *os.File) (kind uint32, flags int, err error) {
	var st unix.Stat_t
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		if failed = unix.Fstat(int(fd), &st); failed == nil {
			flags, failed = unix.FcntlInt(fd, unix.F_GETFL, 0)
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, 0, fmt.Errorf("look at the descriptor: %w", err)
	}
	return st.Mode & unix.S_IFMT, flags, nil
}
