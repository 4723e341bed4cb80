package media

import (
	"errors"
	"fmt"
	"io"
)

// The limits of one probe. 1 MiB holds the headers of a real recording many
// times over; what is behind them is stepped over, not read.
const (
	maxRead  = 1 << 20
	maxSteps = 4096
)

// source is a file with a budget: bytes read and steps taken are counted, and
// no read leaves the file. One source is one probe; the parts of a file share
// it.
type source struct {
	r    io.ReaderAt
	size int64
	left int64 // bytes that may still be read
	step int   // boxes, chunks, frames and markers seen
}

func newSource(r io.ReaderAt, size int64) *source {
	return &source{r: r, size: max(size, 0), left: maxRead}
}

// next counts one step.
func (s *source) next() error {
	if s.step++; s.step > maxSteps {
		return errSteps
	}
	return nil
}

// at returns exactly n bytes from off.
func (s *source) at(off int64, n int) ([]byte, error) {
	if off < 0 || n < 0 || off > s.size || int64(n) > s.size-off {
		return nil, fmt.Errorf("truncated: needs %d bytes at %d, the file has %d", n, off, s.size)
	}
	if int64(n) > s.left {
		return nil, errBudget
	}
	s.left -= int64(n)
	b := make([]byte, n)
	got, err := s.r.ReadAt(b, off)
	if got == n {
		return b, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, fmt.Errorf("read %d bytes at %d: %w", n, off, err)
}

// upTo returns n bytes from off, or as many as the file has there.
func (s *source) upTo(off int64, n int) ([]byte, error) {
	if off < 0 || off >= s.size {
		return nil, nil
	}
	return s.at(off, int(min(int64(n), s.size-off)))
}

// span is a part of a file, from inclusive, to exclusive.
type span struct{ from, to int64 }

func (p span) len() int64 { return p.to - p.from }

// head returns the first bytes of p, at most n.
func (s *source) head(p span, n int) ([]byte, error) {
	return s.upTo(p.from, int(min(int64(n), max(p.len(), 0))))
}
