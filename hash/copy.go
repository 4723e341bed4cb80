package hash

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// ReadError is a failure of the source: the camera's fault.
type ReadError struct{ Err error }

// WriteError is a failure of the destination: the dock's fault.
type WriteError struct{ Err error }

func (e *ReadError) Error() string  { return e.Err.Error() }
func (e *ReadError) Unwrap() error  { return e.Err }
func (e *WriteError) Error() string { return e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }

// BufferSize is the size in bytes of the buffers in a Pool.
const BufferSize = 512 << 10

// Pool lends a fixed number of buffers to the copies that share it, so that
// memory does not grow with clips.
type Pool struct{ free chan []byte }

// NewPool allocates n buffers of BufferSize as they are first needed.
func NewPool(n int) *Pool {
	p := &Pool{free: make(chan []byte, n)}
	for range n {
		p.free <- nil
	}
	return p
}

// Take waits for a buffer of BufferSize.
func (p *Pool) Take(ctx context.Context) ([]byte, error) {
	select {
	case b := <-p.free:
		if b == nil {
			b = make([]byte, BufferSize)
		}
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Give gives a buffer back.
func (p *Pool) Give(b []byte) { p.free <- b[:BufferSize] }

// GiveUnread gives back a buffer that a read failed to fill. One that a hung read
// may still write into is never lent again: another takes its place.
func (p *Pool) GiveUnread(b []byte, err error) {
	var h holder
	if errors.As(err, &h) && h.HoldsBuffer() {
		p.free <- nil
		return
	}
	p.Give(b)
}

// holder is the error of a reader that returned before its read did.
type holder interface{ HoldsBuffer() bool }

// block is one buffer on its way to every stage; the last stage returns it.
type block struct {
	data []byte
	left atomic.Int32
}

// Copy reads r to its end, once, and feeds each buffer, never copied, to the
// digests and to w. A nil w only hashes. Read failures come as *ReadError,
// write failures as *WriteError; the Sum is meaningful without error only.
// Inputs that fit one buffer are done in the caller's goroutine.
func Copy(ctx context.Context, w io.Writer, r io.Reader, pool *Pool, withSM3 bool) (Sum, error) {
	return New(withSM3).Copy(ctx, w, r, pool)
}

// Copy is the function of that name for digests that may have seen a beginning
// already: r gives what follows it, and the Sum is of all. It is called once.
//
// A reader whose error has a method HoldsBuffer that returns true keeps the
// buffer of that read, so a read that hangs can be left behind.
func (h *Digester) Copy(ctx context.Context, w io.Writer, r io.Reader, pool *Pool) (Sum, error) {
	first, err := pool.Take(ctx)
	if err != nil {
		return Sum{}, err
	}
	n, end, err := fill(r, first)
	if err != nil {
		pool.GiveUnread(first, err)
		return Sum{}, &ReadError{err}
	}
	if end {
		defer pool.Give(first)
		return h.small(w, first[:n])
	}
	return h.pipeline(ctx, w, r, pool, first[:n])
}

// Whole is the sum of an input that is in memory.
func Whole(data []byte, withSM3 bool) Sum {
	h := New(withSM3)
	h.write(data)
	h.writeSM3(data)
	return h.sum()
}

func (h *Digester) small(w io.Writer, data []byte) (Sum, error) {
	h.write(data)
	h.writeSM3(data)
	if w != nil && len(data) > 0 {
		if _, err := w.Write(data); err != nil {
			h.torn.Store(true)
			return Sum{}, &WriteError{err}
		}
	}
	return h.sum(), nil
}

// fill reads until buf is full or the input ends.
func fill(r io.Reader, buf []byte) (n int, end bool, err error) {
	n, err = io.ReadFull(r, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, true, nil
	}
	return n, false, err
}

func (h *Digester) pipeline(parent context.Context, w io.Writer, r io.Reader, pool *Pool, first []byte) (Sum, error) {
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	stages := []func([]byte) error{func(p []byte) error { h.write(p); return nil }}
	if h.sm3 != nil {
		stages = append(stages, func(p []byte) error { h.writeSM3(p); return nil })
	}
	if w != nil {
		stages = append(stages, func(p []byte) error {
			if _, err := w.Write(p); err != nil {
				h.torn.Store(true)
				return &WriteError{err}
			}
			return nil
		})
	}
	feeds := make([]chan *block, len(stages))
	var working sync.WaitGroup
	for i, work := range stages {
		feeds[i] = make(chan *block, 4)
		working.Go(func() { stage(feeds[i], pool, work, stop) })
	}
	if err := read(ctx, r, pool, feeds, first); err != nil {
		stop(err)
	}
	for _, feed := range feeds {
		close(feed)
	}
	working.Wait()
	if err := context.Cause(ctx); err != nil {
		return Sum{}, err
	}
	return h.sum(), nil
}

// stage works through its feed to the end. After a failure it stops the reader
// and from then on only returns the buffers.
func stage(feed <-chan *block, pool *Pool, work func([]byte) error, stop context.CancelCauseFunc) {
	failed := false
	for b := range feed {
		if !failed {
			if err := work(b.data); err != nil {
				failed = true
				stop(err)
			}
		}
		if b.left.Add(-1) == 0 {
			pool.Give(b.data)
		}
	}
}

// read hands every buffer to all stages. The stages take from their feeds
// until these are closed, so a send never waits for ever.
func read(ctx context.Context, r io.Reader, pool *Pool, feeds []chan *block, data []byte) error {
	for end := false; ; {
		b := &block{data: data}
		b.left.Store(int32(len(feeds)))
		for _, feed := range feeds {
			feed <- b
		}
		if end || ctx.Err() != nil {
			return ctx.Err()
		}
		buf, err := pool.Take(ctx)
		if err != nil {
			return err
		}
		var n int
		n, end, err = fill(r, buf)
		if err != nil {
			pool.GiveUnread(buf, err)
			return &ReadError{err}
		}
		data = buf[:n]
	}
}
