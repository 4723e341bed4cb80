package tag

import (
	"strings"
	"time"

	"github.com/custodock/custodock/clip"
)

// fatStep is the resolution of a FAT modification time.
const fatStep = 2 * time.Second

// maxDuration bounds the length of a clip that is believed.
const maxDuration = 30 * 24 * time.Hour

// Reading is one stated time and what is made of it.
type Reading struct {
	Time    clip.Time // as stated, with the zone it is read in
	At      time.Time // the instant; zero when it does not tell one
	ErrorMS int64     // how far off the reading may be, the camera clock taken as right
	Doubt   string    // why it is not believed; "" when it may be
}

// Span is the interval in which a clip was recorded.
type Span struct {
	From    time.Time `json:"from"` // UTC
	To      time.Time `json:"to"`
	ErrorMS int64     `json:"error_ms"` // either end may be off by so much, the camera clock's own error aside when the method is none
}

// Offset is what is added to a camera's time to get the true one.
type Offset struct {
	MS      int64  `json:"ms"`
	ErrorMS int64  `json:"error_ms"`
	Method  string `json:"method"` // protocol, gps, newest, stated or none
}

// Readings lists every time that was said of the clip, the most trusted first:
// persons and dispatch, GPS, the file name, the container, a container header
// that calls local time UTC, the modification time.
func Readings(in Input) []Reading {
	if in.readings != nil {
		return in.readings
	}
	z := clockZone(in)
	var out []Reading
	add := func(t clip.Time, r Reading) {
		for _, o := range out {
			if o.Time == t {
				return
			}
		}
		if r.Doubt == "" {
			r.Doubt = Doubt(r.At, in.Now)
		}
		r.Time = t
		out = append(out, r)
	}
	for _, said := range []struct {
		times []clip.Time
		by    string
	}{{in.Flags.Times, flagsBy(in)}, {in.Dispatch.Times, clip.ByDispatch}, {in.Said.Times, clip.ByDevice}} {
		for _, t := range said.times {
			if t.Source == "" {
				t.Source = said.by
			}
			add(z.read(t))
		}
	}
	gps, plain, headers := sortMedia(in.Media.Times)
	for _, t := range gps {
		add(z.readGPS(t))
	}
	if in.Name.Time.Raw != "" {
		add(z.readName(in.Name))
	}
	for _, t := range plain {
		add(z.read(t))
	}
	for _, t := range headers {
		add(z.readHeader(t))
	}
	if !in.ModTime.IsZero() {
		add(z.readMtime(in))
	}
	return out
}

func sortMedia(ts []clip.Time) (gps, plain, headers []clip.Time) {
	for _, t := range ts {
		if t.Source == "" {
			t.Source = clip.ByMedia
		}
		switch t.Field {
		case fieldGPS:
			gps = append(gps, t)
		case fieldMvhd, fieldTkhd:
			headers = append(headers, t)
		default:
			plain = append(plain, t)
		}
	}
	return gps, plain, headers
}

// read takes a time at its word, in its own zone where it has one.
func (z zone) read(t clip.Time) (clip.Time, Reading) {
	m, ok := parse(t.Raw)
	if !ok {
		return t, Reading{Doubt: "tells no time of day"}
	}
	if m.zoned {
		return t, Reading{At: m.at.UTC(), ErrorMS: m.step.Milliseconds()}
	}
	if t.Zone != "" {
		if loc, err := ParseZone(t.Zone); err == nil {
			z = zone{t.Zone, t.ZoneSource, loc}
			if z.source == "" {
				z.source = "stated"
			}
		}
	}
	at := z.in(m.at)
	t.Zone, t.ZoneSource = z.label(at), z.source
	return t, Reading{At: at.UTC(), ErrorMS: m.step.Milliseconds()}
}

// readGPS reads satellite time, which is UTC whether it says so or not.
func (z zone) readGPS(t clip.Time) (clip.Time, Reading) {
	if t.Zone == "" {
		z = zone{"UTC", "stated", time.UTC}
	}
	return z.read(t)
}

// readName reads the time in a file's name: the profile has parsed it.
func (z zone) readName(n Name) (clip.Time, Reading) {
	t := n.Time
	if t.Source == "" {
		t.Source = clip.ByFilename
	}
	if t.Field == "" {
		t.Field = fieldName
	}
	if n.At.IsZero() {
		return t, Reading{Doubt: "tells no time of day"}
	}
	step := max(n.Step, time.Second).Milliseconds()
	if t.Zone != "" {
		return t, Reading{At: n.At.UTC(), ErrorMS: step}
	}
	at := z.in(n.At)
	t.Zone, t.ZoneSource = z.label(at), z.source
	return t, Reading{At: at.UTC(), ErrorMS: step}
}

// readHeader reads the time of a movie header. ISO 14496-12 says UTC, many
// cameras write local time there: the error covers both.
func (z zone) readHeader(t clip.Time) (clip.Time, Reading) {
	t, r := z.read(t)
	if !r.At.IsZero() {
		r.ErrorMS += z.spread(r.At)
	}
	return t, r
}

// readMtime reads the modification time, which is when recording ended.
func (z zone) readMtime(in Input) (clip.Time, Reading) {
	t := clip.Time{Source: clip.ByDevice, Field: fieldMtime, Raw: in.ModTime.UTC().Format(time.RFC3339Nano)}
	r := Reading{At: in.ModTime.UTC().Add(-duration(in.Media)), ErrorMS: time.Second.Milliseconds()}
	if in.FAT {
		// The kernel had to guess a zone for the wall clock it found.
		r.ErrorMS = fatStep.Milliseconds() + z.spread(in.ModTime)
	}
	r.Doubt = Doubt(in.ModTime, in.Now)
	return t, r
}

// spread is how far local time is from UTC at t, in milliseconds.
func (z zone) spread(t time.Time) int64 {
	_, s := t.In(z.loc).Zone()
	return int64(max(s, -s)) * 1000
}

func duration(m clip.Media) time.Duration {
	if m.DurationMS <= 0 || m.DurationMS > maxDuration.Milliseconds() {
		return 0
	}
	return time.Duration(m.DurationMS) * time.Millisecond
}

// Correct returns when the clip was recorded and by how much the camera's
// clock was off. A person's word and satellite time are true time; any other
// reading is the camera's, and gets what is known of its clock on it. Without
// that the method is "none" and the span is the camera's word. It reports false
// when no time can be believed.
func Correct(in Input) (Span, Offset, bool) {
	for _, r := range Readings(in) {
		at, off, ok := r.At, Offset{Method: None}, r.Doubt == ""
		if outside(r.Time) {
			off = outsideOffset(in, r)
		} else if fixed, by, believed := in.Clock.correct(r, in.Now); believed {
			at, off, ok = fixed, by, true
		}
		if !ok {
			continue
		}
		errorMS := r.ErrorMS
		if !outside(r.Time) {
			errorMS += off.ErrorMS
		}
		return Span{From: at, To: at.Add(duration(in.Media)), ErrorMS: errorMS}, off, true
	}
	return Span{}, Offset{Method: None}, false
}

// outsideOffset is how far the camera's own clock was from a time that is not
// from it.
func outsideOffset(in Input, truth Reading) Offset {
	off := Offset{Method: Stated}
	if truth.Time.Field == fieldGPS {
		off.Method = GPS
	}
	for _, r := range Readings(in) {
		// A copy of the file may carry the dock's own modification time, so
		// it measures nothing.
		if r.Doubt == "" && !outside(r.Time) && r.Time.Field != fieldMtime {
			off.MS = truth.At.Sub(r.At).Milliseconds()
			off.ErrorMS = truth.ErrorMS + r.ErrorMS
			break
		}
	}
	return off
}

// outside reports whether a time does not come from the camera's own clock.
func outside(t clip.Time) bool {
	switch t.Source {
	case clip.ByOfficer, clip.ByAdmin, clip.ByDispatch, clip.ByRoster:
		return true
	}
	return t.Field == fieldGPS && strings.EqualFold(t.Source, clip.ByMedia)
}
