package ingest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
)

// cached reports whether the page cache has the beginning of a file.
func cached(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	okay(t, err)
	defer func() { _ = f.Close() }()
	_, err = unix.Preadv2(int(f.Fd()), [][]byte{make([]byte, 1)}, 0, unix.RWF_NOWAIT)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	return err == nil
}

// awayAtFirst are options of a dock whose store comes when here is set.
func awayAtFirst(t *testing.T) (o Options, here *atomic.Bool) {
	t.Helper()
	o, here = testOptions(t), &atomic.Bool{}
	opens := o.OpenStore
	o.OpenStore = func(ctx context.Context, r StoreRequest) (store.Store, error) {
		if !here.Load() {
			return nil, store.ErrAway
		}
		return opens(ctx, r)
	}
	return o, here
}

// TestWarmUntilStored: a clip is in the page cache for as long as a store has to
// be given it, and no longer.
func TestWarmUntilStored(t *testing.T) {
	o, here := awayAtFirst(t)
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), strings.Repeat("footage ", coolFrom/8))
	_, results, err := try(t, s, cam, time.Millisecond)
	if err != nil || results["a.mp4"].State != StateRecorded {
		t.Fatalf("%+v, %v", results, err)
	}
	digest := digestFor(t, results["a.mp4"])
	if !cached(t, s.spool.path(digest)) {
		t.Error("a clip that waits for its store is not in the page cache")
	}
	here.Store(true)
	object := filepath.Join(o.State, "central", filepath.FromSlash(store.Name(digest)))
	until(t, s, "let go of", func(Status) bool { return s.queueEmpty() && !cached(t, object) })
}

// TestSecondLookAsksTheMedium: what a card changed by itself, beneath the file
// system, is seen before the camera may go.
func TestSecondLookAsksTheMedium(t *testing.T) {
	card := testbench.LoopDisk(t, 64)
	marker := []byte("the first bytes of a clip that nothing else on this disk has")
	write(t, filepath.Join(card.Mountpoint, "a.mp4"), string(marker)+strings.Repeat("footage ", passedSize/8))
	unix.Sync()
	folder, err := device.Open(card.Mountpoint)
	okay(t, err)
	defer func() { _ = folder.Close() }()
	s := openStation(t, testOptions(t))
	rot := func() {
		backing, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(card.Device), "loop/backing_file"))
		okay(t, err)
		name := strings.TrimSpace(string(backing))
		image, err := os.ReadFile(name)
		okay(t, err)
		at := bytes.Index(image, marker)
		if at < 0 {
			t.Fatal("the clip is not on its disk")
		}
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		okay(t, err)
		_, err = f.WriteAt([]byte("T"), int64(at))
		okay(t, err, f.Close())
	}
	d := s.newDocking(&meddled{Tree: folder, do: rot}, s.newBay("bay-1", "bay-1", card.Mountpoint, false), card.Mountpoint, wishes{actor: "dock"})
	okay(t, d.run(t.Context()))
	rec := closing(t, s)
	if rec.Same || len(rec.Changed) != 1 || rec.Changed[0].What[0] != differsBytes {
		t.Errorf("record %+v", rec)
	}
}

const passedSize = 8 << 20
