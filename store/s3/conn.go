package s3

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

const (
	dialTimeout  = 15 * time.Second
	stallTimeout = 30 * time.Second // of a line on which nothing moves
	replyTimeout = 2 * time.Minute  // a server may take its time to put parts together
)

// conn ends a connection on which nothing moves, and passes bytes at the pace
// of the limit. Deadlines roll: each write gives the peer another stallTimeout,
// and once a reply has begun, so does each read. Before that replyTimeout holds.
type conn struct {
	net.Conn
	limit *limit
	ctx   context.Context // ends with Close, so that no wait for the limit outlives it
	close context.CancelFunc

	mu      sync.Mutex
	replied bool // since the last write
}

func newConn(c net.Conn, l *limit) *conn {
	ctx, cancel := context.WithCancel(context.Background())
	return &conn{Conn: c, limit: l, ctx: ctx, close: cancel}
}

// expect moves the deadline of reading. It also moves that of a read which
// waits already, as one does on an idle connection.
func (c *conn) expect(replied bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replied = replied
	return c.extend()
}

func (c *conn) extend() error {
	wait := replyTimeout
	if c.replied {
		wait = stallTimeout
	}
	return c.SetReadDeadline(time.Now().Add(wait))
}

// sending moves both deadlines before a write.
func (c *conn) sending() error {
	if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return err
	}
	return c.expect(false)
}

func (c *conn) Read(p []byte) (int, error) {
	if c.limit != nil && len(p) > chunk {
		p = p[:chunk]
	}
	c.mu.Lock()
	err := c.extend()
	c.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		if c.limit != nil {
			if werr := c.limit.wait(c.ctx, n); werr != nil {
				return 0, net.ErrClosed
			}
		}
		if derr := c.expect(true); err == nil {
			err = derr
		}
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) || len(p) == 0 {
		next := p[done:]
		if c.limit != nil {
			next = next[:min(len(next), chunk)]
			if err := c.limit.wait(c.ctx, len(next)); err != nil {
				return done, net.ErrClosed
			}
		}
		if err := c.sending(); err != nil {
			return done, err
		}
		n, err := c.Conn.Write(next)
		done += n
		if err != nil || len(p) == 0 {
			return done, err
		}
	}
	return done, nil
}

// ReadFrom implements io.ReaderFrom, by which the transport sends a body. One
// that lies in a file is left to the kernel, unless there is a limit.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	sent := int64(0)
	if l, ok := r.(*io.LimitedReader); ok && c.limit == nil {
		if body, ok := l.R.(*spool); ok && body.left == l.N {
			n, err := body.sendTo(c)
			l.N -= n
			if err == nil || !isUnsupported(err) {
				return n, err
			}
			sent = n
		}
	}
	n, err := io.Copy(struct{ io.Writer }{c}, r)
	return sent + n, err
}

func (c *conn) Close() error {
	c.close()
	return c.Conn.Close()
}
