package console

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/ingest"
)

const (
	// maxAnswer bounds an answer that is not streamed.
	maxAnswer = 64 << 20
	// maxLine bounds one line of a streamed answer.
	maxLine = 4 << 20
	// baseURL has a host because HTTP wants one; none is looked up.
	baseURL = "http://custodock"
)

// errCut says that the daemon went away in mid-answer.
var errCut = errors.New("the daemon stopped before it was done: see its log, then run the command again")

// Client is a Desk at the other end of the socket. It is safe for many
// goroutines; a request ends with its context, here and in the daemon.
type Client struct {
	places Places
	http   *http.Client
}

var _ Desk = (*Client)(nil)

// Dial finds the daemon of a state directory, else ErrNoDaemon, else
// access.ErrDenied where neither of its sockets may be opened.
func Dial(p Places) (*Client, error) {
	c, err := p.dial(context.Background())
	if err != nil {
		return nil, err
	}
	_ = c.Close() // requests make their own: this one only showed that somebody listens
	t := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return p.dial(ctx)
		},
	}
	return &Client{places: p, http: &http.Client{Transport: t}}, nil
}

func newRequest(ctx context.Context, path string, query any) (*http.Request, error) {
	body, err := json.Marshal(query)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, baseURL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

// send returns an answer that succeeded; the caller closes its body.
func (c *Client) send(ctx context.Context, path string, query any) (*http.Response, error) {
	r, err := newRequest(ctx, path, query)
	if err != nil {
		return nil, err
	}
	return c.do(r)
}

// get is send for the calls without a body.
func (c *Client) get(ctx context.Context, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL+path, nil)
	if err != nil {
		return nil, err
	}
	return c.do(r)
}

func (c *Client) do(r *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.explain(r.Context(), err)
	}
	return resp, checkStatus(resp)
}

// explain prefers the caller's own reason to end over what it did to the
// connection.
func (c *Client) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		return errCut
	}
	return fmt.Errorf("ask the daemon of %s: %w", c.places.State, err)
}

func checkStatus(resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxLine))
	if err != nil {
		return errCut
	}
	return readFault(resp.Status, body)
}

func (c *Client) call(ctx context.Context, path string, query, result any) error {
	resp, err := c.send(ctx, path, query)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return c.decode(ctx, resp, result)
}

func (c *Client) decode(ctx context.Context, resp *http.Response, result any) error {
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(result); err != nil {
		return c.explain(ctx, err)
	}
	return nil
}

// readLines calls each for every line until it says that it was the last.
func (c *Client) readLines(ctx context.Context, body io.Reader, each func(line) (last bool, err error)) error {
	return c.scan(ctx, body, func(raw []byte) (bool, error) {
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return false, c.explain(ctx, io.ErrUnexpectedEOF)
		}
		if l.Error != nil {
			return true, l.Error.err()
		}
		return each(l)
	})
}

// scan is readLines for lines of any form.
func (c *Client) scan(ctx context.Context, body io.Reader, each func(raw []byte) (last bool, err error)) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		if last, err := each(lines.Bytes()); last || err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return c.explain(ctx, err)
	}
	return c.explain(ctx, io.ErrUnexpectedEOF)
}

// Ingest sends the folder itself along and closes r.Folder. Ending ctx ends
// the ingest in the daemon.
func (c *Client) Ingest(ctx context.Context, r ingest.Request, each func(ingest.Event)) (ingest.Summary, error) {
	defer func() { _ = r.Folder.Close() }()
	conn, err := c.places.dial(ctx)
	if err != nil {
		return ingest.Summary{}, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	req, err := newRequest(ctx, pathIngest, r)
	if err != nil {
		return ingest.Summary{}, err
	}
	req.Close = true
	// A daemon that refuses may close before it has read everything: what it
	// answered says more than the failed write.
	sent := writeWithFolder(conn, req, r.Folder)
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return ingest.Summary{}, c.explain(ctx, cmp.Or(sent, err))
	}
	defer func() { _ = resp.Body.Close() }()
	if err := checkStatus(resp); err != nil {
		return ingest.Summary{}, err
	}
	var sum ingest.Summary
	err = c.readLines(ctx, resp.Body, func(l line) (bool, error) {
		if l.Event != nil {
			each(*l.Event)
		}
		if l.Summary != nil {
			sum = *l.Summary
		}
		return l.Summary != nil, nil
	})
	return sum, err
}

// writeWithFolder puts the descriptor on the first byte of the request.
func writeWithFolder(conn *net.UnixConn, req *http.Request, folder *os.File) error {
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		return err
	}
	raw, err := folder.SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var failed error
	// Control keeps the descriptor open while it is on its way.
	err = raw.Control(func(fd uintptr) {
		n, _, failed = conn.WriteMsgUnix(b.Bytes(), unix.UnixRights(int(fd)), nil)
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if n < b.Len() {
		_, err = conn.Write(b.Bytes()[n:])
	}
	return err
}
