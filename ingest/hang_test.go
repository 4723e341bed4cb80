package ingest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
)

// putIn makes a camera appear at point, as a mount there, and returns what takes
// it out again.
func putIn(t *testing.T, cam *testbench.Cam, point string) (out func()) {
	t.Helper()
	if err := os.MkdirAll(point, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(cam.Mountpoint, point, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	return func() {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStall: a camera that hangs in a read, where a signal reaches it or not, is
// left alone after the stall time and said to hang, while another is read; what
// it gives later is never recorded, and a re-dock takes it whole.
func TestStall(t *testing.T) {
	for _, kind := range []testbench.Kind{testbench.Hang, testbench.HangDeaf} {
		t.Run(string(kind), func(t *testing.T) {
			s, root := daemon(t, func(o *Options) {
				o.Config.Stall = 2 * time.Second
				o.Config.Bays = []configs.Bay{{Name: "left", Path: filepath.Join(o.Config.Roots[0], "hung")}}
			})
			behind := t.TempDir()
			files := testbench.Clips(t, behind, 2, 6<<20, 9)
			cam := testbench.Camera(t, behind, testbench.Fault{Path: files[0].Name, Kind: kind, At: 5 << 20})
			point := filepath.Join(root, "hung")
			out := putIn(t, cam, point)
			cam.Await(kind, 1)
			good, more := dock(t, root, "good", 2)
			st := until(t, s, "done beside a hung camera", func(st Status) bool { return bayAt(st, good).Stored == len(more) })
			if st := bayAt(st, point).State; st != BayCopying && st != BayHangs {
				t.Errorf("the hung bay is %s", st)
			}
			st = until(t, s, "said to hang", func(st Status) bool {
				return bayAt(st, point).State == BayHangs && len(st.Alarms) == 1
			})
			if b := bayAt(st, point); b.MayTake || !strings.Contains(b.Reason, "no answer for 2s") || st.Alarms[0].Code != "device_hangs" || st.Alarms[0].Args[0] != "left" {
				t.Errorf("bay %+v, alarms %+v", b, st.Alarms)
			}
			if got := listed(t, s, "docking.closed"); len(got) != 2 || got[1].Fields.Str("end") != "hung" {
				t.Errorf("dockings ended %v", got)
			}
			cam.Heal(kind) // the late bytes come
			out()
			until(t, s, "no alarm", func(st Status) bool { return len(st.Alarms) == 0 && bayAt(st, point).Path == "" })
			putIn(t, cam, point)
			until(t, s, "read whole", func(st Status) bool { return bayAt(st, point).Stored == 2 })
			digests := map[string]int{}
			err := s.Clips(context.Background(), Filter{}, func(v ClipView) error {
				digests[v.SHA256]++
				if r, err := s.row(v.Clip); err != nil || v.SHA256 == files[0].SHA256 && r.Record.ResumedAt == 0 {
					t.Errorf("resumed at %d, %v", r.Record.ResumedAt, err)
				}
				return nil
			})
			if err != nil || len(digests) != 4 || digests[files[0].SHA256] != 1 || digests[files[1].SHA256] != 1 {
				t.Errorf("clips %v, want %v, %v", digests, files, err)
			}
		})
	}
}

// TestStallOfAFolder: a single ingest of a camera that hangs ends and names the
// files that it left.
func TestStallOfAFolder(t *testing.T) {
	cam, files := camera(t, nil)
	o := testOptions(t)
	o.Config.Stall = 2 * time.Second
	s := openStation(t, o)
	cam.Inject(testbench.Fault{Path: files[1].Name, Kind: testbench.HangDeaf, At: 1 << 20})
	defer cam.Heal()
	sum, results := take(t, s, cam.Mountpoint, clip.Tags{})
	if cam.Fired(testbench.HangDeaf) == 0 {
		t.Fatal("the fault never fired")
	}
	if r := results[files[1].Name]; r.State != StateFailed || r.Clip != "" || !strings.Contains(r.Error, "hangs") {
		t.Errorf("%+v", r)
	}
	if sum.Failed == 0 || sum.Stored+sum.Failed != 3 {
		t.Errorf("summary %+v", sum)
	}
}
