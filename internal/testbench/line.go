package testbench

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// line is a listener whose port can be closed and whose connections can be
// held, slowed and broken.
type line struct {
	addr  net.Addr
	count func(WireKind)

	mu      sync.Mutex
	l       net.Listener  // nil while refused
	changed chan struct{} // closed when something of the following changes
	ended   bool
	held    bool
	rate    int64 // bytes a second, 0 without limit
	free    [2]time.Time
	moved   [2]int64 // bytes that went each way
	conns   map[*lineConn]bool
}

// The ways that bytes go; line.free says when the next byte of each may.
const (
	upwards = iota
	downwards
)

func newLine(t testing.TB, count func(WireKind)) *line {
	t.Helper()
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &line{
		addr: l.Addr(), count: count, l: l, changed: make(chan struct{}), conns: map[*lineConn]bool{},
	}
}

func listen(addr string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
}

// Addr is the address, open or not.
func (n *line) Addr() net.Addr { return n.addr }

// Accept waits for a connection through times of refusal.
func (n *line) Accept() (net.Conn, error) {
	for {
		n.mu.Lock()
		l, changed, ended := n.l, n.changed, n.ended
		n.mu.Unlock()
		if ended {
			return nil, net.ErrClosed
		}
		if l == nil {
			<-changed
			continue
		}
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c := newLineConn(conn.(*net.TCPConn), n)
		n.mu.Lock()
		n.conns[c] = true
		n.mu.Unlock()
		return c, nil
	}
}

// Close ends the line for good; connections end one by one.
func (n *line) Close() error {
	return n.change(func() error {
		n.ended = true
		return n.shut()
	})
}

// change does something under the lock and tells those who wait.
func (n *line) change(do func() error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := do()
	close(n.changed)
	n.changed = make(chan struct{})
	return err
}

func (n *line) shut() error {
	if n.l == nil {
		return nil
	}
	l := n.l
	n.l = nil
	return l.Close()
}

func (n *line) refuse(on bool) error {
	return n.change(func() error {
		if on {
			return n.shut()
		}
		if n.l != nil {
			return nil
		}
		l, err := listen(n.addr.String())
		if err == nil {
			n.l = l
		}
		return err
	})
}

func (n *line) stall(on bool) {
	_ = n.change(func() error { n.held = on; return nil })
}

func (n *line) throttle(rate int64) {
	_ = n.change(func() error { n.rate, n.free = rate, [2]time.Time{}; return nil })
}

func (n *line) cut() int {
	n.mu.Lock()
	conns := n.conns
	n.conns = map[*lineConn]bool{}
	n.mu.Unlock()
	for c := range conns {
		c.reset()
		n.count(Cut)
	}
	return len(conns)
}

// stalled says whether the line is held, and when to ask again.
func (n *line) stalled() (bool, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.held, n.changed
}

// chunk is how many of so many bytes go at once: under a limit what takes 50 ms.
func (n *line) chunk(size int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rate == 0 {
		return size
	}
	return min(size, int(max(n.rate/20, 1)))
}

// reserve gives so many bytes their time on one way and says how long they wait, and
// what ends that sooner.
func (n *line) reserve(way, size int) (time.Duration, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.moved[way] += int64(size)
	if n.rate == 0 {
		return 0, nil
	}
	now := time.Now()
	if n.free[way].Before(now) {
		n.free[way] = now
	}
	n.free[way] = n.free[way].Add(time.Duration(int64(size) * int64(time.Second) / n.rate))
	return n.free[way].Sub(now), n.changed
}

func (n *line) forget(c *lineConn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.conns, c)
}
