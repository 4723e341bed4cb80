package ingest

import (
	"context"
	"errors"
	"fmt"
	"github.com/custodock/custodock/configs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/dir"
)

// TestVersionWhileGrowing: uploads ask for the versions of other clips while
// the database grows, and neither waits for the other for ever.
func TestVersionWhileGrowing(t *testing.T) {
	o, _, _ := vaulted(t, false)
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	_, results := take(t, s, cam, clip.Tags{})
	j := job{n: -1, q: queued{SHA256: digestFor(t, results["a.mp4"])}}
	c := s.centrals()[0]
	grown := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for {
				if got := s.versionIn(c, j); got != "v1" {
					t.Errorf("version %q", got)
				}
				select {
				case <-grown:
					return
				default:
				}
			}
		})
	}
	done := make(chan error, 1)
	go func() {
		defer close(grown)
		done <- s.db.Update(func(tx *bbolt.Tx) error { // each size of the map is another wait for readers
			b := tx.Bucket(metaBucket)
			for size := 1 << 16; size <= 1<<22; size *= 2 {
				if err := b.Put(fmt.Append(nil, "ballast ", size), make([]byte, size)); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the database and its readers wait for each other")
	}
	asking.Wait()
}

// mute takes clips and says nothing of what it has.
type mute struct {
	*dir.Store
	puts *atomic.Int64
}

func (m mute) Put(ctx context.Context, o store.Object) (store.Info, error) {
	m.puts.Add(1)
	_, err := m.Store.Put(ctx, o)
	return store.Info{}, err
}

// TestMuteStore: success without a word of what is stored lets no clip go.
func TestMuteStore(t *testing.T) {
	o := testOptions(t)
	var puts atomic.Int64
	o.OpenStore = func(_ context.Context, r StoreRequest) (store.Store, error) {
		st, err := dir.Open(strings.TrimPrefix(r.URL, "file://"), dir.Options{Create: r.Create, ID: r.ID})
		return mute{st, &puts}, err
	}
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	if sum, _, err := try(t, s, cam, 50*time.Millisecond); err != nil || sum.Recorded != 1 {
		t.Errorf("summary %+v, %v", sum, err)
	}
	until(t, s, "asked again", func(Status) bool { return puts.Load() > 1 })
	if spoolFiles(t, s) != 1 {
		t.Error("the clip left the dock")
	}
}

// TestFetchedUnsynced: bytes that came back from another store and may not
// survive a power cut are not in the spool.
func TestFetchedUnsynced(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	_, results := take(t, s, cam, clip.Tags{})
	until(t, s, "let go", func(Status) bool { return spoolFiles(t, s) == 0 })
	j := job{q: queued{SHA256: digestFor(t, results["a.mp4"]), Size: 5}}
	fetch := func() error {
		return s.centrals()[0].use(func(st store.Store) error { return s.fetch(context.Background(), st, j, "") })
	}
	if err := s.spool.syncer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := fetch(); !errors.Is(err, errSync) || isFile(s.spool.path(j.q.SHA256)) {
		t.Errorf("after a failed sync: %v, in the spool %v", err, isFile(s.spool.path(j.q.SHA256)))
	}
	if err := fetch(); err != nil || !isFile(s.spool.path(j.q.SHA256)) {
		t.Errorf("again: %v", err)
	}
	s.spool.broken = nil // it is closed already
}

// TestElsewhere: a store that joins while the only holder of a clip is away gets
// it later; the clip is not called lost.
func TestElsewhere(t *testing.T) {
	o, _ := archived(t)
	path := strings.TrimPrefix(o.Config.Stores[0].URL, "file://")
	if err := os.Rename(path, path+"-away"); err != nil {
		t.Fatal(err)
	}
	o.Config.Stores = append(o.Config.Stores, configs.Store{Name: "second", URL: "file://" + filepath.Join(t.TempDir(), "second")})
	s := openStation(t, o)
	s.startWork()
	until(t, s, "asked for", func(st Status) bool { return st.Queue[1].Clips == 1 && st.Published == 0 })
	c := s.centrals()[1]
	jobs, err := s.jobs("second", -1)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%+v, %v", jobs, err)
	}
	if _, err := s.put(context.Background(), c, jobs[0]); !errors.Is(err, errElsewhere) || errors.Is(err, errClip) {
		t.Errorf("while its store is away: %v", err)
	}
	if _, lost := s.alarms.stands("clip_lost"); lost {
		t.Error("the clip is called lost")
	}
	if err := os.Rename(path+"-away", path); err != nil {
		t.Fatal(err)
	}
	if err := s.reach(context.Background(), s.centrals()[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.put(context.Background(), c, jobs[0]); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}
