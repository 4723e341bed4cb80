package ingest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// hands are those of a clock that stands still until they are moved.
type hands struct {
	mu sync.Mutex
	t  time.Time
}

func (h *hands) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.t
}

func (h *hands) move(d time.Duration) {
	h.mu.Lock()
	h.t = h.t.Add(d)
	h.mu.Unlock()
}

func evening() *hands { return &hands{t: time.Date(2026, 9, 2, 18, 0, 0, 0, time.UTC)} }

// codes are the alarms that stand, each with what it speaks of.
func codes(t *testing.T, s *Station) []string {
	t.Helper()
	st, err := s.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return codesOf(st)
}

func codesOf(st Status) []string {
	out := []string{}
	for _, al := range st.Alarms {
		out = append(out, strings.Join(append([]string{al.Code}, al.Args...), " "))
	}
	return out
}

// TestOldAndLate: clips that wait too long are told of, and no more once they
// are stored.
func TestOldAndLate(t *testing.T) {
	o, clock := testOptions(t), evening()
	o.Now = clock.now
	far, come := away(t)
	o.Config.Stores = []configs.Store{{Name: "near", URL: "file://" + filepath.Join(t.TempDir(), "near")}, {Name: "far", URL: far}}
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	write(t, filepath.Join(cam, "b.mp4"), "b")
	aged(t, clock.now().Add(-time.Hour), filepath.Join(cam, "a.mp4"), filepath.Join(cam, "b.mp4"))
	_, results, err := try(t, s, cam, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	first := min(results["a.mp4"].Clip, results["b.mp4"].Clip)
	for _, step := range []struct {
		more time.Duration
		want []string
	}{
		{6 * time.Hour, []string{"store_unreachable far"}},
		{time.Second, []string{"store_unreachable far", "queue_old far"}},
		{18 * time.Hour, []string{"late 2 " + first, "store_unreachable far", "queue_old far"}},
	} {
		clock.move(step.more)
		if d := cmp.Diff(step.want, codes(t, s)); d != "" {
			t.Errorf("%s later: %s", step.more, d)
		}
	}
	if al, _ := s.alarms.stands("late"); !strings.Contains(al.Text, first) || al.Since != clock.now() {
		t.Errorf("alarm %+v", al)
	}
	if found, err := s.Doctor(context.Background()); err != nil || !slices.ContainsFunc(found, func(c Condition) bool {
		return c.Code == "alarm" && cmp.Equal(c.Args, []string{"late", "2", first})
	}) {
		t.Errorf("doctor says %+v, %v", found, err)
	}
	cfg := *s.conf()
	cfg.Copies.Stored = 1
	s.cfg.Store(&cfg)
	if _, late := s.alarms.stands("late"); !late || slices.Contains(codes(t, s), "late 2 "+first) {
		t.Error("one store is enough, and one has them")
	}
	cfg.Copies.Stored = 0
	s.cfg.Store(&cfg)
	come()
	until(t, s, "quiet", func(st Status) bool { return len(st.Alarms) == 0 })
}

// TestManyLate: the first rows of a long queue say enough.
func TestManyLate(t *testing.T) {
	o, clock := testOptions(t), evening()
	o.Now = clock.now
	far, _ := away(t)
	o.Config.Stores = []configs.Store{storeAt(far)}
	s := openStation(t, o)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for n := range int64(rowsLooked + 10) {
			e := manifest.Entry{N: 100 + n, Raw: []byte("{}")}
			since := clock.now().Add(time.Duration(n%7) * time.Minute)
			if err := (catalog{tx}).enqueue("archive", e, hash.Sum{}, since); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	clock.move(48 * time.Hour)
	want := []string{fmt.Sprintf("late %d+ dtest1-100", rowsLooked), "store_unreachable archive", "queue_old archive"}
	if d := cmp.Diff(want, codes(t, s)); d != "" {
		t.Error(d)
	}
	cfg := *s.conf()
	cfg.Stores = []configs.Store{{Name: "other", URL: "file://" + filepath.Join(t.TempDir(), "other")}}
	if err := s.Reconfigure(context.Background(), cfg, configFile(t, "other")); err != nil {
		t.Fatal(err)
	}
	if got := codes(t, s); len(got) > 0 {
		t.Errorf("the store is not configured any more: %v", got)
	}
}

// TestClockOff: a clock of which nothing is known is no alarm; one that is
// known to be off is, also when the kernel gives it up after a while.
func TestClockOff(t *testing.T) {
	o := testOptions(t)
	said := manifest.Clock{Source: "system"}
	var mu sync.Mutex
	o.Clock = func() manifest.Clock {
		mu.Lock()
		defer mu.Unlock()
		return said
	}
	s := openStation(t, o)
	for i, step := range []struct {
		synced bool
		off    int64
		alarm  bool
	}{
		{false, 16_000, false}, {true, 15_000, false}, {true, 15_001, true}, {true, 20, false},
		{true, 15_500, true}, {false, 16_000, true}, {true, 3, false},
	} {
		mu.Lock()
		said.Synced, said.ErrorMS = step.synced, step.off
		mu.Unlock()
		if got := slices.Contains(codes(t, s), "clock_off"); got != step.alarm {
			t.Errorf("step %d: alarm %v", i, got)
		}
	}
	c := s.stores[0]
	s.storeAlarm(c, fmt.Errorf("put: %w", store.ErrSkewed))
	if d := cmp.Diff([]string{"store_skewed central", "clock_off"}, codes(t, s)); d != "" {
		t.Error(d)
	}
	s.storeAlarm(c, nil)
	if got := codes(t, s); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}

// TestDiskLow: a disk that fills is told of early, and is well only when there
// is clearly room again.
func TestDiskLow(t *testing.T) {
	o := testOptions(t)
	o.Config.Alarms.Disk = 10
	var mu sync.Mutex
	free := uint64(1000)
	o.diskSpace = func() (uint64, uint64, error) {
		mu.Lock()
		defer mu.Unlock()
		return free << 20, 10_000 << 20, nil
	}
	s := openStation(t, o)
	for _, step := range []struct {
		free  uint64
		alarm bool
	}{{1000, false}, {999, true}, {1050, true}, {1100, false}, {1050, false}, {0, true}, {9000, false}} {
		mu.Lock()
		free = step.free
		mu.Unlock()
		if got := slices.Contains(codes(t, s), "disk_low"); got != step.alarm {
			t.Errorf("%d MB free: alarm %v", step.free, got)
		}
	}
}

// TestStoreTroubles: what a store says is sorted by what mends it, and never
// stands twice.
func TestStoreTroubles(t *testing.T) {
	s := openStation(t, testOptions(t))
	c := s.stores[0]
	for _, step := range []struct {
		err  error
		want string
	}{
		{store.ErrDenied, "store_denied"}, {store.ErrNoBucket, "store_no_bucket"}, {store.ErrUnlocked, "store_unlocked"},
		{store.ErrStranger, "store_stranger"}, {store.ErrFull, "store_full"}, {errors.New("refused"), "store_unreachable"},
		{ErrConsent, "store_waits_consent"}, {store.ErrDenied, "store_denied"},
	} {
		s.storeAlarm(c, fmt.Errorf("put: %w", step.err))
		if d := cmp.Diff([]string{step.want + " central"}, codes(t, s)); d != "" {
			t.Errorf("%v: %s", step.err, d)
		}
	}
	s.storeShown(c)
	if got := codes(t, s); len(got) > 0 {
		t.Errorf("no clip waits, and the store answers: %v", got)
	}
}

// fullStore has room for the log and for no clip.
type fullStore struct{ store.Store }

func (fullStore) Put(context.Context, store.Object) (store.Info, error) {
	return store.Info{}, store.ErrFull
}

// TestFullForClips: a store that takes the log and no clip does not come and go
// as an alarm.
func TestFullForClips(t *testing.T) {
	o := testOptions(t)
	o.OpenStore = func(ctx context.Context, r StoreRequest) (store.Store, error) {
		st, err := openDir(ctx, r)
		return fullStore{st}, err
	}
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	if _, _, err := try(t, s, cam, 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	until(t, s, "full", func(st Status) bool { return slices.Contains(codesOf(st), "store_full central") })
	if _, err := s.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"store_full central"}, codes(t, s)); d != "" {
		t.Error(d)
	}
}

// TestReadOnlyGoes: the alarm ends when the disk takes bytes again.
func TestReadOnlyGoes(t *testing.T) {
	s := openStation(t, testOptions(t))
	spool := filepath.Join(s.state, "spool")
	if err := unix.Mount(spool, spool, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(spool, unix.MNT_DETACH) })
	if err := unix.Mount("", spool, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	if sum, _, err := try(t, s, cam, 0); err != nil || sum.Failed != 1 {
		t.Fatalf("summary %+v, %v", sum, err)
	}
	s.diskAlarm(unix.EROFS)
	if d := cmp.Diff([]string{"state_read_only"}, codes(t, s)); d != "" {
		t.Error(d)
	}
	if err := unix.Unmount(spool, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if got := codes(t, s); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}
