package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/store"
)

// spool is the body of one request: so many bytes of a spool file. It keeps the
// error of the disk, which is none of the network: the library mixes them. A
// request that has failed may still read for a moment, hence the lock.
type spool struct {
	ctx  context.Context
	src  *os.File
	at   int64
	left int64

	mu  sync.Mutex
	err error
}

func (s *spool) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.src.ReadAt(b[:min(int64(len(b)), s.left)], s.at)
	s.passed(int64(n))
	if err == nil {
		return n, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = fmt.Errorf("%w: %w", errLocal, err)
	if errors.Is(err, io.EOF) {
		s.err = fmt.Errorf("%w: %s became shorter", store.ErrDamaged, s.src.Name())
	}
	return n, err
}

// sendTo has the kernel bring what is left to a connection.
func (s *spool) sendTo(c *conn) (int64, error) {
	n, err := c.sendFile(s.src, s.at, s.left)
	s.passed(n)
	if err != nil && !isUnsupported(err) {
		// The kernel tells the errors of both ends alike: ask the disk alone.
		_, _ = s.Read(make([]byte, 1))
	}
	return n, err
}

func (s *spool) passed(n int64) {
	s.at += n
	s.left -= n
}

// Close implements io.Closer. The file is the plan's.
func (s *spool) Close() error { return nil }

func (s *spool) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// bodyKey is where the context of a request has its spool.
type bodyKey struct{}

// bare is a carrier that sees bodies as they are. The library hides a spool from
// the connection in a type of its own.
func bare(next http.RoundTripper) http.RoundTripper {
	return carrierFunc(func(req *http.Request) (*http.Response, error) {
		if body, ok := req.Context().Value(bodyKey{}).(*spool); ok && req.Body != nil {
			req = req.WithContext(req.Context()) // a copy, as a RoundTripper must
			req.Body = body
		}
		return next.RoundTrip(req)
	})
}

func openSpool(o store.Object) (*os.File, error) {
	f, err := os.OpenFile(o.Path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is not a regular file", store.ErrDamaged, o.Path)
	}
	if err == nil && info.Size() != o.Size {
		err = fmt.Errorf("%w: %s has %d bytes instead of %d", store.ErrDamaged, o.Path, info.Size(), o.Size)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
