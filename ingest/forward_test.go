package ingest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/internal/testbench"
)

// streaming is a camera that gives files from start to end, one at a time.
type streaming struct {
	device.Tree
	open, most atomic.Int32
	opened     atomic.Int32
	parts      atomic.Int32
}

func (*streaming) Sequential() bool { return true }

func (s *streaming) Open(path string) (device.Reader, error) {
	r, err := s.Tree.Open(path)
	if err != nil {
		return nil, err
	}
	s.opened.Add(1)
	if now := s.open.Add(1); now > s.most.Load() {
		s.most.Store(now)
	}
	return &streamingFile{r, s}, nil
}

type streamingFile struct {
	device.Reader
	s *streaming
}

func (r *streamingFile) ReadAt(p []byte, off int64) (int, error) {
	r.s.parts.Add(1)
	return r.Reader.ReadAt(p, off)
}

func (r *streamingFile) Close() error {
	r.s.open.Add(-1)
	return r.Reader.Close()
}

// TestStreamingCamera: of a camera that can only stream one file is read at a
// time, and none is looked at in parts.
func TestStreamingCamera(t *testing.T) {
	dir := t.TempDir()
	files := testbench.Clips(t, dir, 6, 300_000, 9)
	folder, err := device.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	s := openStation(t, testOptions(t))
	cam := &streaming{Tree: folder}
	tree, err := s.openCamera(func() (device.Tree, error) { return cam, nil })
	if err != nil {
		t.Fatal(err)
	}
	d := s.newDocking(tree, s.newBay("b", "b", "b", false), "b", wishes{actor: "dock"})
	if err := d.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := d.bay.status(); b.Done != len(files) || cam.most.Load() != 1 || cam.parts.Load() != 0 || cam.opened.Load() < int32(len(files)) {
		t.Errorf("%d clips; %d open at once, %d opened, %d parts", b.Done, cam.most.Load(), cam.opened.Load(), cam.parts.Load())
	}
}

// leaving is a camera that is taken out when its listing has just ended.
type leaving struct {
	device.Tree
	out func()
}

func (l *leaving) Scan(ctx context.Context, fn func(device.File) error) (device.Scan, error) {
	defer l.out()
	return l.Tree.Scan(ctx, fn)
}

// TestLeavesAfterTheListing: a whole listing of a camera that has left is the end.
func TestLeavesAfterTheListing(t *testing.T) {
	s, folder := openStation(t, testOptions(t)), t.TempDir()
	testbench.Clips(t, folder, 1, 1000, 3)
	tree, err := device.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	ctx, out := context.WithCancelCause(t.Context())
	b := s.newBay("b", "b", "b", false)
	d := s.newDocking(&leaving{tree, func() { out(device.ErrGone) }}, b, "b", wishes{actor: "dock"}).in(s.sit(ctx, b, seat{}))
	if err := d.run(ctx); !errors.Is(err, device.ErrGone) || b.status().State != BayGone {
		t.Errorf("run %v, bay %+v", err, b.status())
	}
}
