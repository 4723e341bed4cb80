package testbench

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var (
	_ fs.FileReader   = (*reader)(nil)
	_ fs.FileReleaser = (*reader)(nil)
)

// reader is one opening of one file.
type reader struct {
	cam     *Cam
	path    string
	file    *os.File
	opening int
}

func (r *reader) Release(context.Context) syscall.Errno { return fs.ToErrno(r.file.Close()) }

func (r *reader) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	limit, errno := r.before(ctx, off, int64(len(dest)))
	if errno != 0 {
		return nil, errno
	}
	dest = dest[:limit]
	n, err := r.file.ReadAt(dest, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fs.ToErrno(err)
	}
	n, err = r.grown(dest, n, off)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	r.spoil(dest[:n], off)
	if errno := r.pace(ctx, n); errno != 0 {
		return nil, errno
	}
	return fuse.ReadResultData(dest[:n]), 0
}

// before applies the faults that delay, refuse or shorten a read of size bytes
// at off, and says how many bytes are left to read.
func (r *reader) before(ctx context.Context, off, size int64) (int64, syscall.Errno) {
	f := r.cam.faults
	for _, k := range []Kind{Hang, HangDeaf} {
		for _, a := range f.armedAt(r.path, k) {
			if off+size <= a.At || !f.fire(a) {
				continue
			}
			if errno := r.hang(ctx, a); errno != 0 {
				return 0, errno
			}
		}
	}
	for _, a := range f.armedAt(r.path, ShortRead) {
		if size > a.n() && f.fire(a) {
			size = a.n()
		}
	}
	for _, a := range f.armedAt(r.path, ReadError) {
		switch {
		case off < a.At:
			if !f.spent(a) {
				size = min(size, a.At-off)
			}
		case off < a.At+a.n() && f.fire(a):
			return 0, a.errno(syscall.EIO)
		}
	}
	for _, a := range f.armedAt(r.path, EarlyEOF) {
		switch {
		case off < a.At:
			if !f.spent(a) {
				size = min(size, a.At-off)
			}
		case f.fire(a):
			return 0, 0
		}
	}
	for _, a := range f.armedAt(r.path, Slow) {
		if f.fire(a) {
			if errno := a.pause(ctx, time.Duration(float64(size)/float64(a.n())*float64(time.Second))); errno != 0 {
				return 0, errno
			}
		}
	}
	return size, 0
}

// pace holds back n bytes until the device has had the time for them.
func (r *reader) pace(ctx context.Context, n int) syscall.Errno {
	f := r.cam.faults
	for _, a := range f.armedAt(r.path, Paced) {
		if !f.fire(a) {
			continue
		}
		if errno := a.pause(ctx, f.reserve(a, n)); errno != 0 {
			return errno
		}
	}
	return 0
}

func (r *reader) hang(ctx context.Context, a *armed) syscall.Errno {
	interrupted := ctx.Done()
	if a.Kind == HangDeaf {
		interrupted = nil
	}
	select {
	case <-a.healed:
		return 0
	case <-r.cam.gone:
		return syscall.ENODEV
	case <-interrupted:
		return syscall.EINTR
	}
}

// grown fills in the bytes that Grow added behind the n real ones.
func (r *reader) grown(dest []byte, n int, off int64) (int, error) {
	extra := r.cam.extra(r.path)
	if extra == 0 || n == len(dest) {
		return n, nil
	}
	st, err := r.file.Stat()
	if err != nil {
		return n, err
	}
	end := st.Size() + extra
	for ; n < len(dest) && off+int64(n) < end; n++ {
		dest[n] = 'g'
	}
	return n, nil
}

// spoil changes the bytes b read at off.
func (r *reader) spoil(b []byte, off int64) {
	f := r.cam.faults
	for _, a := range f.armedAt(r.path, BitFlip) {
		if i := a.At - off; i >= 0 && i < int64(len(b)) && f.fire(a) {
			b[i] ^= 1
		}
	}
	if r.opening == 0 {
		return
	}
	for _, a := range f.armedAt(r.path, Differ) {
		if i := a.At - off; i >= 0 && i < int64(len(b)) && f.fire(a) {
			b[i] += byte(r.opening)
		}
	}
}
