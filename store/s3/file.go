package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"

	"github.com/minio/crc64nvme"

	"github.com/custodock/custodock/store"
)

// file reads one version, in order and at any place. When a connection breaks
// it goes on at the same place of the same version.
type file struct {
	r      *Reader
	ctx    context.Context
	cancel context.CancelFunc
	head   head
	body   io.ReadCloser
	at     int64 // where reading in order is
	broken int   // connections since the last byte
	sum    hash.Hash
	want   []byte // of sum at the end, nil when nothing is known
	err    error  // that ended it
}

// Open implements store.Reader. The version that is newest now is the one that
// is read to the end; its bytes are compared with the checksum the store keeps,
// else with the digest in the name of an object.
func (r *Reader) Open(ctx context.Context, name, version string) (store.File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &file{r: r, ctx: ctx, cancel: cancel, head: head{info: store.Info{Name: name}, pin: pinOf(name, version)}}
	err := r.do(ctx, func() error {
		body, o, _, err := r.core.GetObject(ctx, r.where.bucket, r.key(name), f.head.pin.options())
		if err != nil {
			return err
		}
		h, err := newHead(name, o, o.Size)
		if err != nil {
			_ = body.Close()
			return err
		}
		f.head, f.body = h, body
		return nil
	})
	if err != nil {
		cancel()
		return nil, r.inStore("open", name, reading(err))
	}
	f.expect()
	return f, nil
}

// expect decides what the bytes are compared with.
func (f *file) expect() {
	switch {
	case f.head.crcd:
		f.sum = crc64nvme.New()
		f.want = f.head.crcBytes()
	case isObject(f.head.info.Name):
		if d, err := hex.DecodeString(path.Base(f.head.info.Name)); err == nil && len(d) == sha256.Size {
			f.sum, f.want = sha256.New(), d
		}
	}
}

func (f *file) Info() store.Info { return f.head.info }

func (f *file) Close() error {
	f.cancel()
	if f.body == nil {
		return nil
	}
	return f.body.Close()
}

// Read ends with io.EOF only after all bytes came and were the right ones.
func (f *file) Read(p []byte) (int, error) {
	for f.err == nil && len(p) > 0 {
		if f.at == f.head.info.Size {
			f.err = f.finish()
			break
		}
		n, err := f.next(p)
		if n > 0 {
			f.at += int64(n)
			f.broken = 0
			if f.sum != nil {
				_, _ = f.sum.Write(p[:n]) // never fails: see hash.Hash
			}
			return n, nil
		}
		if err != nil {
			f.err = f.again(err)
		}
	}
	return 0, f.err
}

// next reads on, from a new connection where there is none.
func (f *file) next(p []byte) (int, error) {
	if f.body == nil {
		body, err := f.span(f.at, f.head.info.Size-1)
		if err != nil {
			return 0, err
		}
		f.body = body
	}
	left := f.head.info.Size - f.at
	n, err := f.body.Read(p[:min(int64(len(p)), left)])
	if err != nil {
		_ = f.body.Close()
		f.body = nil
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // unless these were the last bytes, which Read looks at first
		}
	}
	return n, err
}

// again says whether another connection is worth a try.
func (f *file) again(err error) error {
	if f.ctx.Err() != nil {
		return f.ctx.Err()
	}
	if f.broken++; f.broken < tries && isTemporary(err) {
		return f.r.wait(f.ctx, f.broken)
	}
	return f.r.inStore("read", f.head.info.Name, reading(err))
}

func (f *file) finish() error {
	if f.want != nil && !bytes.Equal(f.sum.Sum(nil), f.want) {
		return fmt.Errorf("read %s: %w: the store gives other bytes than it was given; verify the store", f.head.info.Name, store.ErrDamaged)
	}
	return io.EOF
}

// span asks for the bytes from one place to another, both included.
func (f *file) span(from, to int64) (body io.ReadCloser, err error) {
	err = f.r.do(f.ctx, func() error {
		o := f.head.pin.options()
		o.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to))
		b, _, h, err := f.r.core.GetObject(f.ctx, f.r.where.bucket, f.r.key(f.head.info.Name), o)
		if err != nil {
			return err
		}
		first, last, size, err := rangeOf(h)
		if err != nil || first != from || last != to || size != f.head.info.Size {
			_ = b.Close()
			return &strangerError{what: "an answer with other bytes than it was asked for"}
		}
		body = b
		return nil
	})
	if err != nil {
		return nil, spent{err}
	}
	return body, nil
}

// spent is an error after all the tries there are.
type spent struct{ error }

func (s spent) Unwrap() error { return s.error }

// ReadAt asks for just these bytes. They cannot be compared with anything.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read at a negative place")
	}
	want := int64(len(p))
	if left := f.head.info.Size - off; left < want {
		want = max(left, 0)
	}
	done := 0
	for broken := 0; int64(done) < want; {
		n, err := f.readSpan(p[done:want], off+int64(done))
		done += n
		if n > 0 {
			broken = 0
		}
		if err == nil {
			continue
		}
		if broken++; broken >= tries || !isTemporary(err) {
			return done, f.r.inStore("read", f.head.info.Name, reading(err))
		}
		if err := f.r.wait(f.ctx, broken); err != nil {
			return done, err
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

func (f *file) readSpan(p []byte, off int64) (int, error) {
	body, err := f.span(off, off+int64(len(p))-1)
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(body, p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, errors.Join(err, body.Close())
}
