package ingest

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
)

const oneUUID = "11111111-2222-4333-8444-555555555555"

func hasAlarm(st Status, code string) bool {
	return slices.ContainsFunc(st.Alarms, func(al Alarm) bool { return al.Code == code })
}

func held(point, why string) func(Status) bool {
	return func(st Status) bool { b := bayAt(st, point); return b.State == BayHeld && b.Hold == why }
}

func clips(t *testing.T, s *Station) []ClipView {
	t.Helper()
	var out []ClipView
	if err := s.Clips(context.Background(), Filter{}, func(v ClipView) error { out = append(out, v); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTwins: of two cameras with one identity the second is not read until the
// first is taken out.
func TestTwins(t *testing.T) {
	s, root := daemon(t, nil)
	one, two := card(t, "2222222", "-U", oneUUID), card(t, "3333333", "-U", oneUUID)
	first, out := plug(t, one, root, "a")
	until(t, s, "done", done(first))
	entries := s.ledger.Size()
	second, _ := plug(t, two, root, "b")
	st := until(t, s, "held", held(second, HoldSame))
	if b := bayAt(st, second); b.MayTake || b.Done != 0 || !strings.Contains(b.Reason, "bay b: this camera says that it is the one in bay a (same file system)") {
		t.Errorf("held as %+v", b)
	}
	if len(st.Alarms) != 1 || st.Alarms[0].Code != HoldSame || !slices.Equal(st.Alarms[0].Args, []string{"b", "a"}) {
		t.Errorf("alarms %+v", st.Alarms)
	}
	if n := len(clips(t, s)); n != 2 || s.ledger.Size() < entries {
		t.Errorf("%d clips while the second is held", n)
	}
	if n := s.reading.Load(); n != 0 {
		t.Errorf("%d cameras are being read: nothing else would be looked after", n)
	}
	out()
	st = until(t, s, "let go", done(second))
	if hasAlarm(st, HoldSame) || bayAt(st, second).Hold != "" || bayAt(st, second).Reason != "" {
		t.Errorf("still said: %+v", st)
	}
	if n := len(clips(t, s)); n != 4 {
		t.Errorf("%d clips of two cameras, want 4", n)
	}
}

// TestTwinTakenOut: a camera that is taken out while it is held leaves nothing
// behind, and its docking was never in the log.
func TestTwinTakenOut(t *testing.T) {
	s, root := daemon(t, nil)
	one, two := card(t, "2222222", "-U", oneUUID), card(t, "3333333", "-U", oneUUID)
	first, _ := plug(t, one, root, "a")
	until(t, s, "done", done(first))
	size := s.ledger.Size()
	second, out := plug(t, two, root, "b")
	until(t, s, "held", held(second, HoldSame))
	out()
	st := until(t, s, "cleared", func(st Status) bool { return bayAt(st, second).Path == "" })
	if len(st.Alarms) != 0 {
		t.Errorf("alarms %+v", st.Alarms)
	}
	for n := size; n < s.ledger.Size(); n++ {
		raw, err := s.ledger.Entry(n)
		if err != nil || strings.Contains(string(raw), "docking.") {
			t.Errorf("entered: %s, %v", raw, err)
		}
	}
}

// TestTwinRegistered: an admin tells two cameras apart by what the second alone
// has.
func TestTwinRegistered(t *testing.T) {
	s, root := daemon(t, nil)
	one, two := card(t, "2222222", "-U", oneUUID), card(t, "3333333", "-U", oneUUID)
	first, _ := plug(t, one, root, "a")
	until(t, s, "done", done(first))
	second, _ := plug(t, two, root, "b")
	until(t, s, "held", held(second, HoldSame))
	if _, err := s.Register(context.Background(), RegisterRequest{Camera: "b", Match: Match{ProfileID: "3333333"}, ID: "c033", Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	st := until(t, s, "let go", done(second))
	if b := bayAt(st, second); b.Device != "c033" || hasAlarm(st, HoldSame) {
		t.Errorf("let go as %+v, alarms %+v", b, st.Alarms)
	}
}

// TestNobodys: a camera that is a registered one by its file system and not by
// its own id is taken as nobody's, and that is said.
func TestNobodys(t *testing.T) {
	s, root := daemon(t, nil)
	disk := card(t, "3333333", "-U", oneUUID)
	if _, err := s.Register(context.Background(), RegisterRequest{Match: Match{FSUUID: oneUUID, ProfileID: "2222222"}, ID: "c022", Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	point, out := plug(t, disk, root, "a")
	st := until(t, s, "done", done(point))
	if b := bayAt(st, point); b.Device == "c022" || !hasAlarm(st, "device_differs") {
		t.Errorf("taken as %+v, alarms %+v", b, st.Alarms)
	}
	if d := dockedAt(t, s, point); d.Certain || d.Registered || !strings.Contains(d.Doubt, "own id is another") {
		t.Errorf("docked %+v", d)
	}
	for _, c := range clips(t, s) {
		if c.Device == "c022" || strings.HasPrefix(c.Source, "device:") {
			t.Errorf("a clip of nobody's: %+v", c)
		}
	}
	out()
	until(t, s, "over", func(st Status) bool { return !hasAlarm(st, "device_differs") && bayAt(st, point).Path == "" })
}

// TestChangedCard: a device that got the id it had in entries keeps that id to
// itself when its card turns into another's.
func TestChangedCard(t *testing.T) {
	s, root := daemon(t, nil)
	disk := card(t, "2222222")
	point, out := plug(t, disk, root, "a")
	until(t, s, "done", done(point))
	v, err := s.Register(context.Background(), RegisterRequest{Camera: "a", Actor: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	out()
	until(t, s, "out", func(st Status) bool { return bayAt(st, point).Path == "" })
	write(t, filepath.Join(disk.Mountpoint, "LOG", "20260902.txt"), "#ID:7777777\r\n")
	point, _ = plug(t, disk, root, "b")
	st := until(t, s, "done again", done(point))
	if b := bayAt(st, point); b.Device == v.ID || !hasAlarm(st, "device_differs") {
		t.Errorf("taken as %+v, registered is %s; alarms %+v", b, v.ID, st.Alarms)
	}
}

// TestAnotherBay: a camera that moves to another bay is itself there, at once,
// and nothing is taken twice.
func TestAnotherBay(t *testing.T) {
	s, root := daemon(t, nil)
	disk := card(t, "2222222")
	point, out := plug(t, disk, root, "a")
	device := bayAt(until(t, s, "done", done(point)), point).Device
	for _, bay := range []string{"b", "c", "b"} {
		out()
		point, out = plug(t, disk, root, bay)
		st := until(t, s, "done in "+bay, done(point))
		if b := bayAt(st, point); b.Device != device || b.Known != 2 || hasAlarm(st, HoldSame) {
			t.Errorf("in %s: %+v, alarms %+v", bay, b, st.Alarms)
		}
	}
	if n := len(clips(t, s)); n != 2 {
		t.Errorf("%d clips, want 2", n)
	}
}

// TestMovedWhileRead: a camera that was pulled in mid-read and sits elsewhere is
// no twin of what is left of it.
func TestMovedWhileRead(t *testing.T) {
	there, came := &resident{bay: &bay{}, reading: true, admitted: true}, &resident{bay: &bay{}}
	leaving, pull := context.WithCancel(context.Background())
	there.ctx, came.ctx = leaving, context.Background()
	there.seat, came.seat = seat{devID: "8:17"}, seat{devID: "8:33"}
	there.self = stay{strong: ids("fs_uuid", "U1")}
	s := openStation(t, testOptions(t))
	s.seats.all[there], s.seats.all[came] = true, true
	d := &docking{s: s, self: came, identities: ids("fs_uuid", "U1"), profile: s.profiles.Load().Named("a11")}
	if h := s.mayRead(d, true); h == nil || h.code != HoldSame {
		t.Fatalf("two at once: %+v", h)
	}
	pull()
	if h := s.mayRead(d, true); h == nil || !h.leaving {
		t.Errorf("one that is leaving: %+v", h)
	}
	if h := s.mayRead(d, false); h != nil || !came.admitted {
		t.Errorf("one that hangs holds up the other: %+v", h)
	}
	there.ctx, came.admitted = context.Background(), false
	there.seat.port = Port{Path: "1-1"}
	s.o.PortOf = func(string) (Port, bool) { return Port{}, false }
	there.reading = false
	if h := s.mayRead(d, true); h != nil {
		t.Errorf("a mount that outlived its camera: %+v", h)
	}
}

// TestUnknownCamera: what no profile knows waits for an admin when it hangs on
// USB, and only then.
func TestUnknownCamera(t *testing.T) {
	hub := &ports{}
	var o Options
	s, root := daemon(t, func(p *Options) { p.PortOf = hub.portOf; o = *p })
	stranger, other := testbench.LoopDisk(t, 32), testbench.LoopDisk(t, 32)
	write(t, filepath.Join(stranger.Mountpoint, "VIDEO", "one.bin"), "what is it")
	write(t, filepath.Join(other.Mountpoint, "VIDEO", "two.bin"), "what is it too")
	hub.at(t, stranger, "1-1.4")
	point, _ := plug(t, stranger, root, "a")
	st := until(t, s, "held", held(point, HoldUnknown))
	if b := bayAt(st, point); b.MayTake || b.Port != "1-1.4" || !hasAlarm(st, HoldUnknown) {
		t.Errorf("held as %+v, alarms %+v", b, st.Alarms)
	}
	empty := testbench.LoopDisk(t, 32)
	hub.at(t, empty, "1-1.5")
	nothing, _ := plug(t, empty, root, "c")
	until(t, s, "done with an empty one", done(nothing))
	elsewhere, _ := plug(t, other, root, "b")
	until(t, s, "not on USB", done(elsewhere))
	if sum, _ := take(t, s, stranger.Mountpoint, clip.Tags{}); sum.Stored != 1 {
		t.Errorf("a folder that a person names is held: %+v", sum)
	}
	cfg := o.Config
	cfg.Unknown = configs.UnknownTake
	if err := s.Reconfigure(context.Background(), cfg, configFile(t, "take")); err != nil {
		t.Fatal(err)
	}
	st = until(t, s, "taken", done(point))
	if len(st.Alarms) != 0 || dockedAt(t, s, point).Registered {
		t.Errorf("alarms %+v", st.Alarms)
	}
}

// TestUnknownRegistered: to register a camera says enough.
func TestUnknownRegistered(t *testing.T) {
	hub := &ports{}
	s, root := daemon(t, func(o *Options) { o.PortOf = hub.portOf })
	stranger := testbench.LoopDisk(t, 32)
	write(t, filepath.Join(stranger.Mountpoint, "one.bin"), "what is it")
	hub.at(t, stranger, "1-1.4")
	point, _ := plug(t, stranger, root, "a")
	until(t, s, "held", held(point, HoldUnknown))
	if _, err := s.Register(context.Background(), RegisterRequest{Camera: "1-1.4", ID: "c040", Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	if b := bayAt(until(t, s, "taken", done(point)), point); b.Device != "c040" {
		t.Errorf("taken as %+v", b)
	}
}
