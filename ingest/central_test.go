package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/dir"
)

// vault is a folder that behaves like a bucket with object lock: it pins
// versions, locks what it is given and notes what it was asked for.
type vault struct {
	*dir.Store
	*vaultLog
}

// vaultLog outlives the handle of a vault that is opened again.
type vaultLog struct {
	locks bool

	mu      sync.Mutex
	objects []store.Object
	until   map[string]time.Time
}

func (v *vault) CanLock(context.Context) (bool, error) { return v.locks, nil }

func (v *vault) Put(ctx context.Context, o store.Object) (store.Info, error) {
	info, err := v.Store.Put(ctx, o)
	if err != nil {
		return info, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.objects = append(v.objects, o)
	if v.locks {
		v.until[info.Name] = o.Until
	}
	return v.dress(info), nil
}

func (v *vault) dress(info store.Info) store.Info {
	info.Version = "v1"
	if until, locked := v.until[info.Name]; locked {
		info.Lock, info.Until = configs.LockCompliance, until
	}
	return info
}

func (v *vault) OpenCold(ctx context.Context, name, version string) (store.File, error) {
	if version != "v1" {
		return nil, fmt.Errorf("version %q: %w", version, store.ErrNotExist)
	}
	return v.Store.OpenCold(ctx, name, "")
}

func (v *vault) Stat(ctx context.Context, name, version string) (store.Info, error) {
	if version != "v1" {
		return v.Store.Stat(ctx, name, version)
	}
	info, err := v.Store.Stat(ctx, name, "")
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.dress(info), err
}

// vaulted are options of a dock whose one store is a vault, and the vault's
// folder.
func vaulted(t *testing.T, locks bool) (Options, *vaultLog, string) {
	t.Helper()
	o := testOptions(t)
	path := t.TempDir()
	v := &vaultLog{locks: locks, until: map[string]time.Time{}}
	o.Config.Stores = []configs.Store{{Name: "centre", URL: "s3://bucket/station?region=x"}}
	o.OpenStore = func(_ context.Context, r StoreRequest) (store.Store, error) {
		st, err := dir.Open(path, dir.Options{Create: true})
		return &vault{st, v}, err
	}
	return o, v, path
}

// TestConsent: nothing is locked for good before an admin agreed, clips wait
// safely until then, and what was agreed is in the log.
func TestConsent(t *testing.T) {
	o, v, path := vaulted(t, true)
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	began := time.Now()
	sum, results, err := try(t, s, cam, time.Hour) // nobody waits for a yes
	if err != nil || sum.Recorded != 1 || !strings.Contains(results["a.mp4"].Error, "say yes") || time.Since(began) > testbench.Patience {
		t.Fatalf("before the yes: %+v, %+v, %v", sum, results, err)
	}
	if names, err := os.ReadDir(path); err != nil || len(names) != 1 {
		t.Errorf("the store holds %v already, %v", names, err)
	}
	until(t, s, "alarmed", func(st Status) bool { return len(st.Alarms) == 1 && errors.Is(s.centrals()[0].problem(), ErrConsent) })
	if err := s.Agree(context.Background(), "elsewhere"); err == nil {
		t.Error("agreed to a store that is not there")
	}
	for range 2 {
		if err := s.Agree(context.Background(), "centre"); err != nil {
			t.Fatal(err)
		}
	}
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Known != 1 {
		t.Errorf("after it: %+v", sum)
	}
	until(t, s, "quiet", func(st Status) bool { return len(st.Alarms) == 0 })
	v.mu.Lock()
	o1 := v.objects[0]
	v.mu.Unlock()
	ingested := field(t, s, results["a.mp4"].Clip, "clip.ingested").T
	if got := o1.Until.Sub(ingested); got < 190*24*time.Hour-time.Minute || got > 190*24*time.Hour+time.Minute {
		t.Errorf("locked for %v", got)
	}
	if e := field(t, s, results["a.mp4"].Clip, "clip.stored"); e.Fields.Str("lock") != "compliance" || e.Fields.Str("until") == "" || e.Fields.Str("version") != "v1" {
		t.Errorf("clip.stored says %v", e.Fields)
	}
	agreed := 0
	for n := range s.ledger.Size() {
		raw, err := s.ledger.Entry(n)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), `"type":"store.agreed"`) {
			agreed++
		}
	}
	if agreed != 1 {
		t.Errorf("agreed %d times", agreed)
	}
	// A longer lock is another question.
	cfg := s.conf().Stores[0]
	cfg.RetainDays = 365
	if s.agreed(cfg, 365*24*time.Hour) || !s.agreed(s.conf().Stores[0], 190*24*time.Hour) {
		t.Error("what was agreed to is not what was asked")
	}
}

// field is the newest entry of a type about a clip.
func field(t *testing.T, s *Station, name, typ string) manifest.Entry {
	t.Helper()
	d, err := s.Show(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	var found manifest.Entry
	for _, line := range d.Custody {
		if line.Type == typ {
			if found, err = manifest.ParseEntry([]byte(line.Entry)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return found
}

// TestUnlockedStore: a store that shall lock and cannot gets the clips all the
// same, has its alarm, and frees no camera.
func TestUnlockedStore(t *testing.T) {
	o, _, _ := vaulted(t, false)
	o.Daemon = true
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	_, results := take(t, s, cam, clip.Tags{})
	name := results["a.mp4"].Clip
	st := until(t, s, "read back", func(Status) bool { return field(t, s, name, "clip.confirmed").Type != "" })
	if len(st.Alarms) != 1 || st.Alarms[0].Code != "store_unlocked" {
		t.Errorf("alarms %+v", st.Alarms)
	}
	if d, err := s.Show(context.Background(), name); err != nil || d.Freed || len(d.Proved) != 1 {
		t.Errorf("clip %+v, %v", d, err)
	}
}

// TestReadBack: each clip is read back once it is stored, the entry says what
// was found, and a copy that has rotted is found the next time.
func TestReadBack(t *testing.T) {
	o, _, path := vaulted(t, true)
	o.Daemon = true
	now := time.Now()
	var mu sync.Mutex
	o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	s := openStation(t, o)
	if err := s.Agree(context.Background(), "centre"); err != nil {
		t.Fatal(err)
	}
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "the same bytes")
	write(t, filepath.Join(cam, "b.mp4"), "the same bytes")
	_, results := take(t, s, cam, clip.Tags{})
	confirmed := func(typ string) func(Status) bool {
		return func(Status) bool {
			return field(t, s, results["a.mp4"].Clip, typ).Type != "" && field(t, s, results["b.mp4"].Clip, typ).Type != ""
		}
	}
	until(t, s, "confirmed", confirmed("clip.confirmed"))
	e := field(t, s, results["a.mp4"].Clip, "clip.confirmed")
	if e.Fields.Str("sha256") != results["a.mp4"].SHA256 || e.Fields.Str("version") != "v1" || e.Fields.Str("lock") != "compliance" {
		t.Errorf("clip.confirmed says %v", e.Fields)
	}
	if d, err := s.Show(context.Background(), e.Fields.Str("clip")); err != nil || !d.Freed {
		t.Errorf("clip %+v, %v", d, err)
	}
	object := filepath.Join(path, store.Name(digestFor(t, results["a.mp4"])))
	if err := os.Chmod(object, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, object, "the sane bytes")
	size := s.ledger.Size()
	mu.Lock()
	now = now.Add(31 * 24 * time.Hour)
	mu.Unlock()
	ring(s.centrals()[0].scrub)
	st := until(t, s, "found", confirmed("clip.damaged"))
	until(t, s, "alarmed", func(st Status) bool { return len(st.Alarms) == 2 })
	if d, err := s.Show(context.Background(), e.Fields.Str("clip")); err != nil || d.Freed || len(d.Proved) != 0 {
		t.Errorf("after it rotted: %+v, %v", d, err)
	}
	if st.Size != size+2 {
		t.Errorf("%d entries for two clips", st.Size-size)
	}
	write(t, object, "the same bytes")
	mu.Lock()
	now = now.Add(25 * time.Hour)
	mu.Unlock()
	ring(s.centrals()[0].scrub)
	until(t, s, "quiet", func(st Status) bool { return len(st.Alarms) == 0 })
}

func digestFor(t *testing.T, r FileResult) clip.Digest {
	t.Helper()
	d, err := clip.ParseDigest(r.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestEnoughCopies: with one copy of two asked for a clip is stored while the
// other store is away, and its spool file waits for that store.
func TestEnoughCopies(t *testing.T) {
	o := testOptions(t)
	url, come := away(t)
	o.Config.Stores = []configs.Store{storeAt("file://" + filepath.Join(t.TempDir(), "near")), {Name: "far", URL: url}}
	o.Config.Copies.Stored = 1
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 1 {
		t.Fatalf("summary %+v", sum)
	}
	if spoolFiles(t, s) != 1 {
		t.Error("the clip left the dock before the second store had it")
	}
	st, err := s.Status(context.Background())
	if err != nil || st.Queue[0].Clips != 0 || st.Queue[1].Clips != 1 || st.Queue[1].Bytes != 5 || st.Queue[1].Oldest.IsZero() {
		t.Errorf("queues %+v, %v", st.Queue, err)
	}
	come()
	until(t, s, "drained", func(st Status) bool { return st.Queue[1].Clips == 0 && st.Queue[1].Bytes == 0 })
	until(t, s, "let go", func(Status) bool { return spoolFiles(t, s) == 0 })
}

// TestKept: a stored clip stays for its days, and goes earlier when the disk
// is used more than is allowed.
func TestKept(t *testing.T) {
	o := testOptions(t)
	o.Config.Keep = configs.Keep{Days: 3, Percent: 99}
	now := time.Now()
	o.Now = func() time.Time { return now }
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	take(t, s, cam, clip.Tags{})
	look := func(want int) {
		t.Helper()
		if err := s.tidy(context.Background(), false); err != nil || spoolFiles(t, s) != want {
			t.Errorf("%d clips are kept, want %d: %v", spoolFiles(t, s), want, err)
		}
	}
	now = now.Add(71 * time.Hour)
	look(1)
	cfg := *s.conf()
	cfg.Keep.Percent = 0
	s.cfg.Store(&cfg)
	look(0)
	take(t, s, cam, clip.Tags{})
	cfg.Keep.Percent = 99
	s.cfg.Store(&cfg)
	write(t, filepath.Join(cam, "b.mp4"), "more")
	take(t, s, cam, clip.Tags{})
	look(1)
	now = now.Add(73 * time.Hour)
	look(0)
}

// TestOlderState: a state from before there were loads and proofs is brought up
// to date when it is opened.
func TestOlderState(t *testing.T) {
	o := testOptions(t)
	url, _ := away(t)
	o.Config.Stores = []configs.Store{storeAt("file://" + filepath.Join(t.TempDir(), "near")), {Name: "far", URL: url}}
	s := openStation(t, o)
	cam := t.TempDir()
	for i := range 5 {
		write(t, filepath.Join(cam, fmt.Sprint(i, ".mp4")), fmt.Sprint("clip ", i))
	}
	if sum, _, err := try(t, s, cam, 50*time.Millisecond); err != nil || sum.Recorded != 5 {
		t.Fatalf("summary %+v, %v", sum, err)
	}
	until(t, s, "stored near", func(st Status) bool { return st.Queue[0].Clips == 0 })
	err := s.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket(loadBucket), tx.DeleteBucket(proofBucket))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStation(t, o)
	st, err := s.Status(context.Background())
	if err != nil || st.Queue[0].Clips != 0 || st.Queue[1].Clips != 5 || st.Queue[1].Bytes != 30 {
		t.Errorf("queues %+v, %v", st.Queue, err)
	}
	if _, _, found := s.nextProof("archive"); !found {
		t.Error("no clip will be read back")
	}
}

// TestInitUnpublished: a log is made although no store can show it yet.
func TestInitUnpublished(t *testing.T) {
	o, _, _ := vaulted(t, true)
	key, err := Init(context.Background(), o)
	if key == "" || !errors.Is(err, ErrUnpublished) || !errors.Is(err, ErrConsent) {
		t.Errorf("key %q, %v", key, err)
	}
	again, err := Init(context.Background(), o)
	if again != key || !errors.Is(err, ErrUnpublished) {
		t.Errorf("again %q, %v", again, err)
	}
}
