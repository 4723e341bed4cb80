package ingest

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// pipe is a pipe with a name that an alarm command writes to.
func pipe(t *testing.T) (path string, lines *bufio.Reader) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "told")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(testbench.Patience)); err != nil {
		t.Fatal(err)
	}
	return path, bufio.NewReader(f)
}

func read(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("nothing is told: %v", err)
	}
	return line
}

// TestAlarmCommand: the command hears of an alarm that begins and of its end,
// and of nothing else.
func TestAlarmCommand(t *testing.T) {
	path, told := pipe(t)
	clock, ticks := evening(), make(chan time.Time)
	var off atomic.Int64
	s, _ := daemon(t, func(o *Options) {
		o.Now, o.ticks, o.sinceBoot = clock.now, ticks, clock.up
		o.Clock = func() manifest.Clock { return manifest.Clock{Source: "system", Synced: true, ErrorMS: off.Load()} }
		o.Config.Alarms.Command = []string{"/bin/sh", "-c", `cat >"$0"`, path}
	})
	off.Store(20_000)
	ticks <- clock.now()
	rest := `"code":"clock_off","args":[],"text":"the dock's clock may be off by 20000 ms, more than 15s: see whether its time service reaches a server",` +
		`"since":"2026-09-02T18:00:00.000Z","dock":"test.example","log":"dtest1","time":"2026-09-02T18:0`
	if d := cmp.Diff(`{"event":"raised",`+rest+`0:00.000Z"}`+"\n", read(t, told)); d != "" {
		t.Error(d)
	}
	ticks <- clock.now() // it stands: nothing new
	clock.move(2 * time.Minute)
	off.Store(1)
	ticks <- clock.now()
	if d := cmp.Diff(`{"event":"cleared",`+rest+`2:00.000Z"}`+"\n", read(t, told)); d != "" {
		t.Error(d)
	}
	until(t, s, "quiet", func(st Status) bool { return len(st.Alarms) == 0 })
}

// TestCommandFails: a command that does not work is an alarm itself, and goes
// when it works.
func TestCommandFails(t *testing.T) {
	works := filepath.Join(t.TempDir(), "works")
	s, _ := daemon(t, func(o *Options) {
		o.Config.Alarms.Command = []string{"/bin/sh", "-c", `test -e "$0"`, works}
	})
	s.alarms.raise("clip_lost", errors.New("lost"), s.now(), "dtest1-4")
	until(t, s, "alarmed", func(st Status) bool {
		return cmp.Equal(codesOf(st), []string{"clip_lost dtest1-4", "alarm_command"})
	})
	write(t, works, "")
	s.alarms.raise("clip_lost", errors.New("lost"), s.now(), "dtest1-5")
	until(t, s, "well", func(st Status) bool {
		return cmp.Equal(codesOf(st), []string{"clip_lost dtest1-4", "clip_lost dtest1-5"})
	})
}

// TestHungCommand: a command that hangs holds up no camera.
func TestHungCommand(t *testing.T) {
	path, told := pipe(t)
	s, root := daemon(t, func(o *Options) {
		o.Config.Alarms.Command = []string{"/bin/sh", "-c", `echo up >"$0"; sleep 100000`, path}
		o.after = func(d time.Duration) <-chan time.Time {
			if d < 30*time.Second {
				d = 0 // the farewell
			}
			return time.After(d)
		}
	})
	s.alarms.raise("clip_lost", errors.New("lost"), s.now(), "dtest1-4")
	if line := read(t, told); line != "up\n" {
		t.Fatalf("told %q", line)
	}
	point, files := dock(t, root, "bay1", 3)
	until(t, s, "stored", func(st Status) bool { return bayAt(st, point).Stored == len(files) })
}

// TestStoppedIsTold: the alarm that ends the daemon reaches a person.
func TestStoppedIsTold(t *testing.T) {
	o := testOptions(t)
	path := filepath.Join(t.TempDir(), "told")
	o.Daemon, o.Config.Roots = true, []string{t.TempDir()}
	o.Config.Alarms.Command = []string{"/bin/sh", "-c", `echo "$CUSTODOCK_ALARM_EVENT $CUSTODOCK_ALARM_CODE" >"$0"`, path}
	s := openStation(t, o)
	s.diskAlarm(ledger.ErrStopped)
	s.broken.Do(func() { close(s.stopped) })
	if err := s.Run(context.Background()); !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("run: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "raised stopped\n" {
		t.Errorf("told %q, %v", b, err)
	}
}

// TestCameraErrors: clips that could not be read are an alarm of their bay
// until that camera was read whole, or another is docked there.
func TestCameraErrors(t *testing.T) {
	other, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, root := daemon(t, func(o *Options) { o.Config.Roots = append(o.Config.Roots, other) })
	behind := t.TempDir()
	files := testbench.Clips(t, behind, 3, 50_000, 9)
	cam := testbench.Camera(t, behind, testbench.Fault{Path: files[1].Name, Kind: testbench.ReadError})
	insert := func(bay string) (pull func()) {
		point := filepath.Join(root, bay)
		if err := os.MkdirAll(point, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(cam.Mountpoint, point, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
		until(t, s, "read", func(st Status) bool { return !bayAt(st, point).Closed.IsZero() })
		return func() {
			if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
				t.Fatal(err)
			}
			until(t, s, "taken out", func(st Status) bool { return bayAt(st, point).Path == "" })
		}
	}
	says := func(what string, want ...string) {
		t.Helper()
		st := until(t, s, what, func(st Status) bool {
			return slices.ContainsFunc(st.Alarms, func(al Alarm) bool { return al.Code == "device_error" }) == (len(want) > 0)
		})
		if len(want) > 0 && !cmp.Equal(st.Alarms[0].Args[:2], want) {
			t.Errorf("%s: %+v", what, st.Alarms)
		}
	}
	pull := insert("bay1")
	if cam.Fired(testbench.ReadError) == 0 {
		t.Fatal("the fault never fired")
	}
	says("alarmed", "bay1", "1")
	pull()
	says("alarmed still", "bay1", "1")
	cam.Heal(testbench.ReadError)
	insert("bay1")()
	says("read whole")
	cam.Inject(testbench.Fault{Path: files[0].Name, Kind: testbench.ReadError})
	write(t, filepath.Join(behind, files[0].Name), strings.Repeat("changed", 100))
	insert("bay2")()
	says("alarmed again", "bay2", "1")
	dock(t, other, "bay2", 1) // by its path a camera of its own
	says("another camera came")
}
