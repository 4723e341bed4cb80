package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/internal/testbench"
)

// card is a file system of its own with the files of an A11 body camera.
func card(t *testing.T, id string, mkfs ...string) *testbench.Disk {
	t.Helper()
	d := testbench.LoopDisk(t, 32, mkfs...)
	write(t, filepath.Join(d.Mountpoint, "LOG", "20260902.txt"), "#ID:"+id+"\r\n")
	write(t, filepath.Join(d.Mountpoint, "DCIM", "A11_"+id+"_100234_20260902180118_0001.mp4"), "clip of "+id)
	return d
}

// plug shows a disk below root, and returns how to take it out.
func plug(t *testing.T, d *testbench.Disk, root, name string) (point string, out func()) {
	t.Helper()
	point = filepath.Join(root, name)
	if err := os.MkdirAll(point, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(d.Mountpoint, point, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	gone := false
	out = func() {
		if gone {
			return
		}
		gone = true
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
			t.Errorf("take %s out: %v", name, err)
		}
	}
	t.Cleanup(out)
	return point, out
}

func done(point string) func(Status) bool {
	return func(st Status) bool { return bayAt(st, point).State == BayDone }
}

func devIDOf(t *testing.T, d *testbench.Disk) string {
	t.Helper()
	f, err := device.Open(d.Mountpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	return f.DeviceID()
}

func dockedAt(t *testing.T, s *Station, point string) DockedView {
	t.Helper()
	r, err := s.Devices(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Docked {
		if d.Path == point {
			return d
		}
	}
	t.Fatalf("nothing docked at %s: %+v", point, r.Docked)
	return DockedView{}
}

// TestRegister: the camera that is docked becomes a device by all that tells it
// from others, in any bay; its clips stay known, and an adopted log knows it too.
func TestRegister(t *testing.T) {
	archive := "file://" + filepath.Join(t.TempDir(), "archive")
	var o Options
	s, root := daemon(t, func(p *Options) {
		p.Config.Stores = []configs.Store{storeAt(archive)}
		o = *p
	})
	disk := card(t, "2222222")
	point, out := plug(t, disk, root, "bay1")
	first := bayAt(until(t, s, "done", done(point)), point)
	if d := dockedAt(t, s, point); d.Registered || d.Certain || d.Profile != "a11" || len(d.Identities) < 2 {
		t.Errorf("before: %+v", d)
	}
	ctx := context.Background()
	v, err := s.Register(ctx, RegisterRequest{Camera: "bay1", Unit: "Patrol 3", Actor: "admin", Collectors: []clip.Collector{{Person: "Li Lei", Badge: "013370"}}})
	if err != nil {
		t.Fatal(err)
	}
	if v.ID != first.Device || v.Match.FSUUID == "" || v.Match.ProfileID != "2222222" || v.Match.Label != "" || v.From != fromLog {
		t.Errorf("registered as %+v, in entries it was %s", v, first.Device)
	}
	out()
	until(t, s, "cleared", func(st Status) bool { return bayAt(st, point).Path == "" })
	write(t, filepath.Join(disk.Mountpoint, "DCIM", "A11_2222222_100234_20260902190000_0002.mp4"), "a new one")
	point, out = plug(t, disk, root, "bay2")
	b := bayAt(until(t, s, "done again", done(point)), point)
	if b.Device != v.ID || b.Known != 2 || b.Done != 3 {
		t.Errorf("in another bay: %+v", b)
	}
	if d := dockedAt(t, s, point); !d.Registered || !d.Certain || d.Doubt != "" {
		t.Errorf("after: %+v", d)
	}
	var fresh ClipView
	if err := s.Clips(ctx, Filter{Device: v.ID}, func(c ClipView) error { fresh = c; return nil }); err != nil {
		t.Fatal(err)
	}
	if fresh.Source != "device:"+v.ID || len(fresh.Tags.Collectors) != 1 || fresh.Tags.Collectors[0].Person != "Li Lei" {
		t.Errorf("its new clip: %+v", fresh)
	}
	out()
	if _, err := s.Bind(ctx, BindRequest{Bay: "bay-09", Port: "1-1.4", Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	if err := s.publishNow(ctx); err != nil {
		t.Fatal(err)
	}
	adopted(t, o, s, v.ID)
	if err := s.Forget(ctx, ForgetRequest{Device: v.ID, Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Devices(ctx); err != nil || len(r.Devices) != 0 {
		t.Errorf("forgotten: %+v, %v", r, err)
	}
	if err := s.Forget(ctx, ForgetRequest{Device: v.ID}); !errors.Is(err, ErrRegistry) {
		t.Errorf("forgotten twice: %v", err)
	}
}

// adopted makes a dock anew from the published log of s, and finds there what
// was registered and bound.
func adopted(t *testing.T, o Options, s *Station, id string) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(s.state, "key"))
	if err != nil {
		t.Fatal(err)
	}
	o.State, o.Daemon = filepath.Join(t.TempDir(), "again"), false
	if err := os.MkdirAll(o.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.State, "key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	o.recovering, o.Create = true, true
	again, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if err := again.adopt(context.Background()); err != nil {
		t.Fatal(err)
	}
	r, err := again.Devices(context.Background())
	if err != nil || len(r.Devices) != 1 || r.Devices[0].ID != id || r.Devices[0].Unit != "Patrol 3" {
		t.Errorf("the adopted log knows %+v, %v", r, err)
	}
	if got := again.boundBays()["bay-09"]; got != "1-1.4" {
		t.Errorf("the adopted log has bay-09 at %q", got)
	}
}

// TestRegisterRefuses: what would make two cameras one is refused with words.
func TestRegisterRefuses(t *testing.T) {
	o := testOptions(t)
	o.Config.Devices = []configs.Device{{ID: "c9", Match: configs.Match{FSUUID: "AAAA-0009"}}}
	s := openStation(t, o)
	ctx := context.Background()
	if _, err := s.Register(ctx, RegisterRequest{Match: Match{Serial: "C3331325"}, ID: "c017", Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    RegisterRequest
		want string
	}{
		{RegisterRequest{}, "name the bay"},
		{RegisterRequest{Camera: "bay1"}, "no camera is docked there"},
		{RegisterRequest{Match: Match{Serial: "123456789ABC"}}, "whole product lines share"},
		{RegisterRequest{Match: Match{Serial: "123456789ABC", FSUUID: "U"}}, "leave it out"},
		{RegisterRequest{Match: Match{Label: "CARD"}}, "any card can have it"},
		{RegisterRequest{Match: Match{Serial: "C3331325"}}, "its USB serial is that of device c017"},
		{RegisterRequest{Match: Match{Serial: "SN17009", FSUUID: "AAAA-0009"}}, "its file system is that of device c9"},
		{RegisterRequest{Match: Match{FSUUID: "U2"}, ID: "c017"}, "that id is registered already"},
		{RegisterRequest{Match: Match{FSUUID: "U2"}, ID: "c9"}, "that id is registered already"},
		{RegisterRequest{Match: Match{FSUUID: "U2"}, ID: "张三"}, "neutral name"},
		{RegisterRequest{Match: Match{FSUUID: "U2"}, Zone: "Mars"}, "unknown zone"},
		{RegisterRequest{Match: Match{FSUUID: "U2"}, Profile: "none"}, "no device profile"},
		{RegisterRequest{Match: Match{FSUUID: "U2"}, Collectors: []clip.Collector{{Unit: "u"}}}, "give person or badge"},
		{RegisterRequest{Match: Match{FSUUID: "U\x1b[2J"}}, "printable"},
	} {
		size := s.ledger.Size()
		_, err := s.Register(ctx, c.r)
		if err == nil || !errors.Is(err, ErrRegistry) && !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%+v: %v, want %q", c.r, err, c.want)
		}
		if s.ledger.Size() != size {
			t.Errorf("%+v: refused and entered", c.r)
		}
	}
	if err := s.Forget(ctx, ForgetRequest{Device: "c9"}); !errors.Is(err, ErrRegistry) || !strings.Contains(err.Error(), "configuration") {
		t.Errorf("forget what the configuration has: %v", err)
	}
	v, err := s.Register(ctx, RegisterRequest{Match: Match{FSUUID: "U3"}, Actor: "admin"})
	if err != nil || v.ID != "c018" {
		t.Errorf("the next id: %+v, %v", v, err)
	}
}
