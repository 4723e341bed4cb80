package mount

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/custodock/custodock/device"
	"github.com/fsnotify/fsnotify"
)

// Drop is a folder into which other programs put files.
type Drop struct {
	Path  string           // absolute, without symbolic links
	Quiet time.Duration    // how long a file must stay unchanged
	Now   func() time.Time // nil is time.Now

	// Rescan is the longest time between two listings, for changes that no
	// event told of. 0 is one minute.
	Rescan time.Duration

	// Problem, when set, is told why part of the folder cannot be listed, and
	// nil when all of it can again.
	Problem func(error)
}

// The time between two listings while files keep changing lies between these.
const (
	minStep = 10 * time.Millisecond
	maxStep = 5 * time.Second
)

// WatchDrop watches the drop folder at path; see Drop.Watch.
func WatchDrop(ctx context.Context, path string, quiet time.Duration, now func() time.Time, fn func(path string) bool) error {
	return Drop{Path: path, Quiet: quiet, Now: now}.Watch(ctx, fn)
}

// Watch calls fn with the path, relative to the folder, of each file whose size
// and times have stayed the same for the quiet period, and again when it changed
// and came to rest once more. When fn reports false, the file could not be taken
// and is reported again after another quiet period. It returns the error of ctx, or device.ErrGone when
// the folder was removed, replaced or unmounted.
//
// Events only say when to look: what is there is found by listing the folder, at
// each event, at the end of a quiet period and every Rescan.
func (d Drop) Watch(ctx context.Context, fn func(path string) bool) error {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Rescan == 0 {
		d.Rescan = time.Minute
	}
	root, err := d.identity()
	if err != nil {
		return fmt.Errorf("watch drop folder: %w", err)
	}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch drop folder %q: %w", d.Path, err)
	}
	defer func() { _ = events.Close() }()
	w := &dropWatch{Drop: d, fn: fn, root: root, events: events, rest: newRest(d.Quiet)}
	return w.run(ctx)
}

func (d Drop) identity() (os.FileInfo, error) {
	f, err := device.Open(d.Path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.Stat()
}

type dropWatch struct {
	Drop
	fn     func(string) bool
	root   os.FileInfo // what the folder was at the start
	events *fsnotify.Watcher
	rest   *rest
	broken bool // Problem was told an error
}

func (w *dropWatch) run(ctx context.Context) error {
	step := min(max(w.Quiet/4, minStep), maxStep)
	timer := time.NewTimer(0)
	defer timer.Stop()
	dirty := false // an event came since the last listing, and the timer is set for it
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, ok := <-w.events.Events:
			if !ok {
				return fmt.Errorf("watch drop folder %q: watcher closed", w.Path)
			}
			if !dirty {
				dirty = true
				timer.Reset(step)
			}
		case err := <-w.events.Errors:
			if err != nil && w.Problem != nil {
				w.Problem(err) // events were lost: the listing makes up for them
			}
			if !dirty {
				dirty = true
				timer.Reset(step)
			}
		case <-timer.C:
			dirty = false
			if err := w.look(ctx); err != nil {
				return err
			}
			next := w.Rescan
			if due, ok := w.rest.wait(w.Now()); ok {
				next = min(next, max(due, step))
			}
			timer.Reset(next)
		}
	}
}

// look lists the folder once. The folder is opened for each listing, so that
// watching it keeps nobody from unmounting it.
func (w *dropWatch) look(ctx context.Context) error {
	f, err := w.open()
	if err != nil {
		return w.trouble(err)
	}
	defer func() { _ = f.Close() }()
	var ready []string
	w.rest.begin()
	_, err = f.Walk(ctx, func(file device.File) error {
		if w.rest.saw(file, w.Now()) {
			ready = append(ready, file.Path)
		}
		return nil
	}, w.watch)
	if err == nil {
		w.rest.end()
	} else if !errors.Is(err, device.ErrIncomplete) {
		return fmt.Errorf("watch drop folder: %w", err)
	}
	for _, path := range ready {
		if w.fn(path) {
			w.rest.tell(path)
		} else {
			w.rest.again(path, w.Now())
		}
	}
	return w.trouble(err)
}

// open returns ErrGone when another folder, or none, is where ours was.
func (w *dropWatch) open() (*device.Folder, error) {
	f, err := device.Open(w.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, device.ErrUnsafe) {
		return nil, fmt.Errorf("%w: %w", err, device.ErrGone)
	}
	if err != nil {
		return nil, err
	}
	now, err := f.Stat()
	if err == nil && !os.SameFile(now, w.root) {
		err = fmt.Errorf("folder %q: it was replaced or unmounted: %w", w.Path, device.ErrGone)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// trouble ends the watch when the folder is gone. Anything else, such as a lack of
// descriptors or permissions, may heal and is told once.
func (w *dropWatch) trouble(err error) error {
	if errors.Is(err, device.ErrGone) {
		return fmt.Errorf("watch drop folder: %w", err)
	}
	if w.Problem != nil && (err != nil) != w.broken {
		w.Problem(err)
	}
	w.broken = err != nil
	return nil
}

// watch asks for events of a directory before it is listed, so that nothing put
// there after the listing goes unnoticed. Where the kernel has no more watches
// to give, the periodic listing does the work.
func (w *dropWatch) watch(path string) error {
	_ = w.events.Add(filepath.Join(w.Path, path))
	return nil
}
