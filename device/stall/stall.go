// Package stall bounds how long a device may say nothing. A read in a dying card
// or a camera that locked up can hang in the kernel where no signal reaches it;
// whoever made it must go on all the same.
//
// So each call on a device is made by a goroutine that can be left behind. When
// it has made no progress for the limit, the caller gets an error that wraps
// device.ErrHangs, and so do all later calls on that tree: at most one goroutine
// for each open file and one for the tree wait with the kernel. What the device
// answers after that is thrown away.
package stall

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/custodock/custodock/device"
)

// Error says that a device hangs. It wraps device.ErrHangs.
type Error struct {
	What  string        // was asked of the device
	After time.Duration // without progress
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: no answer for %s: %v", e.What, e.After, device.ErrHangs)
}

func (e *Error) Unwrap() error { return device.ErrHangs }

// HoldsBuffer reports that the device may still write into the buffer of the
// read that failed: it must not be used again.
func (e *Error) HoldsBuffer() bool { return true }

// Tree is a device.Tree whose calls end.
type Tree struct {
	tree  device.Tree
	limit func() time.Duration
	hung  atomic.Pointer[Error]
}

var _ device.Tree = (*Tree)(nil)

// Open makes a tree with open, which may touch the device, and bounds that call
// as those of the tree. limit is asked at each call.
func Open(limit func() time.Duration, open func() (device.Tree, error)) (*Tree, error) {
	t := &Tree{limit: limit}
	tree, err := ask(t, "open the camera", open, func(late device.Tree) { _ = late.Close() })
	if err != nil {
		return nil, err
	}
	t.tree = tree
	return t, nil
}

// ask makes one call and waits for its answer. One that comes too late is given
// to late.
func ask[T any](t *Tree, what string, call func() (T, error), late func(T)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if err := t.failed(); err != nil {
		return none, err
	}
	answers := make(chan answer, 1)
	var settled atomic.Bool // by whoever is first: the answer, or the end of patience
	go func() {
		value, err := call()
		switch {
		case settled.CompareAndSwap(false, true):
			answers <- answer{value, err}
		case err == nil && late != nil:
			late(value)
		}
	}()
	limit := t.limit()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-timer.C:
	}
	if settled.CompareAndSwap(false, true) {
		return none, t.fail(what, limit)
	}
	a := <-answers
	return a.value, a.err
}

// failed is the error of a tree that hangs.
func (t *Tree) failed() error {
	if e := t.hung.Load(); e != nil {
		return e
	}
	return nil
}

// fail marks the tree; the first reason stays.
func (t *Tree) fail(what string, after time.Duration) error {
	t.hung.CompareAndSwap(nil, &Error{What: what, After: after})
	return t.hung.Load()
}

// Behind is the tree itself. What is called on it may hang.
func (t *Tree) Behind() device.Tree { return t.tree }

// Path is that of the tree.
func (t *Tree) Path() string { return t.tree.Path() }

// MountRoot is that of the tree.
func (t *Tree) MountRoot() bool { return t.tree.MountRoot() }

// Coarse is that of the tree, false when the device hangs.
func (t *Tree) Coarse() bool {
	coarse, err := ask(t, "look at its file system", func() (bool, error) { return t.tree.Coarse(), nil }, nil)
	return err == nil && coarse
}

// Identities are those of the tree, none when the device hangs.
func (t *Tree) Identities() []device.Identity {
	ids, _ := ask(t, "ask who it is", func() ([]device.Identity, error) { return t.tree.Identities(), nil }, nil)
	return ids
}

// Alive asks the tree.
func (t *Tree) Alive(ctx context.Context) error {
	_, err := ask(t, "look for the camera", func() (struct{}, error) { return struct{}{}, t.tree.Alive(ctx) }, nil)
	return err
}

// Close lets the tree go; it waits for that no longer than for anything else.
func (t *Tree) Close() error {
	if t.failed() != nil {
		go func() { _ = t.tree.Close() }()
		return nil
	}
	_, err := ask(t, "close the camera", func() (struct{}, error) { return struct{}{}, t.tree.Close() }, nil)
	return err
}

// Open opens a file of the tree.
func (t *Tree) Open(path string) (device.Reader, error) {
	if err := t.failed(); err != nil {
		return nil, err
	}
	r, err := openReader(t, func() (device.Reader, error) { return t.tree.Open(path) })
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Load reads a small file of the tree whole, which is one call as reading on is.
func (t *Tree) Load(path string, buf []byte) (device.Loaded, error) {
	return ask(t, "read", func() (device.Loaded, error) { return device.Load(t.tree, path, buf) }, nil)
}

// walker tells of directories too, so that a listing of many without a file is
// seen to go on.
type walker interface {
	Walk(ctx context.Context, file func(device.File) error, dir func(path string) error) (device.Scan, error)
}

// Scan lists the tree. Each name is progress. fn is never called after Scan has
// returned.
func (t *Tree) Scan(ctx context.Context, fn func(device.File) error) (device.Scan, error) {
	if err := t.failed(); err != nil {
		return device.Scan{}, err
	}
	l := &listing{tree: t, fn: fn, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		if w, ok := t.tree.(walker); ok {
			l.scan, l.err = w.Walk(ctx, l.file, l.dir)
			return
		}
		l.scan, l.err = t.tree.Scan(ctx, l.file)
	}()
	return l.wait()
}

// listing is one scan under way.
type listing struct {
	tree *Tree
	fn   func(device.File) error

	ended chan struct{}
	scan  device.Scan
	err   error

	mu    sync.Mutex
	steps int
	left  bool // behind: nobody listens any more
}

func (l *listing) file(f device.File) error { return l.step(func() error { return l.fn(f) }) }

func (l *listing) dir(string) error { return l.step(func() error { return nil }) }

func (l *listing) step(do func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left {
		return device.ErrHangs
	}
	l.steps++
	return do()
}

func (l *listing) wait() (device.Scan, error) {
	limit := l.tree.limit()
	tick := time.NewTicker(limit)
	defer tick.Stop()
	for last := 0; ; {
		select {
		case <-l.ended:
			return l.scan, l.err
		case <-tick.C:
		}
		l.mu.Lock()
		if l.left = l.steps == last; l.left {
			l.mu.Unlock()
			return device.Scan{}, l.tree.fail("list the camera", limit)
		}
		last = l.steps
		l.mu.Unlock()
	}
}
