package ingest

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
)

// daemon runs a station on a folder of mount points until the test ends.
func daemon(t *testing.T, change func(*Options)) (*Station, string) {
	t.Helper()
	o := testOptions(t)
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.Config.Roots, o.Daemon = []string{root}, true
	if change != nil {
		change(&o)
	}
	s := openStation(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return s, root
}

// TestProgramIsHashedAtOnce: a daemon knows what it has to enter of its program
// before the first camera comes.
func TestProgramIsHashedAtOnce(t *testing.T) {
	s, _ := daemon(t, nil)
	known := func() bool {
		s.program.mu.Lock()
		defer s.program.mu.Unlock()
		return s.program.digest != ""
	}
	for late := time.After(testbench.Patience); !known(); runtime.Gosched() {
		select {
		case <-late:
			t.Fatal("nobody hashed it")
		default:
		}
	}
	if st, err := s.Status(t.Context()); err != nil || st.Size != 1 {
		t.Errorf("the log has %d entries, %v", st.Size, err)
	}
}

// until waits for a status that fits and returns it.
func until(t *testing.T, s *Station, what string, fits func(Status) bool) Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testbench.Patience)
	defer cancel()
	for {
		next := s.change.next()
		st, err := s.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if fits(st) {
			return st
		}
		select {
		case <-next:
		case <-ctx.Done():
			t.Fatalf("never %s: %+v", what, st)
		}
	}
}

func bayAt(st Status, path string) BayStatus {
	for _, b := range st.Bays {
		if b.Path == path {
			return b
		}
	}
	return BayStatus{}
}

// dock mounts a tmpfs with clips below root, as a card appears.
func dock(t *testing.T, root, name string, n int) (point string, files []testbench.File) {
	t.Helper()
	stage := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(stage, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", stage, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	files = testbench.Clips(t, stage, n, 100_000, uint64(len(name)))
	point = filepath.Join(root, name)
	if err := os.MkdirAll(point, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(stage, point, "", unix.MS_MOVE, ""); err != nil {
		// a shared parent forbids moving; a second view of it does as well
		if err := unix.Mount(stage, point, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_ = unix.Unmount(point, unix.MNT_DETACH)
		_ = unix.Unmount(stage, unix.MNT_DETACH)
	})
	return point, files
}

func TestDaemonMount(t *testing.T) {
	s, root := daemon(t, nil)
	point, files := dock(t, root, "bay1", 3)
	st := until(t, s, "done", func(st Status) bool {
		b := bayAt(st, point)
		return b.State == BayDone && b.Stored == len(files)
	})
	if b := bayAt(st, point); !b.MayTake || b.Done != 3 || b.Remaining != 0 || b.Bay != "bay1" {
		t.Errorf("bay %+v", b)
	}
	seen := map[string]bool{}
	err := s.Clips(context.Background(), Filter{}, func(v ClipView) error { seen[v.SHA256] = true; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f.SHA256] {
			t.Errorf("%s is not in the log", f.Name)
		}
	}
	if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	until(t, s, "cleared", func(st Status) bool { return bayAt(st, point).Path == "" })
}

// TestDaemonHungCamera: a camera that hangs holds up nobody, and is let go when
// it is taken out.
func TestDaemonHungCamera(t *testing.T) {
	s, root := daemon(t, nil)
	behind := t.TempDir()
	hung := testbench.Clips(t, behind, 2, 50_000, 9)
	cam := testbench.Camera(t, behind, testbench.Fault{Path: hung[0].Name, Kind: testbench.Hang})
	point := filepath.Join(root, "hung")
	if err := os.Mkdir(point, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(cam.Mountpoint, point, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	cam.Await(testbench.Hang, 1)
	good, files := dock(t, root, "good", 2)
	st := until(t, s, "done beside a hung camera", func(st Status) bool { return bayAt(st, good).Stored == len(files) })
	if b := bayAt(st, point); b.MayTake || b.State != BayCopying {
		t.Errorf("hung bay %+v", b)
	}
	cam.Unplug()
	st = until(t, s, "gone", func(st Status) bool { return bayAt(st, point).State == BayGone })
	if b := bayAt(st, point); b.MayTake || b.Reason == "" {
		t.Errorf("gone bay %+v", b)
	}
	if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	st = until(t, s, "alarmed", func(st Status) bool { return len(st.Alarms) == 1 })
	if st.Alarms[0].Code != "device_gone" || bayAt(st, point).State != BayGone {
		t.Errorf("the screen forgets a camera that was taken too early: %+v", st)
	}
}

// TestPolicyCentral: where the policy says so, the camera may go only when a
// store has everything.
func TestPolicyCentral(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "not")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, root := daemon(t, func(o *Options) {
		o.Config.Policy = configs.PolicyCentral
		o.Config.Stores = []configs.Store{storeAt("file://" + filepath.Join(blocked, "mounted"))}
	})
	point, files := dock(t, root, "bay1", 2)
	st := until(t, s, "read", func(st Status) bool { return bayAt(st, point).Done == len(files) && !bayAt(st, point).Closed.IsZero() })
	if b := bayAt(st, point); b.MayTake {
		t.Errorf("may go with nothing in central storage: %+v", b)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	until(t, s, "free to go", func(st Status) bool { return bayAt(st, point).MayTake && bayAt(st, point).Stored == len(files) })
}

// TestDropFolder: a file is taken when it has come to rest, not before.
func TestDropFolder(t *testing.T) {
	drop := t.TempDir()
	s, _ := daemon(t, func(o *Options) {
		o.Config.Drops = []configs.Drop{{Path: drop, Quiet: 50 * time.Millisecond, Bay: "video"}}
	})
	until(t, s, "watching", func(st Status) bool { return bayAt(st, drop).Path != "" })
	write(t, filepath.Join(drop, "cam1", "a.mp4"), "first file")
	until(t, s, "stored", func(st Status) bool { return bayAt(st, drop).Stored == 1 })
	write(t, filepath.Join(drop, "cam1", "a.mp4"), "the recorder wrote it again")
	st := until(t, s, "stored again", func(st Status) bool { return bayAt(st, drop).Stored == 2 })
	if b := bayAt(st, drop); !b.Drop || b.MayTake || b.Bay != "video" {
		t.Errorf("bay %+v", b)
	}
	n := 0
	err := s.Clips(context.Background(), Filter{}, func(v ClipView) error {
		n++
		if v.Path != "cam1/a.mp4" || v.Bay != "video" || v.Device != st.Bays[0].Device || v.Device == "" {
			t.Errorf("clip %+v", v)
		}
		return nil
	})
	if err != nil || n != 2 {
		t.Errorf("%d clips, %v", n, err)
	}
}
