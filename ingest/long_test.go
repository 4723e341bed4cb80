package ingest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/hash"
)

// beside is a camera whose first long file does not end before a short one was
// read beside it and the reader of that has gone on.
type beside struct {
	device.Tree
	long, most  atomic.Int32 // long files open now, and at most
	short, next chan struct{}
}

func (b *beside) Open(path string) (device.Reader, error) {
	r, err := b.Tree.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := r.Stat()
	if err != nil || info.Size() <= hash.PartSize {
		if path == "b.mp4" {
			close(b.short)
		}
		return r, err
	}
	if now := b.long.Add(1); now > b.most.Load() {
		b.most.Store(now)
	}
	return &besideFile{Reader: r, b: b, first: path == "a.mp4"}, nil
}

type besideFile struct {
	device.Reader
	b     *beside
	first bool
	once  sync.Once
}

func (f *besideFile) Read(p []byte) (int, error) {
	if f.first {
		f.once.Do(func() { <-f.b.short; <-f.b.next })
	}
	return f.Reader.Read(p)
}

func (f *besideFile) Close() error {
	f.b.long.Add(-1)
	return f.Reader.Close()
}

// TestLongFilesInTurn: of files of several parts one is read at a time, so that the
// first is whole as soon as can be; a short one waits for none.
func TestLongFilesInTurn(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int64{"a.mp4": hash.PartSize + 1, "b.mp4": 1000, "c.mp4": hash.PartSize + 2} {
		write(t, filepath.Join(dir, name), name)
		okay(t, os.Truncate(filepath.Join(dir, name), size))
	}
	folder, err := device.Open(dir)
	okay(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	s := openStation(t, testOptions(t))
	cam := &beside{Tree: folder, short: make(chan struct{}), next: make(chan struct{})}
	d := s.newDocking(cam, s.newBay("b", "b", "b", false), "b", wishes{actor: "dock"})
	okay(t, d.scan(t.Context()), d.open(t.Context()))
	k := d.newKeeping(t.Context(), true)
	files := d.files
	if len(files) != 3 || files[1].Path != "b.mp4" {
		t.Fatalf("%d files, not in order", len(files))
	}
	err = sideBySide(t.Context(), readersPerDocking, len(files), func(ctx context.Context, i int) error {
		if i == 2 {
			close(cam.next)
		}
		return d.take(ctx, files[i], k)
	})
	okay(t, err, k.end())
	if b := d.bay.status(); b.Done != 3 || cam.most.Load() != 1 {
		t.Errorf("%d clips, %d long files open at once", b.Done, cam.most.Load())
	}
}
