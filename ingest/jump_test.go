package ingest

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
)

// up is the time since boot by a clock that is not set while it stands.
func (h *hands) up() time.Duration { return h.now().Sub(time.Unix(0, 0)) }

// clockEntries are the entries of the dock's own clock, without their nonces.
func clockEntries(t *testing.T, s *Station) []manifest.Object {
	t.Helper()
	var out []manifest.Object
	for n := int64(0); n < s.ledger.Size(); n++ {
		raw, err := s.ledger.Entry(n)
		if err != nil {
			t.Fatal(err)
		}
		e, err := manifest.ParseEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(e.Type, "clock.") {
			e.Fields["type"] = e.Type
			out = append(out, e.Fields)
		}
	}
	return out
}

// TestClockJumps: a clock that is set, or loses its time service, is entered, and
// a jump is told to a person for a day.
func TestClockJumps(t *testing.T) {
	o, clock, up := testOptions(t), evening(), &hands{t: time.Unix(1000, 0)}
	var synced atomic.Bool
	o.Now, o.sinceBoot = clock.now, up.up
	o.Clock = func() manifest.Clock { return manifest.Clock{Source: "system", Synced: synced.Load()} }
	s := openStation(t, o)
	pass := func(real, shown time.Duration) {
		up.move(real)
		clock.move(shown)
		s.judgeJumps(t.Context())
	}
	pass(0, 0)
	pass(time.Minute, time.Minute+900*time.Millisecond) // made faster
	pass(time.Hour, time.Hour)                          // asleep
	if got := clockEntries(t, s); got != nil {
		t.Errorf("a steady clock: %v", got)
	}
	synced.Store(true)
	pass(time.Minute, time.Minute+time.Hour)
	synced.Store(false)
	pass(time.Minute, time.Minute-2*time.Second)
	want := []manifest.Object{
		{"type": "clock.jumped", "from": "2026-09-02T19:02:00.900Z", "to": "2026-09-02T20:02:00.900Z", "ms": int64(3_600_000)},
		{"type": "clock.changed", "synced": true},
		{"type": "clock.jumped", "from": "2026-09-02T20:03:00.900Z", "to": "2026-09-02T20:02:58.900Z", "ms": int64(-2000)},
		{"type": "clock.changed", "synced": false},
	}
	if d := cmp.Diff(want, clockEntries(t, s)); d != "" {
		t.Error(d)
	}
	if al, stands := s.alarms.stands("clock_jumped"); !stands || !cmp.Equal(al.Args, []string{"-2.0 s"}) || al.Since != clock.now() {
		t.Errorf("%+v", al)
	}
	pass(23*time.Hour, 23*time.Hour)
	if _, stands := s.alarms.stands("clock_jumped"); !stands {
		t.Error("it is told for less than a day")
	}
	pass(time.Hour, time.Hour)
	if _, stands := s.alarms.stands("clock_jumped"); stands || len(clockEntries(t, s)) != len(want) {
		t.Errorf("%v", clockEntries(t, s))
	}
}

// TestClockJumpIsOwed: what the log does not take at once is entered later, once and
// in its order.
func TestClockJumpIsOwed(t *testing.T) {
	o, clock, up := testOptions(t), evening(), &hands{t: time.Unix(1000, 0)}
	o.Now, o.sinceBoot = clock.now, up.up
	s := openStation(t, o)
	s.judgeJumps(t.Context())
	refused, cancel := context.WithCancel(t.Context())
	cancel()
	for _, by := range []time.Duration{time.Hour, -time.Minute} {
		clock.move(by)
		s.judgeJumps(refused)
	}
	if got := clockEntries(t, s); got != nil {
		t.Fatalf("the fault did not fire: %v", got)
	}
	for range 2 {
		s.judgeJumps(t.Context())
	}
	got := clockEntries(t, s)
	if len(got) != 2 || got[0]["ms"] != int64(3_600_000) || got[1]["ms"] != int64(-60_000) {
		t.Errorf("%v", got)
	}
	clock.move(time.Hour)
	s.judgeJumps(refused)
	o.ticks = make(chan time.Time)
	s.o.ticks = o.ticks
	if err := s.watch(refused); err == nil || len(clockEntries(t, s)) != 3 {
		t.Errorf("%v: %v", err, clockEntries(t, s))
	}
}

// TestClockWentBackOff: a clock that is before the newest entry when the dock
// starts went back while it was off.
func TestClockWentBackOff(t *testing.T) {
	o, clock := testOptions(t), evening()
	o.Now, o.sinceBoot = clock.now, clock.up
	if err := openStation(t, o).Close(); err != nil {
		t.Fatal(err)
	}
	clock.move(-24 * time.Hour)
	s := openStation(t, o)
	s.judgeJumps(t.Context())
	s.judgeJumps(t.Context())
	want := []manifest.Object{
		{"type": "clock.jumped", "from": "2026-09-02T18:00:00.000Z", "to": "2026-09-01T18:00:00.000Z", "ms": int64(-86_400_000)},
	}
	if d := cmp.Diff(want, clockEntries(t, s)); d != "" {
		t.Error(d)
	}
}

// TestSinceBoot: the kernel has a clock that goes on.
func TestSinceBoot(t *testing.T) {
	if first := sinceBoot(); first <= 0 || sinceBoot() < first {
		t.Error("the time since boot stands")
	}
}
