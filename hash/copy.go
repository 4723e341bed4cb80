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

func (p *Pool) take(ctx context.Context) ([]byte, error) {
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

func (p *Pool) give(b []byte) { p.free <- b[:BufferSize] }

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
	d := newDigests(withSM3)
	first, err := pool.take(ctx)
	if err != nil {
		return Sum{}, err
	}
	n, end, err := fill(r, first)
	if err != nil {
		pool.give(first)
		return Sum{}, &ReadError{err}
	}
	if end {
		defer pool.give(first)
		return small(w, d, first[:n])
	}
	return pipeline(ctx, w, r, pool, d, first[:n])
}

func small(w io.Writer, d *digests, data []byte) (Sum, error) {
	d.write(data)
	d.writeSM3(data)
	if w != nil && len(data) > 0 {
		if _, err := w.Write(data); err != nil {
			return Sum{}, &WriteError{err}
		}
	}
	return d.sum(), nil
}

// fill reads until buf is full or the input ends.
func fill(r io.Reader, buf []byte) (n int, end bool, err error) {
	n, err = io.ReadFull(r, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, true, nil
	}
	return n, false, err
}

func pipeline(parent context.Context, w io.Writer, r io.Reader, pool *Pool, d *digests, first []byte) (Sum, error) {
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	stages := []func([]byte) error{func(p []byte) error { d.write(p); return nil }}
	if d.sm3 != nil {
		stages = append(stages, func(p []byte) error { d.writeSM3(p); return nil })
	}
	if w != nil {
		stages = append(stages, func(p []byte) error {
			if _, err := w.Write(p); err != nil {
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
	return d.sum(), nil
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
			pool.give(b.data)
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
		buf, err := pool.take(ctx)
		if err != nil {
			return err
		}
		var n int
		n, end, err = fill(r, buf)
		if err != nil {
			pool.give(buf)
			return &ReadError{err}
		}
		data = buf[:n]
	}
}
