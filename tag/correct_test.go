package tag

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
)

func media(kv ...string) clip.Media {
	var m clip.Media
	for i := 0; i < len(kv); i += 2 {
		m.Times = append(m.Times, clip.Time{Source: clip.ByMedia, Field: kv[i], Raw: kv[i+1]})
	}
	return m
}

func TestCorrect(t *testing.T) {
	from := utc("2026-09-02T10:01:18Z") // 18:01:18 in Shanghai
	span := func(from time.Time, length time.Duration, errorMS int64) Span {
		return Span{From: from, To: from.Add(length), ErrorMS: errorMS}
	}
	none := Offset{Method: "none"}
	minute := clip.Media{DurationMS: 60000}
	tests := []struct {
		name string
		in   Input
		span Span
		off  Offset
		ok   bool
	}{
		{"nothing", Input{}, Span{}, none, false},
		{"name in the dock's zone", Input{Name: a11(), Media: minute}, span(from, time.Minute, 1000), none, true},
		{"name in the device's zone", Input{Name: a11(), Device: &Assignment{Zone: "+09:00"}}, span(from.Add(-time.Hour), 0, 1000), none, true},
		{"name in the zone of its format", Input{Name: func() Name { n := a11(); n.Time.Zone = "UTC"; return n }()},
			span(utc("2026-09-02T18:01:18Z"), 0, 1000), none, true},
		{"a minute in the name", Input{Name: Name{Step: time.Minute, At: utc("2026-09-02T18:01:00Z"), Time: clip.Time{Raw: "260902_1801"}}},
			span(utc("2026-09-02T10:01:00Z"), 0, 60000), none, true},
		{"measured offset", Input{Name: a11(), Media: minute, Clock: &Clock{Point: Point{Offset: Offset{MS: -5000, ErrorMS: 20, Method: "protocol"}}}},
			span(from.Add(-5*time.Second), time.Minute, 1020), Offset{MS: -5000, ErrorMS: 20, Method: "protocol"}, true},
		{"EXIF", Input{Media: media("DateTimeOriginal", "2026:09:02 18:01:18")}, span(from, 0, 1000), none, true},
		{"creation date with a zone", Input{Media: media("com.apple.quicktime.creationdate", "2026-09-02T19:01:18+0900")}, span(from, 0, 1000), none, true},
		{"IDIT", Input{Media: media("IDIT", "WED SEP 02 18:01:18 2026\n\x00")}, span(from, 0, 1000), none, true},
		{"bext", Input{Media: media("bext", "2026-09-02 18:01:18")}, span(from, 0, 1000), none, true},
		{"movie header may be local time", Input{Media: media("mvhd", "2026-09-02T10:01:18Z")}, span(from, 0, 1000+8*3600*1000), none, true},
		{"name over movie header", Input{Name: a11(), Media: media("mvhd", "2026-09-02T18:01:18Z")}, span(from, 0, 1000), none, true},
		{"GPS", Input{Name: a11(), Media: media("GPS", "2026:09:02 10:00:18")}, span(from.Add(-time.Minute), 0, 1000),
			Offset{MS: -60000, ErrorMS: 2000, Method: "gps"}, true},
		{"GPS alone", Input{Media: media("GPS", "2026-09-02T10:01:18Z"), ModTime: from.Add(time.Hour)}, span(from, 0, 1000), Offset{Method: "gps"}, true},
		{"stated", Input{Name: a11(), Flags: clip.Tags{Times: []clip.Time{{Raw: "2026-09-02T18:00:18"}}}},
			span(from.Add(-time.Minute), 0, 1000), Offset{MS: -60000, ErrorMS: 2000, Method: "stated"}, true},
		{"reset clock and a person", Input{Name: Name{At: utc("2000-01-01T00:00:03Z"), Time: clip.Time{Raw: "20000101000003"}},
			Flags: clip.Tags{Times: []clip.Time{{Raw: "2026-09-02 18:01"}}}}, span(utc("2026-09-02T10:01:00Z"), 0, 60000), Offset{Method: "stated"}, true},
		{"end of recording", Input{Media: minute, ModTime: from.Add(time.Minute)}, span(from, time.Minute, 1000), none, true},
		{"FAT", Input{Media: minute, ModTime: from.Add(time.Minute), FAT: true}, span(from, time.Minute, 2000+8*3600*1000), none, true},
		{"date alone is no time of day", Input{Media: media("©day", "2026-09-02", "TYER", "2026")}, Span{}, none, false},
		{"absurd length", Input{Name: a11(), Media: clip.Media{DurationMS: 1 << 62}}, span(from, 0, 1000), none, true},
		{"ahead of the dock", Input{Name: a11(), Now: from.Add(-49 * time.Hour)}, Span{}, none, false},
		{"a zone ahead of the dock", Input{Name: a11(), Now: from.Add(-14 * time.Hour)}, span(from, 0, 1000), none, true},
	}
	for _, reset := range []string{
		"1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1980-01-01T00:00:00Z", "1980-01-01T00:12:00Z", "2000-01-01T00:00:00Z",
		"2000-02-03T04:05:06Z", "2107-12-31T23:59:58Z", "1999-12-31T16:00:00Z",
	} {
		tests = append(tests, struct {
			name string
			in   Input
			span Span
			off  Offset
			ok   bool
		}{"reset " + reset, Input{ModTime: utc(reset), Name: Name{At: utc(reset), Time: clip.Time{Raw: reset}}, Media: media("mvhd", reset, "IDIT", reset)},
			Span{}, none, false})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Zone = "Asia/Shanghai"
			s, off, ok := Correct(tt.in)
			if diff := cmp.Diff(tt.span, s); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.off, off); diff != "" || ok != tt.ok {
				t.Errorf("believed %v, want %v; offset %s", ok, tt.ok, diff)
			}
		})
	}
}

func TestReadingsSayWhy(t *testing.T) {
	in := Input{Name: Name{At: utc("1980-01-01T00:00:00Z"), Time: clip.Time{Raw: "19800101000000"}}, Media: media("mvhd", "garbage"), Zone: "UTC"}
	var got []string
	for _, r := range Readings(in) {
		got = append(got, r.Time.Raw+": "+r.Doubt)
	}
	want := []string{"19800101000000: the clock was reset: it says 1980-01-01", "garbage: tells no time of day"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLocalZoneIsNamedByItsOffset(t *testing.T) {
	at := time.Date(2026, 9, 2, 18, 1, 18, 0, time.Local)
	for _, zone := range []string{"Local", "", "Mars"} {
		got := Propose(Input{Name: a11(), Zone: zone}).Times
		want := []clip.Time{{Source: "filename", Field: "name", Raw: "20260902180118", Zone: at.Format("-07:00"), ZoneSource: "dock"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("zone %q: %s", zone, diff)
		}
	}
}

func TestParseZone(t *testing.T) {
	at := utc("2026-09-02T12:00:00Z")
	for name, want := range map[string]int{"+08:00": 28800, "-03:30": -12600, "+14:00": 50400, "UTC": 0, "Asia/Shanghai": 28800} {
		loc, err := ParseZone(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, got := at.In(loc).Zone(); got != want {
			t.Errorf("%s is %d seconds from UTC, want %d", name, got, want)
		}
	}
	for _, name := range []string{"", "+8:00", "+15:00", "+08:60", "++8:00", "08:00", "Mars/Olympus", "../../etc/passwd"} {
		if loc, err := ParseZone(name); err == nil {
			t.Errorf("%q taken for %v", name, loc)
		}
	}
}

func FuzzPropose(f *testing.F) {
	f.Add("20260902180118", "2026:09:02 18:01:18", "Asia/Shanghai", int64(60000), "222222")
	f.Add("", "WED SEP 02 18:01:18 2026\n", "+08:00", int64(-1), "")
	f.Add("\xff", "9999-12-31T23:59:59+14:00", "Local", int64(1)<<62, "\x1b[2J")
	f.Add("19800101000000", "0000-00-00T00:00:00Z", "", int64(0), "0")
	f.Fuzz(func(t *testing.T, name, raw, zone string, ms int64, officer string) {
		in := Input{
			Name: Name{Officer: officer, Time: clip.Time{Raw: name}}, Zone: zone, ModTime: time.UnixMilli(ms), FAT: ms%2 == 0,
			Media: clip.Media{DurationMS: ms, Times: []clip.Time{{Field: "mvhd", Raw: raw}, {Field: "GPS", Raw: raw, Zone: zone}, {Field: "IDIT", Raw: raw}}},
		}
		if ms%3 == 0 {
			in.Clock = &Clock{Point: Point{Offset: Offset{MS: ms, ErrorMS: 1, Method: Protocol}, At: time.UnixMilli(ms)}}
		}
		Odd(in)
		Reset(in)
		FromGPS(in)
		Ahead(in, time.UnixMilli(ms))
		if m, ok := parse(name); ok {
			in.Name.At, in.Name.Step = m.at, m.step
		}
		tags := Propose(in)
		for _, f := range fields {
			if f.set(&tags) != (tags.Sources[f.name] != "") {
				t.Fatalf("%s: set %v, source %q", f.name, f.set(&tags), tags.Sources[f.name])
			}
		}
		raws := strings.Builder{}
		for _, tm := range tags.Times {
			raws.WriteString(tm.Raw)
		}
		if !strings.Contains(raws.String(), raw) || !strings.Contains(raws.String(), name) {
			t.Fatalf("a raw time was lost: %q %q in %+v", name, raw, tags.Times)
		}
		s, off, ok := Correct(in)
		if ok && (s.To.Before(s.From) || s.ErrorMS < 0 || off.Method == "" || Doubt(s.From, time.Time{}) != "") {
			t.Fatalf("span %+v, offset %+v", s, off)
		}
		Missing(tags)
		_ = Validate(tags)
	})
}
