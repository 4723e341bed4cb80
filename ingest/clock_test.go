package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/tag"
)

// aged gives files a time of their own.
func aged(t *testing.T, when time.Time, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
}

// entriesOf are the entries of one type, with their records.
func entriesOf(t *testing.T, s *Station, kind string) (entries []manifest.Entry, records [][]byte) {
	t.Helper()
	for n := range s.ledger.Size() {
		raw, err := s.ledger.Entry(n)
		if err != nil {
			t.Fatal(err)
		}
		e, err := manifest.ParseEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != kind {
			continue
		}
		var record []byte
		if e.Record != "" {
			if record, err = s.ledger.Record(n); err != nil {
				t.Fatal(err)
			}
		}
		entries, records = append(entries, e), append(records, record)
	}
	return entries, records
}

// lastClock is what the newest docking.closed says of the camera's clock.
func lastClock(t *testing.T, s *Station) (manifest.Object, clockRecord) {
	t.Helper()
	entries, records := entriesOf(t, s, "docking.closed")
	var rec struct{ Clock clockRecord }
	if err := json.Unmarshal(records[len(records)-1], &rec); err != nil {
		t.Fatal(err)
	}
	return entries[len(entries)-1].Fields.Sub("offset"), rec.Clock
}

// watch is a dock at a time of its own with a camera whose clock a hook tells.
type watch struct {
	*Station
	hands *hands
	cam   string
	says  string // file with the hook's answer
	taken int
}

func newWatch(t *testing.T, hook bool) *watch {
	t.Helper()
	o, hands := testOptions(t), evening()
	o.Now = hands.now
	o.Config.Zone = "UTC"
	w := &watch{hands: hands, cam: t.TempDir(), says: filepath.Join(t.TempDir(), "says")}
	if hook {
		o.Config.Hooks = []configs.Hook{{Profile: "a11", Clock: []string{"/bin/cat", w.says}, Timeout: time.Minute}}
	}
	w.Station = openStation(t, o)
	return w
}

// film makes a clip that the camera's clock dates so long before its now.
func (w *watch) film(t *testing.T, camera time.Time) string {
	t.Helper()
	w.taken++
	name := fmt.Sprintf("A11_2222222_100234_%s_%04d.mp4", camera.Format("20060102150405"), w.taken)
	write(t, filepath.Join(w.cam, name), fmt.Sprint("clip ", w.taken))
	aged(t, camera, filepath.Join(w.cam, name))
	return name
}

// dock takes the camera in and returns what became of the clip of that name.
func (w *watch) dock(t *testing.T, name string) ClipDetail {
	t.Helper()
	_, results := take(t, w.Station, w.cam, clip.Tags{})
	d, err := w.Show(context.Background(), results[name].Clip)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestClockIsAsked: the camera's own answer corrects its clips, beside what
// they said, and a clock that is off is an alarm until it is right.
func TestClockIsAsked(t *testing.T) {
	w := newWatch(t, true)
	camera := w.hands.now().Add(-time.Hour) // an hour behind
	name := w.film(t, camera.Add(-10*time.Minute))
	write(t, w.says, camera.Format(time.RFC3339)+" error_ms=20\n")
	d := w.dock(t, name)
	want := &tag.Offset{MS: 3600_000, ErrorMS: 20, Method: tag.Protocol}
	if diff := cmp.Diff(want, d.Offset); diff != "" || !d.Span.From.Equal(w.hands.now().Add(-10*time.Minute)) || d.Span.ErrorMS != 1020 {
		t.Errorf("span %+v, offset %s", d.Span, diff)
	}
	if d.Tags.Times[0].Raw != camera.Add(-10*time.Minute).Format("20060102150405") {
		t.Errorf("the raw time is %+v", d.Tags.Times)
	}
	calls, records := entriesOf(t, w.Station, "hook.called")
	if len(calls) != 1 || calls[0].Fields.Str("hook") != "clock" || calls[0].Fields.Str("result") != "ok" || calls[0].Fields.Str("device") != d.Device ||
		!bytes.Contains(records[0], []byte(`"answer":"`+camera.Format(time.RFC3339)+` error_ms=20\n"`)) {
		t.Errorf("entered %+v, %s", calls, records)
	}
	if offset, rec := lastClock(t, w.Station); offset.Str("method") != "protocol" || rec.MS != 3600_000 || rec.N != 1 || rec.DriftPPM != nil {
		t.Errorf("closed with %+v, %+v", offset, rec)
	}
	if got := codes(t, w.Station); !slices.Equal(got, []string{"camera_clock " + d.Device + " -1h0m0s"}) {
		t.Errorf("alarms %q", got)
	}
	w.hands.move(24 * time.Hour)
	write(t, w.says, w.hands.now().Add(-time.Second).Format(time.RFC3339)+"\n")
	w.dock(t, name)
	if got := codes(t, w.Station); len(got) > 0 {
		t.Errorf("a clock that is right: %q", got)
	}
	if _, rec := lastClock(t, w.Station); rec.Changed != tag.ChangedHour || rec.Before == nil || rec.Before.MS != 3600_000 {
		t.Errorf("an hour's jump: %+v", rec)
	}
}

// TestClockAnswers: an answer that means nothing is a failed call, and the
// camera is read all the same.
func TestClockAnswers(t *testing.T) {
	for answer, ok := range map[string]bool{
		"2026-09-02T18:00:00Z\n": true, "2026-09-02T18:00:00.25+08:00 error_ms=5\n": true, "  2026-09-02T18:00:00Z error_ms=0": true,
		"": false, "now\n": false, "2026-09-02 18:00:00\n": false, "2026-09-02T18:00:00Z\n2026-09-02T18:00:00Z\n": false,
		"2026-09-02T18:00:00Z error_ms=-1": false, "2026-09-02T18:00:00Z error=5": false, "9999-09-02T18:00:00Z": false, "2026-09-02T18:00:00Z a b": false,
	} {
		if _, err := readClock(answer); (err == nil) != ok {
			t.Errorf("%q: %v", answer, err)
		}
	}
	if c, err := readClock("2026-09-02T18:00:00.25Z"); err != nil || c.errorMS != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	w := newWatch(t, true)
	write(t, w.says, "\x1b[2J")
	name := w.film(t, w.hands.now().Add(-time.Minute))
	if d := w.dock(t, name); d.Offset.Method != tag.None {
		t.Errorf("offset %+v", d.Offset)
	}
	if calls, _ := entriesOf(t, w.Station, "hook.called"); len(calls) != 1 || calls[0].Fields.Str("result") != "failed" {
		t.Errorf("entered %+v", calls)
	}
	if offset, _ := lastClock(t, w.Station); offset != nil {
		t.Errorf("closed with %+v", offset)
	}
}

// TestClockIsStated: a person's word counts for one docking, less than the
// camera's own and more than its files.
func TestClockIsStated(t *testing.T) {
	w := newWatch(t, false)
	ahead := w.film(t, w.hands.now().Add(3*time.Hour))
	d := w.dock(t, ahead)
	if d.Offset.Method != tag.Newest || d.Span.From.After(w.hands.now().Add(2*time.Second)) {
		t.Errorf("a file from the future: %+v, %+v", d.Span, d.Offset)
	}
	if got := codes(t, w.Station); !slices.Equal(got, []string{"camera_clock " + d.Device + " +2h59m59s"}) {
		t.Errorf("alarms %q", got)
	}
	r := ClockRequest{Device: d.Device, OffsetMS: -4 * 3600_000, ErrorMS: 5000, Reason: "read off its screen", Actor: "admin"}
	for _, bad := range []func(*ClockRequest){
		func(r *ClockRequest) { r.Reason = " " }, func(r *ClockRequest) { r.ErrorMS = -1 }, func(r *ClockRequest) { r.OffsetMS = 1 << 60 },
		func(r *ClockRequest) { r.Device = "c999" },
	} {
		q := r
		bad(&q)
		if err := w.StateClock(context.Background(), q); err == nil || q.Device == "c999" && !errors.Is(err, ErrNoDevice) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if err := w.StateClock(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	if got := codes(t, w.Station); !slices.Equal(got, []string{"camera_clock " + d.Device + " +4h0m0s"}) {
		t.Errorf("alarms %q", got)
	}
	w.hands.move(time.Hour)
	name := w.film(t, w.hands.now().Add(4*time.Hour-10*time.Minute))
	d = w.dock(t, name)
	if diff := cmp.Diff(&tag.Offset{MS: -4 * 3600_000, ErrorMS: 5000, Method: tag.Stated}, d.Offset); diff != "" || !d.Span.From.Equal(w.hands.now().Add(-10*time.Minute)) {
		t.Errorf("span %+v, offset %s", d.Span, diff)
	}
	w.hands.move(time.Hour)
	if d = w.dock(t, w.film(t, w.hands.now().Add(4*time.Hour-10*time.Minute))); d.Offset.Method != tag.Newest {
		t.Errorf("the word was used up: %+v", d.Offset)
	}
	entries, records := entriesOf(t, w.Station, "device.clock")
	if len(entries) != 1 || entries[0].Actor != "admin" || !bytes.Contains(records[0], []byte("read off its screen")) || bytes.Contains(entries[0].Raw, []byte("screen")) {
		t.Errorf("entered %+v", entries)
	}
	if _, err := w.Register(context.Background(), RegisterRequest{Match: Match{Serial: "QX7734A1"}, ID: "c900", Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	if err := w.StateClock(context.Background(), ClockRequest{Device: "c900", Reason: "r", Actor: "admin"}); err != nil {
		t.Errorf("a device that was registered by an entry: %v", err)
	}
}

// TestWhomToBelieve: what the camera says of its clock goes before what a
// person says, and that before what its files show, also when it is said while
// they are read.
func TestWhomToBelieve(t *testing.T) {
	w := newWatch(t, false)
	device := w.dock(t, w.film(t, w.hands.now().Add(-time.Hour))).Device
	d := &docking{s: w.Station, origin: origin{device: device}}
	if d.clockNow() != nil {
		t.Fatal("something is known of the clock")
	}
	for _, method := range []string{tag.GPS, tag.Newest, tag.Protocol} {
		c := tag.Clock{Point: tag.Point{Offset: tag.Offset{MS: 1, Method: method}, At: w.hands.now()}}
		d.clock.measured.Store(&c)
		if got := d.clockNow(); got.Method != method {
			t.Errorf("%s alone: %s", method, got.Method)
		}
	}
	if err := w.StateClock(context.Background(), ClockRequest{Device: device, OffsetMS: 2, Reason: "r", Actor: "admin"}); err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]string{tag.GPS: tag.Stated, tag.Newest: tag.Stated, tag.Protocol: tag.Protocol} {
		c := tag.Clock{Point: tag.Point{Offset: tag.Offset{MS: 1, Method: method}, At: w.hands.now()}}
		d.clock.measured.Store(&c)
		if got := d.clockNow(); got.Method != want {
			t.Errorf("%s beside a person's word: %s", method, got.Method)
		}
	}
}

// TestClockBySatellite: the camera's stills tell how far its clock is off.
func TestClockBySatellite(t *testing.T) {
	w := newWatch(t, false)
	still, err := os.ReadFile("../configs/sample/canon/DCIM/100CANON/IMG_0006.JPG")
	if err != nil {
		t.Fatal(err)
	}
	// The camera is 10 minutes and 4, 5 and 9 seconds ahead of the satellites.
	for i, local := range []string{"18:15:07", "18:15:08", "18:15:12"} {
		was, is := []byte("2026:09:02 18:05:07"), []byte("2026:09:02 "+local)
		if !bytes.Contains(still, was) {
			t.Fatal("the sample has another time")
		}
		name := filepath.Join(w.cam, "DCIM", "100CANON", fmt.Sprintf("IMG_%04d.JPG", i))
		write(t, name, string(bytes.ReplaceAll(still, was, is)))
		aged(t, w.hands.now(), name)
	}
	name := "DCIM/100CANON/MVI_20260902_170000.AVI"
	write(t, filepath.Join(w.cam, name), "moving")
	aged(t, w.hands.now().Add(-time.Hour), filepath.Join(w.cam, name))
	d := w.dock(t, name)
	want := &tag.Offset{MS: -605_000, ErrorMS: 6000, Method: tag.GPS}
	if diff := cmp.Diff(want, d.Offset); diff != "" {
		t.Error(diff)
	}
	if offset, rec := lastClock(t, w.Station); offset.Str("method") != "gps" || rec.N != 3 {
		t.Errorf("closed with %+v, %+v", offset, rec)
	}
	if got := codes(t, w.Station); !slices.Equal(got, []string{"camera_clock " + d.Device + " +10m5s"}) {
		t.Errorf("alarms %q", got)
	}
}

// TestDrift: two measured points make a drift, also after the log was adopted
// from a store, and a clip from between them lies on its line.
func TestDrift(t *testing.T) {
	w := newWatch(t, true)
	first := w.hands.now()
	write(t, w.says, first.Format(time.RFC3339)+" error_ms=0")
	w.dock(t, w.film(t, first.Add(-time.Minute)))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	o := w.o
	o.State, o.Create = filepath.Join(t.TempDir(), "state"), true
	o.Config.Stores = []configs.Store{storeAt("file://" + filepath.Join(w.state, "central"))}
	if err := os.MkdirAll(o.State, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(w.state, "key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(o.State, "key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(context.Background(), o, RecoverOptions{}); err != nil {
		t.Fatalf("recover: %v", err)
	}
	w.Station = openStation(t, o)
	w.hands.move(10 * 24 * time.Hour)
	write(t, w.says, w.hands.now().Add(20*time.Second).Format(time.RFC3339)+" error_ms=0")
	d := w.dock(t, w.film(t, first.Add(5*24*time.Hour+10*time.Second)))
	if d.Offset.MS != -10_000 || !d.Span.From.Equal(first.Add(5*24*time.Hour)) {
		t.Errorf("in between: %+v, %+v", d.Span, d.Offset)
	}
	offset, rec := lastClock(t, w.Station)
	if ms, _ := offset.Int("ms"); ms != -20_000 || rec.DriftPPM == nil || *rec.DriftPPM != 23.148 || rec.DriftFrom != formatTime(first) ||
		rec.DriftTo != formatTime(w.hands.now()) || rec.Changed != "" {
		t.Errorf("closed with %+v, %+v", offset, rec)
	}
}
