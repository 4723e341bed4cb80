package ptp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"

	"github.com/custodock/custodock/device"
)

// chunk is how many bytes of a file one transaction asks for.
const chunk = 512<<10 - 32

// safe makes a number of bytes one at which no packet is full at the end. Some
// devices hang, or leave out the packet of no bytes that should follow, when the
// data of a partial read end where a packet does. Packets have 64, 512 or 1024
// bytes, and the header of 12 may come with the data or alone, so neither n nor
// n+12 may be a multiple of 64. The few bytes left out come with the next read.
func safe(n int64) int64 {
	if n%64 == 0 || (n+headerSize)%64 == 0 {
		return n - 8
	}
	return n
}

// Reader is one open file of a device. Read is called by one goroutine at a
// time; Stat, ReadAt and Close may be called beside it.
type Reader struct {
	s      *Session
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu    sync.Mutex
	o     object
	holds bool // the session's streams

	off  int64  // of the next Read
	buf  []byte // one chunk
	rest []byte // of it, not yet read
	sum  uint32 // of all that a stream gave before off
}

// Open opens the file that a listing gave that path. The error is
// os.ErrNotExist when the device does not have it any more.
func (s *Session) Open(path string) (device.Reader, error) {
	o, err := s.find(s.ctx, path)
	if err != nil {
		return nil, s.wrap("open", fmt.Errorf("%.300q: %w", path, err))
	}
	r := &Reader{s: s, o: o}
	r.ctx, r.cancel = context.WithCancel(s.ctx)
	if _, err := r.Stat(); err != nil {
		r.cancel()
		return nil, err
	}
	return r, nil
}

// Stat asks the device what the file is now.
func (r *Reader) Stat() (os.FileInfo, error) {
	var err error
	for range tries {
		o := r.object()
		var info ObjectInfo
		info, err = r.s.describe(r.ctx, o.handle, o.epoch)
		if errors.Is(err, errAnew) {
			if err = r.relocate(); err == nil {
				continue
			}
		}
		if err == nil && (info.Format == formatFolder || info.Name != o.info.Name) {
			err = ErrChanged // the handle was given to another object
		}
		if err != nil {
			return nil, r.wrap("stat", err)
		}
		o.info = info
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.o.epoch == o.epoch {
			r.o = o
		}
		return fileInfo{o}, nil
	}
	return nil, r.wrap("stat", err)
}

func (r *Reader) object() object {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.o
}

// relocate finds the file in a session that was opened anew. It has to be the
// same, or half of one file would be followed by half of another.
func (r *Reader) relocate() error {
	was := r.object()
	now, err := r.s.find(r.ctx, was.path)
	if err != nil {
		return err
	}
	if now.info.Size != was.info.Size || now.info.Name != was.info.Name || !now.info.modTime().Equal(was.info.modTime()) {
		return ErrChanged
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.o = now
	return nil
}

// Read gives the next bytes up to the size that Stat told last.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.rest) == 0 {
		left := r.object().info.Size - r.off
		if left <= 0 {
			r.release()
			return 0, io.EOF
		}
		op := r.method()
		if op == opObject {
			return r.stream(p[:min(int64(len(p)), left)])
		}
		if r.buf == nil {
			r.buf = make([]byte, 0, chunk)
		}
		part, err := r.partial(r.buf, r.off, min(chunk, left))
		if errors.Is(err, errMethod) {
			return r.Read(p)
		}
		if err != nil {
			return 0, r.wrap("read", err)
		}
		r.rest = part
		r.sum = digest(r.sum, part)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	r.off += int64(n)
	return n, nil
}

// ReadAt reads without moving the place of Read. A device that gives files from
// their start only is read up to that place, which takes as long.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, r.wrap("read", os.ErrInvalid)
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		left := r.object().info.Size - at
		if left <= 0 {
			return n, io.EOF
		}
		want := min(int64(len(p)-n), left)
		if r.method() == opObject {
			if err := r.again(p[n:n+int(want)], at); err != nil {
				return n, r.wrap("read", err)
			}
			n += int(want)
			continue
		}
		part, err := r.partial(nil, at, min(chunk, want))
		if errors.Is(err, errMethod) {
			continue
		}
		if err != nil {
			return n, r.wrap("read", err)
		}
		n += copy(p[n:], part)
	}
	return n, nil
}

// errMethod says that the device does not know an operation that it offers.
var errMethod = errors.New("another operation is needed")

// method is the operation that reads this file: by parts where the device
// offers that, in 32 bits for files whose every offset fits.
func (r *Reader) method() operation {
	r.s.mu.Lock()
	no64, no32 := r.s.no64, r.s.no32
	r.s.mu.Unlock()
	switch {
	case r.s.info.offers(opPartial64) && !no64:
		return opPartial64
	case r.s.info.offers(opPartial) && !no32 && r.object().info.Size <= math.MaxUint32:
		return opPartial
	}
	return opObject
}

// partial reads at most n bytes at off, and never none without an error.
func (r *Reader) partial(into []byte, off, n int64) ([]byte, error) {
	n = safe(n)
	var last error
	for range tries {
		o := r.object()
		q := question{op: r.method(), limit: int(n), into: into}
		switch q.op {
		case opPartial64:
			q.params = []uint32{o.handle, uint32(off), uint32(off >> 32), uint32(n)}
		case opPartial:
			q.params = []uint32{o.handle, uint32(off), uint32(n)}
		default:
			return nil, errMethod
		}
		a, _, err := r.s.askIn(r.ctx, q, o.epoch)
		switch {
		case errors.Is(err, errAnew):
			if err := r.relocate(); err != nil {
				return nil, err
			}
			last = err
			continue
		case answered(err, respUnsupported):
			r.s.mu.Lock()
			r.s.no64 = r.s.no64 || q.op == opPartial64
			r.s.no32 = r.s.no32 || q.op == opPartial
			r.s.mu.Unlock()
			return nil, errMethod
		case err == nil && len(a.data) == 0:
			err = io.ErrUnexpectedEOF
		}
		return a.data, err
	}
	return nil, last
}

// Close ends a Read under way.
func (r *Reader) Close() error {
	r.cancel()
	r.release()
	return nil
}

// release lets the next reader stream.
func (r *Reader) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.holds {
		r.holds = false
		r.s.streams <- struct{}{}
	}
}

// wrap names the file and the device.
func (r *Reader) wrap(act string, err error) error {
	if r.ctx.Err() != nil && r.s.ctx.Err() == nil && errors.Is(err, context.Canceled) {
		err = os.ErrClosed
	}
	return r.s.wrap(act, fmt.Errorf("%.300q: %w", r.object().path, err))
}
