package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
)

// away is the URL of a store that cannot be reached until come is called.
func away(t *testing.T) (url string, come func()) {
	t.Helper()
	blocked := filepath.Join(t.TempDir(), "not")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + filepath.Join(blocked, "mounted"), func() {
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoreRenamed: a clip that waits for a store is not let go because that
// store has another name now.
func TestStoreRenamed(t *testing.T) {
	o := testOptions(t)
	url, _ := away(t)
	o.Config.Stores = []configs.Store{{Name: "a", URL: url}}
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "the only copy")
	if sum, _, err := try(t, s, cam, 50*time.Millisecond); err != nil || sum.Recorded != 1 {
		t.Fatalf("summary %+v, %v", sum, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o.Config.Stores = []configs.Store{{Name: "b", URL: "file://" + filepath.Join(t.TempDir(), "b")}}
	s = openStation(t, o)
	if spoolFiles(t, s) != 1 {
		t.Fatal("the only copy is gone")
	}
	sum, results := take(t, s, cam, clip.Tags{})
	if sum.Known != 1 || results["a.mp4"].Error != "" {
		t.Errorf("summary %+v", sum)
	}
	if v, err := s.Show(context.Background(), results["a.mp4"].Clip); err != nil || v.State != StateStored {
		t.Errorf("clip %+v, %v", v.ClipView, err)
	}
}

// TestStoreAdded: a store that joins later gets what the others have.
func TestStoreAdded(t *testing.T) {
	o, cam := archived(t)
	second := filepath.Join(t.TempDir(), "second")
	o.Config.Stores = append(o.Config.Stores, configs.Store{Name: "second", URL: "file://" + second})
	s := openStation(t, o)
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Known != 1 || sum.Partly() {
		t.Fatalf("summary %+v", sum)
	}
	if objects, err := filepath.Glob(second + "/object/*/*"); err != nil || len(objects) != 1 {
		t.Errorf("second store has %v, %v", objects, err)
	}
}

// TestRecoverUnstored: adopting a published log lets no clip go that no store
// has yet.
func TestRecoverUnstored(t *testing.T) {
	o, _ := archived(t)
	backup, err := os.ReadFile(filepath.Join(o.State, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	url, come := away(t)
	o.Config.Stores = append(o.Config.Stores, configs.Store{Name: "far", URL: url})
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "b.mp4"), "waits for the far store")
	if sum, _, err := try(t, s, cam, 50*time.Millisecond); err != nil || sum.Recorded != 1 {
		t.Fatalf("summary %+v, %v", sum, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.State, "state.db"), backup, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(context.Background(), o, RecoverOptions{}); err != nil {
		t.Fatalf("recover: %v", err)
	}
	come()
	s = openStation(t, o)
	sum, results := take(t, s, cam, clip.Tags{})
	if sum.Known != 1 || sum.Partly() {
		t.Fatalf("summary %+v, %+v", sum, results)
	}
	if v, err := s.Show(context.Background(), results["b.mp4"].Clip); err != nil || len(v.Stores) != 2 {
		t.Errorf("clip %+v, %v", v.ClipView, err)
	}
	third := t.TempDir()
	write(t, filepath.Join(third, "c.mp4"), "a camera that was never seen")
	_, results = take(t, s, third, clip.Tags{})
	v, err := s.Show(context.Background(), results["c.mp4"].Clip)
	if err != nil || v.Device != "c003" {
		t.Errorf("the third camera is called %q, %v", v.Device, err)
	}
}

// slowStore is a store whose Put of one size waits until it is let go.
type slowStore struct {
	store.Store
	size  int64
	holds atomic.Int64
	let   chan struct{}
}

func (s *slowStore) Put(ctx context.Context, o store.Object) (store.Info, error) {
	if o.Size == s.size {
		s.holds.Add(1)
		select {
		case <-s.let:
		case <-ctx.Done():
			return store.Info{}, ctx.Err()
		}
	}
	return s.Store.Put(ctx, o)
}

// TestSlowUpload: one clip that takes long holds up neither others nor the
// publishing.
func TestSlowUpload(t *testing.T) {
	o := testOptions(t)
	slow := &slowStore{size: 777, let: make(chan struct{})}
	o.OpenStore = func(ctx context.Context, r StoreRequest) (store.Store, error) {
		st, err := openDir(ctx, r)
		slow.Store = st
		return slow, err
	}
	s := openStation(t, o)
	cam, other := t.TempDir(), t.TempDir()
	write(t, filepath.Join(cam, "slow.mp4"), strings.Repeat("s", 777))
	if sum, _, err := try(t, s, cam, 20*time.Millisecond); err != nil || sum.Recorded != 1 {
		t.Fatalf("summary %+v, %v", sum, err)
	}
	write(t, filepath.Join(other, "quick.mp4"), "quick")
	if sum, _, err := try(t, s, other, testbench.Patience); err != nil || sum.Stored != 1 {
		t.Errorf("beside a slow clip: %+v, %v", sum, err)
	}
	if slow.holds.Load() != 1 {
		t.Errorf("the slow clip was held %d times", slow.holds.Load())
	}
	close(slow.let)
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Known != 1 {
		t.Errorf("let go: %+v", sum)
	}
}

// TestLostSpoolFile: a clip whose file is lost has an alarm of its own, slows no
// other, and is mended by docking its camera again.
func TestLostSpoolFile(t *testing.T) {
	o := testOptions(t)
	url, come := away(t)
	o.Config.Stores = []configs.Store{storeAt(url)}
	s := openStation(t, o)
	cam, other := t.TempDir(), t.TempDir()
	write(t, filepath.Join(cam, "lost.mp4"), "will be lost")
	_, results, err := try(t, s, cam, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(o.State, "spool", results["lost.mp4"].SHA256)); err != nil {
		t.Fatal(err)
	}
	come()
	write(t, filepath.Join(other, "good.mp4"), "good")
	if sum, _ := take(t, s, other, clip.Tags{}); sum.Stored != 1 {
		t.Errorf("summary %+v", sum)
	}
	st := until(t, s, "alarmed", func(st Status) bool { return len(st.Alarms) == 1 && st.Alarms[0].Code == "clip_lost" })
	if st.Alarms[0].Args[0] != results["lost.mp4"].Clip {
		t.Errorf("alarms %+v", st.Alarms)
	}
	sum, again := take(t, s, cam, clip.Tags{})
	if sum.Known+sum.Stored != 1 || sum.Partly() {
		t.Errorf("docked again: %+v, %+v", sum, again)
	}
	until(t, s, "quiet", func(st Status) bool { return len(st.Alarms) == 0 })
}

// TestNoWait: a folder that is known whole is a success, however short the wait.
func TestNoWait(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	for i := range 3 {
		write(t, filepath.Join(cam, fmt.Sprint(i, ".mp4")), fmt.Sprint("clip ", i))
	}
	take(t, s, cam, clip.Tags{})
	sum, _, err := try(t, s, cam, 0)
	if err != nil || sum.Known != 3 {
		t.Errorf("summary %+v, %v", sum, err)
	}
}

// TestTooLarge: a file that no disk could hold is refused at once.
func TestTooLarge(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	huge := filepath.Join(cam, "huge.mp4")
	write(t, huge, "")
	if err := os.Truncate(huge, 16<<40-4096); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(cam, "a.mp4"), "small")
	sum, results, err := try(t, s, cam, time.Minute)
	if err != nil || sum.Stored != 1 || sum.Failed != 1 || !strings.Contains(results["huge.mp4"].Error, "whole disk") {
		t.Errorf("summary %+v, %+v, %v", sum, results, err)
	}
}
