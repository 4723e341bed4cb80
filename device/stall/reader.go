package stall

import (
	"os"
	"sync"
	"time"

	"github.com/custodock/custodock/device"
)

// reader is one open file. Its worker alone touches the file, one call at a
// time, and closes it.
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
	read kind = iota
	readAt
	stat
)

var names = [...]string{read: "read", readAt: "read", stat: "look at a file"}

type answer struct {
	n    int
	info os.FileInfo
	err  error
}

func newReader(t *Tree, file device.Reader) *reader {
	r := &reader{
		tree: t, timer: time.NewTimer(time.Hour),
		calls: make(chan call), answers: make(chan answer, 1), ended: make(chan struct{}),
	}
	r.timer.Stop()
	go r.work(file)
	return r
}

func (r *reader) work(file device.Reader) {
	defer close(r.ended)
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
	limit := r.tree.limit()
	r.timer.Reset(limit)
	defer r.timer.Stop()
	r.calls <- c // the worker waits for it
	select {
	case a := <-r.answers:
		return a
	case <-r.timer.C:
	}
	r.closed = true
	close(r.calls)
	return answer{err: r.tree.fail(names[c.kind], limit)}
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
