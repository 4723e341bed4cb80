package testbench

import (
	"io"
	"net"
	"sync"
	"time"
)

// lineConn is a connection over a line.
type lineConn struct {
	*net.TCPConn
	line *line
	once sync.Once
	gone chan struct{} // closed with the connection

	mu    sync.Mutex
	hurry chan struct{} // closed while a read deadline has passed: a held read must see it
}

func newLineConn(conn *net.TCPConn, n *line) *lineConn {
	return &lineConn{TCPConn: conn, line: n, gone: make(chan struct{}), hurry: make(chan struct{})}
}

// ReadFrom hides the one of TCPConn, by which bytes would pass this type.
func (c *lineConn) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// WriteTo hides the one of TCPConn in the same way.
func (c *lineConn) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{c})
}

func (c *lineConn) Read(p []byte) (int, error) {
	c.hold()
	n, err := c.TCPConn.Read(p[:c.line.chunk(len(p))])
	if n > 0 {
		c.hold() // what arrives while the line is held waits too
		c.pace(upwards, n)
	}
	return n, err
}

func (c *lineConn) Write(p []byte) (int, error) {
	done := 0
	for {
		c.hold()
		n, err := c.TCPConn.Write(p[done : done+c.line.chunk(len(p)-done)])
		c.pace(downwards, n)
		done += n
		if err != nil || done == len(p) {
			return done, err
		}
	}
}

// SetReadDeadline lets go of a held read when the time has passed: net/http
// takes a connection from its reader that way.
func (c *lineConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.hurry:
		c.hurry = make(chan struct{})
	default:
	}
	if !t.IsZero() && !t.After(time.Now()) {
		close(c.hurry)
	}
	return c.TCPConn.SetReadDeadline(t)
}

// hold waits while the line is a black hole.
func (c *lineConn) hold() {
	for first := true; ; first = false {
		held, changed := c.line.stalled()
		if !held {
			return
		}
		if first {
			c.line.count(Stalled)
		}
		c.mu.Lock()
		hurry := c.hurry
		c.mu.Unlock()
		select {
		case <-changed:
		case <-c.gone:
			return
		case <-hurry:
			return
		}
	}
}

// pace waits until n bytes more have had their time.
func (c *lineConn) pace(way, n int) {
	d, changed := c.line.reserve(way, n)
	if d <= 0 {
		return
	}
	c.line.count(Slowed)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-c.gone:
	}
}

// Close ends the connection and lets go of whoever is held on it.
func (c *lineConn) Close() error {
	c.once.Do(func() { close(c.gone) })
	c.line.forget(c)
	return c.TCPConn.Close()
}

// reset is Close that the other side sees as ECONNRESET.
func (c *lineConn) reset() {
	_ = c.SetLinger(0)
	_ = c.Close()
}
