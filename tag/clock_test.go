package tag

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
)

func wall(s string) Name {
	at := utc(s)
	return Name{At: at, Step: time.Second, Time: clip.Time{Raw: at.Format("20060102150405")}}
}

func clock(ms, errorMS int64, method string) *Clock {
	return &Clock{Point: Point{Offset: Offset{MS: ms, ErrorMS: errorMS, Method: method}, At: utc("2026-09-03T00:00:00Z")}}
}

const year = int64(365 * 24 * 3600 * 1000)

// TestCorrectByClock: what was measured of a clock goes onto the camera's own
// times, and only where a time comes out that can be.
func TestCorrectByClock(t *testing.T) {
	now := utc("2026-09-03T00:00:00Z")
	hour := int64(3600_000)
	tests := []struct {
		name string
		in   Input
		from string // "" when no time is believed
		off  Offset
	}{
		{"behind", Input{Name: wall("2026-09-02T10:00:00Z"), Clock: clock(hour, 20, Protocol)}, "2026-09-02T11:00:00Z", Offset{hour, 20, Protocol}},
		{"ahead by years", Input{Name: wall("2031-09-02T10:00:00Z"), Clock: clock(-5*year, 20, Protocol)}, "2026-09-03T10:00:00Z", Offset{-5 * year, 20, Protocol}},
		{"reset, and counted on since", Input{Name: wall("2000-01-03T10:00:00Z"), Clock: clock(int64(utc("2026-09-03T00:00:00Z").Sub(utc("2000-01-04T00:00:00Z")).Milliseconds()), 20, Protocol)},
			"2026-09-02T10:00:00Z", Offset{int64(utc("2026-09-03T00:00:00Z").Sub(utc("2000-01-04T00:00:00Z")).Milliseconds()), 20, Protocol}},
		{"from before the reset", Input{Name: wall("2026-09-01T10:00:00Z"), Clock: clock(26*year, 20, Protocol)}, "2026-09-01T10:00:00Z", Offset{0, 0, None}},
		{"FAT's end", Input{Name: wall("2107-12-31T23:59:58Z"), Clock: clock(hour, 20, GPS)}, "", Offset{0, 0, None}},
		{"a person's time stays", Input{Name: wall("2026-09-02T10:00:00Z"), Clock: clock(hour, 20, Protocol),
			Flags: clip.Tags{Times: []clip.Time{{Raw: "2026-09-02T10:00:30"}}}}, "2026-09-02T10:00:30Z", Offset{30_000, 2000, Stated}},
		{"satellite time stays", Input{Name: wall("2026-09-02T10:00:00Z"), Clock: clock(hour, 20, Protocol), Media: media("GPS", "2026:09:02 10:00:30")},
			"2026-09-02T10:00:30Z", Offset{30_000, 2000, GPS}},
		{"nothing measured", Input{Name: wall("2026-09-02T10:00:00Z"), Clock: clock(0, 0, None)}, "2026-09-02T10:00:00Z", Offset{0, 0, None}},
		{"a bound", Input{Name: wall("2026-09-03T03:00:00Z"), Clock: clock(-3*hour, 24*hour, Newest)}, "2026-09-03T00:00:00Z", Offset{-3 * hour, 24 * hour, Newest}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Zone, tt.in.Now = "UTC", now
			raw := times(tt.in)
			s, off, ok := Correct(tt.in)
			if ok != (tt.from != "") || ok && !s.From.Equal(utc(tt.from)) {
				t.Errorf("span %v, %v", s, ok)
			}
			if ok && off.Method != None && !outside(raw[0]) && s.ErrorMS != 1000+off.ErrorMS {
				t.Errorf("error %d", s.ErrorMS)
			}
			if d := cmp.Diff(tt.off, off); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(raw, times(Input{Name: tt.in.Name, Media: tt.in.Media, Flags: tt.in.Flags, Zone: "UTC", Now: now})); d != "" {
				t.Errorf("what was said changed: %s", d)
			}
		})
	}
}

func TestSince(t *testing.T) {
	at := func(hours float64, ms int64, method string) Point {
		return Point{Offset{ms, 500, method}, utc("2026-09-01T00:00:00Z").Add(time.Duration(hours * float64(time.Hour)))}
	}
	tests := []struct {
		name     string
		was, now Point
		ppm      float64
		drift    bool
		changed  string
	}{
		{"gains 2 s a day", at(0, 0, GPS), at(240, -20_000, GPS), 23.148, true, ""},
		{"loses", at(0, -5000, Protocol), at(100, 0, Stated), -13.889, true, ""},
		{"too soon", at(0, 0, GPS), at(0.5, -100, GPS), 0, false, ""},
		{"summer time", at(0, 0, GPS), at(48, 3600_000, GPS), 0, false, ChangedHour},
		{"winter time, and drift", at(0, 3600_000, GPS), at(48, -4000, GPS), 0, false, ChangedHour},
		{"set", at(0, 0, GPS), at(48, 600_000, GPS), 0, false, ChangedSet},
		{"reset", at(0, 0, GPS), at(48, 26*year, Protocol), 0, false, ChangedSet},
		{"so long ago that an hour may be drift", at(0, 0, GPS), at(8760, 3600_000, GPS), -114.155, true, ""},
		{"a bound is no point", at(0, -3600_000, Newest), at(48, 0, GPS), 0, false, ""},
		{"a bound is no second point", at(0, 0, GPS), at(48, -3600_000, Newest), 0, false, ""},
		{"the dock's clock was set back", at(48, 0, GPS), at(0, 3600_000, GPS), 0, false, ""},
	}
	for _, tt := range tests {
		drift, changed := Since(tt.was, tt.now)
		if (drift != nil) != tt.drift || changed != tt.changed {
			t.Errorf("%s: drift %+v, changed %q", tt.name, drift, changed)
		}
		if drift != nil && (drift.PPM-tt.ppm > 0.001 || tt.ppm-drift.PPM > 0.001 || !drift.From.Equal(tt.was.At) || !drift.To.Equal(tt.now.At)) {
			t.Errorf("%s: %+v", tt.name, drift)
		}
	}
}

// TestAlongTheDrift: a clip from between two dockings gets the offset of then.
func TestAlongTheDrift(t *testing.T) {
	from, to := utc("2026-09-01T00:00:00Z"), utc("2026-09-11T00:00:00Z")
	c := Clock{Point: Point{Offset{-20_000, 500, GPS}, to}, Drift: &Drift{PPM: 20_000.0 / 864_000_000 * 1e6, ErrorPPM: 1, From: from, To: to}}
	for camera, want := range map[string]int64{
		"2026-09-11T00:00:20Z": -20_000, "2026-09-06T00:00:20Z": -10_000, "2026-08-20T00:00:00Z": 0, "2026-09-12T00:00:00Z": -20_000,
	} {
		if got := c.at(utc(camera)); got.MS != want || got.ErrorMS != 500 || got.Method != GPS {
			t.Errorf("at %s: %+v, want %d", camera, got, want)
		}
	}
	c.Drift.ErrorPPM = 100
	if got := c.at(utc("2026-09-06T00:00:20Z")); got.MS != -20_000 {
		t.Errorf("a drift within its error moves the offset to %d", got.MS)
	}
}

func TestFromGPS(t *testing.T) {
	gps := media("GPS", "2026:09:02 10:00:30")
	tests := []struct {
		name string
		in   Input
		ms   int64
		ok   bool
	}{
		{"name", Input{Name: wall("2026-09-02T10:00:00Z"), Media: gps}, 30_000, true},
		{"EXIF", Input{Media: media("GPS", "2026:09:02 10:00:30", "DateTimeOriginal", "2026:09:02 10:00:31")}, -1000, true},
		{"reset clock", Input{Name: wall("2000-01-01T00:00:00Z"), Media: gps}, utc("2026-09-02T10:00:30Z").Sub(utc("2000-01-01T00:00:00Z")).Milliseconds(), true},
		{"modification time alone", Input{Media: gps, ModTime: utc("2026-09-02T10:00:00Z")}, 0, false},
		{"no satellite time", Input{Name: wall("2026-09-02T10:00:00Z")}, 0, false},
		{"a receiver that woke up in 1980", Input{Name: wall("2026-09-02T10:00:00Z"), Media: media("GPS", "1980:01:06 00:00:00")}, 0, false},
		{"a year that cannot be counted", Input{Name: wall("0001-02-02T10:00:00Z"), Media: gps}, 0, false},
	}
	for _, tt := range tests {
		tt.in.Zone = "UTC"
		if o, ok := FromGPS(tt.in); ok != tt.ok || o.MS != tt.ms || ok && (o.Method != GPS || o.ErrorMS != 2000) {
			t.Errorf("%s: %+v, %v", tt.name, o, ok)
		}
	}
}

func TestMiddle(t *testing.T) {
	of := func(ms ...int64) (out []Offset) {
		for _, v := range ms {
			out = append(out, Offset{v, 1000, GPS})
		}
		return out
	}
	for _, tt := range []struct {
		of   []Offset
		want Offset
	}{
		{of(5), Offset{5, 1000, GPS}}, {of(9000, 1000, 2000), Offset{2000, 8000, GPS}}, {of(3, 1, 2, 3, 3), Offset{3, 1002, GPS}},
	} {
		if got, ok := Middle(tt.of); !ok || got != tt.want {
			t.Errorf("%v: %+v", tt.of, got)
		}
	}
	if _, ok := Middle(nil); ok {
		t.Error("nothing has a median")
	}
}

func TestAhead(t *testing.T) {
	now := utc("2026-09-02T12:00:00Z")
	tests := []struct {
		name string
		in   Input
		want time.Duration
	}{
		{"past", Input{Name: wall("2026-09-02T11:00:00Z"), ModTime: utc("2026-09-02T11:30:00Z")}, 0},
		{"name to come", Input{Name: wall("2026-09-02T13:00:01Z")}, time.Hour},
		{"end to come", Input{Name: wall("2026-09-02T11:59:00Z"), ModTime: utc("2026-09-02T14:00:01Z")}, 2 * time.Hour},
		{"FAT without a zone", Input{ModTime: utc("2026-09-02T20:00:01Z"), FAT: true, Zone: "Asia/Shanghai"}, 0},
		{"FAT beyond any zone", Input{ModTime: utc("2026-09-02T21:00:02Z"), FAT: true, Zone: "Asia/Shanghai"}, time.Hour},
		{"years", Input{Name: wall("2031-09-02T12:00:01Z")}, time.Duration(5*365+1) * 24 * time.Hour},
		{"FAT's end", Input{ModTime: utc("2107-12-31T23:59:58Z")}, 0},
		{"a person", Input{Flags: clip.Tags{Times: []clip.Time{{Raw: "2027-01-01T00:00:00"}}}}, 0},
	}
	for _, tt := range tests {
		if tt.in.Zone == "" {
			tt.in.Zone = "UTC"
		}
		if got := Ahead(tt.in, now); got != tt.want {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
	if o := FromNewest(time.Hour); o != (Offset{-3600_000, 24 * 3600_000, Newest}) {
		t.Errorf("%+v", o)
	}
}

func TestOddAndReset(t *testing.T) {
	now := utc("2026-09-02T12:00:00Z")
	tests := []struct {
		name  string
		in    Input
		odd   []string
		reset string
	}{
		{"good", Input{Name: wall("2026-09-02T11:00:00Z")}, nil, ""},
		{"FAT's beginning", Input{ModTime: utc("1980-01-01T00:00:00Z")}, []string{`mtime "1980-01-01T00:00:00Z": the clock was reset: it says 1980-01-01`}, "1980-01-01"},
		{"reset in the name", Input{Name: wall("2000-01-01T00:12:00Z")}, []string{`name "20000101001200": the clock was reset: it says 2000-01-01`}, "2000-01-01"},
		{"FAT's end", Input{ModTime: utc("2107-12-31T23:59:58Z")}, []string{`mtime "2107-12-31T23:59:58Z": the clock is wrong: it says 2107-12-31`}, "2107-12-31"},
		{"a header that was left empty", Input{Media: media("mvhd", "1904-01-01T00:00:00Z")}, []string{`mvhd "1904-01-01T00:00:00Z": the clock was reset: it says 1904-01-01`}, ""},
		{"and a good time", Input{Media: media("mvhd", "1904-01-01T00:00:00Z"), ModTime: now}, []string{`mvhd "1904-01-01T00:00:00Z": the clock was reset: it says 1904-01-01`}, ""},
		{"ahead is not reset", Input{Name: wall("2031-09-02T11:00:00Z")}, []string{`name "20310902110000": the clock is ahead of the dock: it says 2031-09-02`}, ""},
		{"garbage", Input{Media: media("IDIT", "\x1b[2J")}, nil, ""},
	}
	for _, tt := range tests {
		tt.in.Zone, tt.in.Now = "UTC", now
		if d := cmp.Diff(tt.odd, Odd(tt.in)); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		if got := Reset(tt.in); got != tt.reset {
			t.Errorf("%s: reset %q", tt.name, got)
		}
	}
}
