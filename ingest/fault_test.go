package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest/ledger"
)

// camera makes three clips of 3 MiB on a camera with faults.
func camera(t *testing.T, faults func(files []testbench.File) []testbench.Fault) (*testbench.Cam, []testbench.File) {
	t.Helper()
	dir := t.TempDir()
	files := testbench.Clips(t, dir, 3, 3<<20, 7)
	var list []testbench.Fault
	if faults != nil {
		list = faults(files)
	}
	return testbench.Camera(t, dir, list...), files
}

// TestReadFaults is what becomes of one bad clip among three: the others are
// stored, and the bad one is never taken for whole.
func TestReadFaults(t *testing.T) {
	cases := map[string]struct {
		fault  testbench.Fault
		state  string // of the bad clip
		says   string
		digest bool // its true digest is known in the end
	}{
		"error in mid-clip":    {testbench.Fault{Kind: testbench.ReadError, At: 1 << 20}, StateFailed, "input/output error", false},
		"error once":           {testbench.Fault{Kind: testbench.ReadError, At: 1 << 20, Times: 1}, StateStored, "", true},
		"early end":            {testbench.Fault{Kind: testbench.EarlyEOF, At: 2 << 20}, StateUnstable, "of 3145728 bytes came", false},
		"short reads":          {testbench.Fault{Kind: testbench.ShortRead, N: 4096}, StateStored, "", true},
		"grows while read":     {testbench.Fault{Kind: testbench.Grow, N: 100}, StateUnstable, "the file does not keep still", false},
		"cannot be opened":     {testbench.Fault{Kind: testbench.OpenError}, StateFailed, "input/output error", false},
		"error, then an end":   {testbench.Fault{Kind: testbench.ReadError, At: 0, Times: 2}, StateStored, "", true},
		"error at every round": {testbench.Fault{Kind: testbench.ReadError, At: 3<<20 - 1}, StateFailed, "input/output error", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cam, files := camera(t, func(files []testbench.File) []testbench.Fault {
				c.fault.Path = files[1].Name
				return []testbench.Fault{c.fault}
			})
			s := openStation(t, testOptions(t))
			sum, results := take(t, s, cam.Mountpoint, clip.Tags{})
			if cam.Fired(c.fault.Kind) == 0 {
				t.Fatal("the fault never fired")
			}
			for i, f := range files {
				r := results[f.Name]
				if i != 1 && (r.State != StateStored || r.SHA256 != f.SHA256) {
					t.Errorf("good clip: %+v", r)
				}
			}
			bad := results[files[1].Name]
			if bad.State != c.state || !strings.Contains(bad.Error, c.says) {
				t.Errorf("bad clip: %+v", bad)
			}
			if (bad.Clip != "") != c.digest || c.digest && bad.SHA256 != files[1].SHA256 {
				t.Errorf("bad clip entered as %q with %s, true digest %s", bad.Clip, bad.SHA256, files[1].SHA256)
			}
			if sum.Partly() == (c.state == StateStored) {
				t.Errorf("summary %+v", sum)
			}
		})
	}
}

// TestOneByteReads: a device that gives one byte at a time gives the same clip.
func TestOneByteReads(t *testing.T) {
	behind := t.TempDir()
	f := testbench.Clips(t, behind, 1, 5000, 8)[0]
	cam := testbench.Camera(t, behind, testbench.Fault{Path: f.Name, Kind: testbench.ShortRead, N: 1})
	s := openStation(t, testOptions(t))
	_, results := take(t, s, cam.Mountpoint, clip.Tags{})
	if cam.Fired(testbench.ShortRead) < 5000 {
		t.Fatalf("the fault fired %d times", cam.Fired(testbench.ShortRead))
	}
	if r := results[f.Name]; r.State != StateStored || r.SHA256 != f.SHA256 {
		t.Errorf("%+v", r)
	}
}

// TestSmallDisk: a disk smaller than the reserve that is asked for still works.
func TestSmallDisk(t *testing.T) {
	_, o := onDisk(t, 64)
	o.Config.Reserve = 256 << 20
	s := openStation(t, o)
	cam := t.TempDir()
	testbench.Clips(t, cam, 2, 1<<20, 5)
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 2 {
		t.Errorf("summary %+v", sum)
	}
	if st, err := s.Status(context.Background()); err != nil || st.Reserve >= 64<<20/8 || st.Reserve == 0 {
		t.Errorf("reserve %d in force, %v", st.Reserve, err)
	}
}

// TestListingFaults: what could not be listed is said, and an empty listing of
// a camera that is gone is not "nothing to do".
func TestListingFaults(t *testing.T) {
	cam, _ := camera(t, func([]testbench.File) []testbench.Fault {
		return []testbench.Fault{{Kind: testbench.ListError, At: 1}}
	})
	s := openStation(t, testOptions(t))
	sum, results := take(t, s, cam.Mountpoint, clip.Tags{})
	if cam.Fired(testbench.ListError) == 0 {
		t.Fatal("the fault never fired")
	}
	if !sum.Partly() || !strings.Contains(results["."].Error, "listing incomplete") {
		t.Errorf("summary %+v, results %+v", sum, results)
	}
}

// TestUnplug pulls the camera in mid-clip: nothing of the partial clip stays,
// and docking again brings it whole.
func TestUnplug(t *testing.T) {
	cam, files := camera(t, nil)
	s := openStation(t, testOptions(t))
	cam.Inject(testbench.Fault{Path: files[2].Name, Kind: testbench.Hang, At: 1 << 20})
	unplugged := make(chan struct{})
	go func() {
		defer close(unplugged)
		cam.Await(testbench.Hang, 1)
		cam.Unplug()
	}()
	f, err := os.Open(cam.Mountpoint)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]FileResult{}
	_, err = s.Ingest(context.Background(), Request{Dir: cam.Mountpoint, Folder: f, Actor: "officer", Wait: time.Minute}, func(e Event) {
		if e.File != nil {
			results[e.File.Path] = *e.File
		}
	})
	if err != nil {
		t.Fatalf("ingest: %v", err)
	}
	if r := results[files[2].Name]; r.State != StateFailed || r.Clip != "" || !strings.Contains(r.Error, "gone") {
		t.Errorf("clip under way: %+v", r)
	}
	if n := spoolFiles(t, s); n != 0 {
		t.Errorf("%d files left in the spool", n)
	}
	<-unplugged
	cam.Pull()
	cam.Heal()
	cam.Plug()
	sum, again := take(t, s, cam.Mountpoint, clip.Tags{})
	if sum.Partly() || again[files[2].Name].SHA256 != files[2].SHA256 || again[files[2].Name].State != StateStored {
		t.Errorf("docked again: %+v, %+v", sum, again)
	}
}

func spoolFiles(t *testing.T, s *Station) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(s.state, "spool"))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// onDisk puts a dock's state on a small disk of its own.
func onDisk(t *testing.T, mib int64, mkfs ...string) (*testbench.Disk, Options) {
	t.Helper()
	disk := testbench.LoopDisk(t, mib, mkfs...)
	o := testOptions(t)
	o.State = filepath.Join(disk.Mountpoint, "state")
	o.Config.Reserve = 2 << 20
	return disk, o
}

// TestDiskFull: intake stops above the reserve, says so, loses nothing, and
// the same camera is taken whole once there is room.
func TestDiskFull(t *testing.T) {
	disk, o := onDisk(t, 48)
	s := openStation(t, o)
	cam := t.TempDir()
	files := testbench.Clips(t, cam, 6, 2<<20, 3)
	free := disk.Fill(6 << 20)
	sum, results := take(t, s, cam, clip.Tags{})
	if sum.Failed == 0 || sum.Stored+sum.Failed != 6 {
		t.Fatalf("summary %+v", sum)
	}
	for _, r := range results {
		if r.State == StateFailed && !strings.Contains(r.Error, ErrFull.Error()) {
			t.Errorf("says %q", r.Error)
		}
	}
	if _, full := s.alarms.stands("disk_full"); !full {
		t.Error("no alarm")
	}
	free()
	sum, results = take(t, s, cam, clip.Tags{})
	if sum.Stored+sum.Known != 6 {
		t.Errorf("with room again: %+v", sum)
	}
	for _, f := range files {
		if results[f.Name].SHA256 != f.SHA256 {
			t.Errorf("%s: %+v", f.Name, results[f.Name])
		}
	}
	if _, full := s.alarms.stands("disk_full"); full {
		t.Error("the alarm stays")
	}
}

// TestNoInodes: the same for a disk that has blocks but no inodes. The store is
// on it too and has no room for all that was taken: that waits, and is said.
func TestNoInodes(t *testing.T) {
	_, o := onDisk(t, 32, "-N", "160")
	s := openStation(t, o)
	cam := t.TempDir()
	testbench.Clips(t, cam, 150, 4096, 4)
	sum, results, err := try(t, s, cam, time.Second)
	if err != nil || sum.Failed == 0 || sum.Stored == 0 || sum.Stored+sum.Recorded+sum.Failed != 150 {
		t.Fatalf("summary %+v, %v", sum, err)
	}
	for _, r := range results {
		if r.State == StateFailed && !strings.Contains(r.Error, "no inodes left") || r.State == StateRecorded && r.Clip == "" {
			t.Errorf("%+v", r)
		}
	}
}

// try is take where the whole may fail, with a wait of its own.
func try(t *testing.T, s *Station, path string, wait time.Duration) (Summary, map[string]FileResult, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]FileResult{}
	sum, err := s.Ingest(context.Background(), Request{Dir: path, Folder: f, Actor: "officer", Wait: wait}, func(e Event) {
		if e.File != nil {
			results[e.File.Path] = *e.File
		}
	})
	return sum, results, err
}

// TestReadOnlyDisk: nothing is acknowledged on a disk that became read-only.
func TestReadOnlyDisk(t *testing.T) {
	disk, o := onDisk(t, 48)
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	cam := t.TempDir()
	testbench.Clips(t, cam, 2, 1<<20, 5)
	disk.Break()
	_, results, err := try(t, s, cam, time.Second)
	for _, r := range results {
		if r.Clip != "" || r.State != StateFailed {
			t.Errorf("acknowledged %+v", r)
		}
	}
	if err == nil && len(results) != 2 {
		t.Errorf("results %+v", results)
	}
	if _, stands := s.alarms.stands("state_read_only"); !stands {
		t.Errorf("no alarm, but %+v", s.alarms.list())
	}
	_ = s.Close() // the disk refuses the last words
	if _, err := Open(context.Background(), o); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("opened on a read-only disk: %v", err)
	}
	disk.Recover()
	o.Create = false
	again := openStation(t, o)
	if sum, _ := take(t, again, cam, clip.Tags{}); sum.Stored != 2 {
		t.Errorf("after mending: %+v", sum)
	}
}

// TestRottedObject: bytes that are in the store already but not whole are no
// reason to let the good copy go.
func TestRottedObject(t *testing.T) {
	o, cam := archived(t)
	s := openStation(t, o)
	objects, err := filepath.Glob(strings.TrimPrefix(o.Config.Stores[0].URL, "file://") + "/object/*/*")
	if err != nil || len(objects) != 1 {
		t.Fatalf("objects %v, %v", objects, err)
	}
	b, err := os.ReadFile(objects[0])
	if err != nil {
		t.Fatal(err)
	}
	b[500] ^= 1
	if err := os.WriteFile(objects[0], b, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(cam, cam+"-elsewhere"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(cam + "-elsewhere") })
	sum, results, err := try(t, s, cam+"-elsewhere", 100*time.Millisecond)
	if err != nil || sum.Recorded != 1 {
		t.Fatalf("summary %+v, results %+v, %v", sum, results, err)
	}
	if spoolFiles(t, s) != 1 {
		t.Error("the good copy is gone")
	}
}

// TestStopCause: the database may say in words alone that its disk is read-only.
func TestStopCause(t *testing.T) {
	s := openStation(t, testOptions(t))
	lost := fmt.Errorf("%w: commit: mmap allocate error: %s", ledger.ErrStopped, unix.EROFS)
	if err := s.stopCause(lost); errors.Is(err, unix.EROFS) {
		t.Errorf("a disk that can be written is called read-only: %v", err)
	}
	if err := unix.Mount(s.state, s.state, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(s.state, unix.MNT_DETACH) })
	if err := unix.Mount("", s.state, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.stopCause(lost); !errors.Is(err, unix.EROFS) || !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("cause %v", err)
	}
	if err := s.stopCause(unix.EIO); errors.Is(err, unix.EROFS) {
		t.Errorf("an error that did not stop the log was looked into: %v", err)
	}
}
