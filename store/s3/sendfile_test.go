package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/storetest"
)

// rolled is a connection that counts how often its deadline of writing moves.
type rolled struct {
	*net.TCPConn
	moved atomic.Int64
}

func (r *rolled) SetWriteDeadline(t time.Time) error {
	r.moved.Add(1)
	return r.TCPConn.SetWriteDeadline(t)
}

// pair is a connection over the loopback and its other end.
func pair(t *testing.T) (*rolled, net.Conn) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	return &rolled{TCPConn: near.(*net.TCPConn)}, far
}

// spooled is a file with this content.
func spooled(t *testing.T, content []byte) *os.File {
	t.Helper()
	f, err := os.Open(storetest.Object(t, content).Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestSendFile sends a part of a file whose bytes may not be read by us, while
// the deadlines roll.
func TestSendFile(t *testing.T) {
	const from, size = 1000, 20 << 20
	content := storetest.Random(from+size+1000, 80)
	near, far := pair(t)
	c := newConn(near, nil)
	over, cancel := context.WithCancel(t.Context())
	cancel() // after which Read gives nothing
	body := &spool{ctx: over, src: spooled(t, content), at: from, left: size}
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(far)
		got <- b
	}()
	n, err := c.ReadFrom(&io.LimitedReader{R: body, N: size})
	if n != size || err != nil || body.left != 0 {
		t.Errorf("%d bytes, %d left, %v", n, body.left, err)
	}
	_ = c.Close()
	if !bytes.Equal(<-got, content[from:from+size]) {
		t.Error("other bytes arrived")
	}
	if least := int64(size / mostAtOnce); near.moved.Load() < least {
		t.Errorf("the deadline moved %d times, want at least %d", near.moved.Load(), least)
	}
}

// TestSendFileStalls ends when the line takes nothing more, and is no error of
// the disk.
func TestSendFileStalls(t *testing.T) {
	near, far := pair(t)
	c := newConn(near, nil)
	body := &spool{ctx: t.Context(), src: spooled(t, storetest.Random(20<<20, 81)), left: 20 << 20}
	ended := make(chan error)
	go func() {
		_, err := c.ReadFrom(&io.LimitedReader{R: body, N: body.left})
		ended <- err
	}()
	if _, err := io.ReadFull(far, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := c.SetWriteDeadline(time.Now()); err != nil { // as if stallTimeout were over
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) || body.failed() != nil {
		t.Errorf("%v, of the disk %v", err, body.failed())
	}
}

// handed counts the spools that a store's connections were given.
func handed(s *Store) *atomic.Int64 {
	n := &atomic.Int64{}
	transport := s.idle[0]
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &counting{conn: c.(*conn), n: n}, nil
	}
	return n
}

type counting struct {
	*conn
	n *atomic.Int64
}

func (c *counting) ReadFrom(r io.Reader) (int64, error) {
	if l, ok := r.(*io.LimitedReader); ok {
		if _, ok := l.R.(*spool); ok {
			c.n.Add(1)
		}
	}
	return c.conn.ReadFrom(r)
}

// testSpoolIsHanded finds out that neither library puts anything between a
// spool and its connection.
func testSpoolIsHanded(t *testing.T, b bench) {
	s := open(t, b.options(newPrefix(), configs.LockGovernance))
	n := handed(s)
	for _, size := range []int{1000, 2*storetest.PartSize + 1} {
		if _, err := s.Put(t.Context(), storetest.Object(t, storetest.Random(size, 82))); err != nil {
			t.Fatal(err)
		}
	}
	if n.Load() != 1+3 {
		t.Errorf("%d spools reached a connection, want 4", n.Load())
	}
}

// testDisk has a spool file on a disk that fails, and one that becomes shorter
// while it is sent: neither is the network's, and is tried again.
func testDisk(t *testing.T, b bench) {
	for _, size := range []int{100_000, 2*storetest.PartSize + 1} {
		s, wire := wired(t, b.options(newPrefix(), configs.LockGovernance))
		o := storetest.Object(t, storetest.Random(size, 83))
		cam := testbench.Camera(t, filepath.Dir(o.Path), testbench.Fault{Path: "spool", Kind: testbench.ReadError, At: 70_000})
		path := o.Path
		o.Path = filepath.Join(cam.Mountpoint, "spool")
		if _, err := s.Put(t.Context(), o); !errors.Is(err, errLocal) {
			t.Errorf("%d bytes from a bad disk: %v, want %v", size, err, errLocal)
		}
		first := "/object/"
		if size > storetest.PartSize {
			first = "partNumber=1&"
		}
		if sent := wire.Passed(http.MethodPut, first); sent != 1 || cam.Fired(testbench.ReadError) == 0 {
			t.Errorf("%d bytes: %d requests, the disk failed %d times", size, sent, cam.Fired(testbench.ReadError))
		}

		o.Path = path
		wire.Inject(testbench.WireFault{Kind: testbench.Latency, Method: http.MethodPut, Times: 1, Do: func() {
			if err := os.Truncate(path, 10); err != nil {
				t.Error(err)
			}
		}})
		if _, err := s.Put(t.Context(), o); !errors.Is(err, store.ErrDamaged) || wire.Fired(testbench.Latency) != 1 {
			t.Errorf("%d bytes that became fewer: %v, want %v", size, err, store.ErrDamaged)
		}
	}
}
