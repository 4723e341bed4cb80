package stall

import (
	"os"
	"sync"
	"time"

	"github.com/custodock/custodock/device"
)

// reader is one open file. Its worker alone touches the file: it opens it, makes
// one call at a time, and closes it.
type reader struct {
	tree *Tree

	mu      sync.Mutex
	closed  bool
	timer   *time.Timer
	calls   chan call
	answers chan answer   // with room for one, so that a worker left behind ends
	ended   chan struct{} // the file is closed
	err     error         // of closing it
}

type call struct {
	kind kind
	p    []byte
	off  int64
}

type kind int

const (
	opening kind = iota
	read
	readAt
	stat
)

var names = [...]string{opening: "open a file", read: "read", readAt: "read", stat: "look at a file"}

type answer struct {
	n    int
	info os.FileInfo
	err  error
}

// openReader opens a file with open.
func openReader(t *Tree, open func() (device.Reader, error)) (*reader, error) {
	r := &reader{
		tree: t, timer: time.NewTimer(t.limit()),
		calls: make(chan call), answers: make(chan answer, 1), ended: make(chan struct{}),
	}
	go r.work(open)
	if a := r.answer(opening); a.err != nil {
		return nil, a.err
	}
	return r, nil
}

func (r *reader) work(open func() (device.Reader, error)) {
	defer close(r.ended)
	file, err := open()
	r.answers <- answer{err: err}
	if err != nil {
		return
	}
	for c := range r.calls {
		var a answer
		switch c.kind {
		case read:
			a.n, a.err = file.Read(c.p)
		case readAt:
			a.n, a.err = file.ReadAt(c.p, c.off)
		case stat:
			a.info, a.err = file.Stat()
		}
		r.answers <- a
	}
	r.err = file.Close()
}

// ask makes one call. After one that hung the file answers no other.
func (r *reader) ask(c call) answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return answer{err: os.ErrClosed}
	}
	if err := r.tree.failed(); err != nil {
		return answer{err: err}
	}
	r.timer.Reset(r.tree.limit())
	r.calls <- c // the worker waits for it
	return r.answer(c.kind)
}

// answer waits for that of the one call under way, as long as the timer runs.
func (r *reader) answer(k kind) answer {
	defer r.timer.Stop()
	select {
	case a := <-r.answers:
		return a
	case <-r.timer.C:
	}
	r.closed = true
	close(r.calls)
	return answer{err: r.tree.fail(names[k], r.tree.limit())}
}

// Read reads on.
func (r *reader) Read(p []byte) (int, error) {
	a := r.ask(call{kind: read, p: p})
	return a.n, a.err
}

// ReadAt reads at an offset.
func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	a := r.ask(call{kind: readAt, p: p, off: off})
	return a.n, a.err
}

// Stat asks the device for the file as it is now.
func (r *reader) Stat() (os.FileInfo, error) {
	a := r.ask(call{kind: stat})
	return a.info, a.err
}

// Close closes the file. It does not wait for a call that hangs.
func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil // left behind: the worker closes it when the device lets it go
	}
	r.closed = true
	close(r.calls)
	limit := r.tree.limit()
	r.timer.Reset(limit)
	defer r.timer.Stop()
	select {
	case <-r.ended:
		return r.err
	case <-r.timer.C:
		return r.tree.fail("close a file", limit)
	}
}
