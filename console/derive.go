package console

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/ingest"
)

// derive takes the file that came with the request. That the peer could open it
// for reading is the kernel's word that it may read it.
func (s *server) derive(ctx context.Context, q ingest.DeriveRequest) (ingest.DerivedView, error) {
	if err := s.signAs(ctx, opDerive, &q.Actor, nil); err != nil {
		return ingest.DerivedView{}, err
	}
	file, err := takeFile(ctx)
	if err != nil {
		return ingest.DerivedView{}, err
	}
	q.File = file
	return s.Desk.Derive(ctx, q)
}

// takeFile returns the file sent with the request, open for reading.
func takeFile(ctx context.Context) (*os.File, error) {
	c := connOf(ctx)
	if c == nil {
		return nil, fmt.Errorf("%w: no descriptor can come this way", errRequest)
	}
	f := c.take()
	if f == nil {
		return nil, fmt.Errorf("%w: the request carries no descriptor of a file", errRequest)
	}
	kind, flags, err := describe(f)
	if err == nil && (kind != unix.S_IFREG || flags&unix.O_PATH != 0 || flags&unix.O_ACCMODE == unix.O_WRONLY) {
		err = fmt.Errorf("%w: the descriptor is not a file open for reading", errRequest)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Derive sends the file itself along and closes r.File. Ending ctx ends the
// reading in the daemon.
func (c *Client) Derive(ctx context.Context, r ingest.DeriveRequest) (made ingest.DerivedView, err error) {
	defer func() { _ = r.File.Close() }()
	conn, err := c.places.dial(ctx)
	if err != nil {
		return made, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	req, err := newRequest(ctx, pathDerive, r)
	if err != nil {
		return made, err
	}
	req.Close = true
	sent := writeWithFolder(conn, req, r.File)
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return made, c.explain(ctx, cmp.Or(sent, err))
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if err := checkStatus(resp); err != nil {
		return made, err
	}
	return made, c.decode(ctx, resp, &made)
}
