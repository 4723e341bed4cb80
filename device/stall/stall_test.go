package stall

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/custodock/custodock/device"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a device whose calls wait for healed when they are named in hangs.
type fake struct {
	device.Tree
	hangs  string
	healed chan struct{}
	closed atomic.Int32
	files  int
	pause  time.Duration // before each file of a listing
	calls  atomic.Int32
	last   []byte // buffer of the last read
}

func (f *fake) at(what string) {
	f.calls.Add(1)
	if f.hangs == what {
		<-f.healed
	}
}

func (f *fake) Coarse() bool                       { f.at("coarse"); return true }
func (f *fake) Identities() []device.Identity      { f.at("identities"); return []device.Identity{{}} }
func (f *fake) Alive(context.Context) error        { f.at("alive"); return nil }
func (f *fake) Close() error                       { f.at("close tree"); f.closed.Add(1); return nil }
func (f *fake) Open(string) (device.Reader, error) { f.at("open"); return &file{f}, nil }

func (f *fake) Scan(_ context.Context, fn func(device.File) error) (device.Scan, error) {
	for range f.files {
		<-time.After(f.pause)
		if err := fn(device.File{}); err != nil {
			return device.Scan{}, err
		}
	}
	f.at("scan")
	if f.hangs == "scan" {
		return device.Scan{}, fn(device.File{Path: "late"})
	}
	return device.Scan{Files: f.files}, nil
}

type file struct{ f *fake }

func (r *file) Read(p []byte) (int, error) {
	r.f.last = p
	r.f.at("read")
	clear(p) // what a late answer does
	return len(p), nil
}
func (r *file) ReadAt(p []byte, _ int64) (int, error) { r.f.at("read at"); return len(p), io.EOF }
func (r *file) Stat() (os.FileInfo, error)            { r.f.at("stat"); return info{}, nil }
func (r *file) Close() error                          { r.f.at("close"); r.f.closed.Add(1); return nil }

// info is of a file of one byte.
type info struct{ os.FileInfo }

func (info) Size() int64 { return 1 }

const limit = time.Minute

func wrap(t *testing.T, f *fake) *Tree {
	t.Helper()
	f.healed = make(chan struct{})
	tree, err := Open(func() time.Duration { return limit }, func() (device.Tree, error) { f.at("open tree"); return f, nil })
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestHangs has each call hang in turn: it ends after the limit and not before,
// the error says so, later calls end at once, and what the device answers in the
// end is closed.
func TestHangs(t *testing.T) {
	calls := map[string]func(*Tree) error{
		"alive": func(tr *Tree) error { return tr.Alive(context.Background()) },
		"scan": func(tr *Tree) error {
			_, err := tr.Scan(context.Background(), func(f device.File) error {
				if f.Path == "late" {
					panic("called after the end")
				}
				return nil
			})
			return err
		},
		"open": func(tr *Tree) error { _, err := tr.Open("a"); return err },
		"read": func(tr *Tree) error {
			return use(tr, func(r device.Reader) error { _, err := r.Read(make([]byte, 9)); return err })
		},
		"read at": func(tr *Tree) error {
			return use(tr, func(r device.Reader) error { _, err := r.ReadAt(make([]byte, 9), 0); return err })
		},
		"stat":   func(tr *Tree) error { return use(tr, func(r device.Reader) error { _, err := r.Stat(); return err }) },
		"close":  func(tr *Tree) error { return use(tr, func(device.Reader) error { return nil }) },
		"coarse": func(tr *Tree) error { tr.Coarse(); return tr.failed() },
		"identities": func(tr *Tree) error {
			if tr.Identities() != nil {
				return errors.New("identities of a device that hangs")
			}
			return tr.failed()
		},
		"close tree": func(tr *Tree) error { return tr.Close() },
	}
	for _, what := range []string{"open", "read", "stat", "close"} {
		calls["load: "+what] = func(tr *Tree) error { _, err := tr.Load("a", make([]byte, 9)); return err }
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			what := strings.TrimPrefix(name, "load: ")
			synctest.Test(t, func(t *testing.T) {
				f := &fake{hangs: what}
				tree := wrap(t, f)
				start := time.Now()
				err := call(tree)
				if !errors.Is(err, device.ErrHangs) || time.Since(start) < limit || time.Since(start) > 2*limit {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
				before := f.calls.Load()
				start = time.Now()
				if err := tree.Alive(t.Context()); !errors.Is(err, device.ErrHangs) || time.Since(start) != 0 || f.calls.Load() != before {
					t.Errorf("a device that hangs was asked again: %v", err)
				}
				if err := tree.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
				close(f.healed)
				synctest.Wait()
				opened := int32(1) // the tree
				switch what {
				case "open", "read", "read at", "stat", "close":
					opened++
				case "close tree":
					opened++ // it is asked once more
				}
				if f.closed.Load() != opened {
					t.Errorf("%d of %d closed", f.closed.Load(), opened)
				}
			})
		})
	}
}

func use(tr *Tree, do func(device.Reader) error) error {
	r, err := tr.Open("a")
	if err != nil {
		return err
	}
	return errors.Join(do(r), r.Close())
}

func TestOpeningHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{healed: make(chan struct{})}
		_, err := Open(func() time.Duration { return limit }, func() (device.Tree, error) { <-f.healed; return f, nil })
		var e *Error
		if !errors.As(err, &e) || e.After != limit || !e.HoldsBuffer() {
			t.Errorf("opened: %v", err)
		}
		close(f.healed)
		synctest.Wait()
		if f.closed.Load() != 1 {
			t.Error("a tree that came late was not closed")
		}
	})
}

// TestProgress: what is slow and goes on is no hang.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{files: 10, pause: limit - time.Second}
		tree := wrap(t, f)
		scan, err := tree.Scan(t.Context(), func(device.File) error { return nil })
		if err != nil || scan.Files != 10 {
			t.Errorf("%+v, %v", scan, err)
		}
		r, err := tree.Open("a")
		if err != nil {
			t.Fatal(err)
		}
		p := []byte{1, 2}
		if n, err := r.Read(p); n != 2 || err != nil || &f.last[0] != &p[0] {
			t.Errorf("read %d, %v, or through a copy", n, err)
		}
		<-time.After(2 * limit)
		if n, err := r.ReadAt(p, 5); n != 2 || err != io.EOF {
			t.Errorf("read at: %d, %v", n, err)
		}
		if err := errors.Join(r.Close(), tree.Close()); err != nil || f.closed.Load() != 2 {
			t.Errorf("closed %d, %v", f.closed.Load(), err)
		}
		if _, err := r.Read(p); !errors.Is(err, os.ErrClosed) && !errors.Is(err, device.ErrHangs) {
			t.Errorf("read of a closed file: %v", err)
		}
	})
}

// BenchmarkRead is what a bounded read costs beside the read itself.
func BenchmarkRead(b *testing.B) {
	f := &fake{}
	tree := &Tree{tree: f, limit: func() time.Duration { return limit }}
	r, err := tree.Open("a")
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Read(p); err != nil {
			b.Fatal(err)
		}
	}
	_ = r.Close()
}
