package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
)

// configFile is a file whose digest stands for a configuration.
func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "custodock.yaml")
	write(t, path, text)
	return path
}

// TestReconfigure: stores, drop folders and roots join and leave a running
// daemon; what is fixed is refused and the old configuration stays.
func TestReconfigure(t *testing.T) {
	s, _ := daemon(t, nil)
	ctx := context.Background()
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "before")
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 1 {
		t.Fatalf("summary %+v", sum)
	}
	second, drop := filepath.Join(t.TempDir(), "second"), t.TempDir()
	cfg := *s.conf()
	cfg.Stores = append(cfg.Stores[:1:1], configs.Store{Name: "second", URL: "file://" + second})
	cfg.Drops = []configs.Drop{{Path: drop, Quiet: 100 * time.Millisecond}}
	first := s.centrals()[0]
	if err := s.Reconfigure(ctx, cfg, configFile(t, "one")); err != nil {
		t.Fatal(err)
	}
	if s.centrals()[0] != first {
		t.Error("a store with the same settings was opened anew")
	}
	until(t, s, "in the second store", func(Status) bool {
		objects, err := filepath.Glob(second + "/object/*/*")
		return err == nil && len(objects) == 1
	})
	write(t, filepath.Join(drop, "c.mp4"), "dropped")
	until(t, s, "dropped", func(st Status) bool { return bayAt(st, drop).Stored == 1 })

	for what, change := range map[string]func(*configs.Config){
		"restart":      func(c *configs.Config) { c.Authority = "elsewhere" },
		"another name": func(c *configs.Config) { c.Stores[1].URL += "2" },
		"drop folder":  func(c *configs.Config) { c.Stores[1] = configs.Store{Name: "x", URL: "file://" + drop + "/x"} },
	} {
		bad := cfg
		bad.Stores = append([]configs.Store(nil), cfg.Stores...)
		bad.Publish = time.Hour
		change(&bad)
		err := s.Reconfigure(ctx, bad, configFile(t, what))
		if err == nil || !strings.Contains(err.Error(), what) || s.conf().Publish == time.Hour {
			t.Errorf("%s: %v, publish %v", what, err, s.conf().Publish)
		}
	}
	if err := s.Reconfigure(ctx, cfg, "/nowhere"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without its file: %v", err)
	}

	cfg.Stores, cfg.Drops = cfg.Stores[1:], nil
	if err := s.Reconfigure(ctx, cfg, configFile(t, "two")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(cam, "b.mp4"), "after")
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 1 || sum.Known != 1 {
		t.Errorf("summary %+v", sum)
	}
	until(t, s, "without the drop", func(st Status) bool { return bayAt(st, drop).Path == "" })
}

// TestNewRoot: a camera that is mounted already is docked when its folder
// becomes a root.
func TestNewRoot(t *testing.T) {
	s, _ := daemon(t, nil)
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	point, files := dock(t, root, "late", 2)
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	cfg := *s.conf()
	cfg.Roots = append(cfg.Roots, root)
	if err := s.Reconfigure(context.Background(), cfg, configFile(t, "roots")); err != nil {
		t.Fatal(err)
	}
	until(t, s, "done", func(st Status) bool { b := bayAt(st, point); return b.MayTake && b.Done == len(files) })
}

// silent is a store that takes clips and never answers when the log is shown.
type silent struct {
	store.Store
	asked atomic.Int64
}

func (s *silent) Replace(ctx context.Context, _ string, _ []byte, _ string) (store.Info, error) {
	s.asked.Add(1)
	<-ctx.Done()
	return store.Info{}, ctx.Err()
}

// TestSilentStore: a store that does not answer delays neither another store
// nor whoever wants the log shown.
func TestSilentStore(t *testing.T) {
	o := testOptions(t)
	far := &silent{}
	o.Config.Stores = []configs.Store{
		{Name: "far", URL: "file://" + filepath.Join(t.TempDir(), "far")}, {Name: "near", URL: "file://" + filepath.Join(t.TempDir(), "near")},
	}
	o.OpenStore = func(ctx context.Context, r StoreRequest) (store.Store, error) {
		st, err := openDir(ctx, r)
		if r.Name == "far" && err == nil {
			far.Store = st
			return far, nil
		}
		return st, err
	}
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	s.startWork()
	for range 3 {
		if _, err := s.Checkpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if shown, err := s.ledger.Published("near"); err != nil || shown == 0 {
		t.Errorf("%d entries are shown, %v", shown, err)
	}
	if n := far.asked.Load(); n > 1 {
		t.Errorf("the silent store was asked %d times at once", n)
	}
}

// stuck is a store whose uploads do not end before they are let.
type stuck struct {
	store.Store
	held atomic.Int64
	let  chan struct{}
}

func (s *stuck) Put(ctx context.Context, o store.Object) (store.Info, error) {
	s.held.Add(1)
	<-s.let
	return s.Store.Put(ctx, o)
}

// TestJoinsWhileAnotherLeaves: a store that joins gets the older clips as well
// as one that comes while the store it replaces still holds an upload.
func TestJoinsWhileAnotherLeaves(t *testing.T) {
	leaving := &stuck{let: make(chan struct{})}
	s, _ := daemon(t, func(o *Options) {
		o.Config.Stores = []configs.Store{{Name: "leaving", URL: "file://" + filepath.Join(t.TempDir(), "leaving")}}
		o.OpenStore = func(ctx context.Context, r StoreRequest) (store.Store, error) {
			st, err := openDir(ctx, r)
			if r.Name != "leaving" || err != nil {
				return st, err
			}
			leaving.Store = st
			return leaving, nil
		}
	})
	older, newer := t.TempDir(), t.TempDir()
	write(t, filepath.Join(older, "a.mp4"), "older")
	write(t, filepath.Join(newer, "b.mp4"), "newer")
	if sum, _, err := try(t, s, older, 20*time.Millisecond); err != nil || sum.Recorded != 1 {
		t.Fatalf("summary %+v, %v", sum, err)
	}
	until(t, s, "held", func(Status) bool { return leaving.held.Load() == 1 })
	joining := filepath.Join(t.TempDir(), "joining")
	cfg := *s.conf()
	cfg.Stores = []configs.Store{{Name: "joining", URL: "file://" + joining}}
	file := configFile(t, "joins")
	changed := make(chan error, 1)
	go func() { changed <- s.Reconfigure(context.Background(), cfg, file) }()
	until(t, s, "in force", func(Status) bool { return s.storeNames()[0] == "joining" })
	if sum, _, err := try(t, s, newer, testbench.Patience); err != nil || sum.Stored != 1 {
		t.Errorf("the newer clip: %+v, %v", sum, err)
	}
	close(leaving.let)
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	until(t, s, "both in the store that joined", func(Status) bool {
		objects, err := filepath.Glob(joining + "/object/*/*")
		return err == nil && len(objects) == 2
	})
}
