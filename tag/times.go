package tag

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/custodock/custodock/clip"
)

// Fields of clip.Time that mean something here; the others are what the
// container calls them.
const (
	fieldName  = "name"
	fieldMtime = "mtime"
	fieldGPS   = "GPS"
	fieldMvhd  = "mvhd"
	fieldTkhd  = "tkhd"
)

// zoned and bare are the forms in which cameras and containers write times:
// ISO 8601, EXIF, RIFF IDIT, EBU Tech 3285 (bext) and the names of files.
// Fractions of a second are read by all that have seconds.
var (
	zoned = []string{
		time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05-0700",
		"2006:01:02 15:04:05Z07:00", "2006-01-02T15:04Z07:00",
	}
	bare = []string{
		"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006:01:02 15:04:05", "2006/01/02 15:04:05", time.ANSIC,
		"20060102150405", "20060102_150405", "2006_0102_150405", "20060102T150405",
	}
	minutes = []string{"2006-01-02T15:04", "2006-01-02 15:04", "060102_1504"}
)

// moment is a time as it was written, before a zone is chosen for it.
type moment struct {
	at    time.Time // in UTC where it is bare
	zoned bool
	step  time.Duration // resolution
}

// parse reads a time of day on a day. A year or a date alone is none.
func parse(raw string) (moment, bool) {
	raw = strings.Trim(raw, " \t\r\n\x00")
	if len(raw) < 10 || len(raw) > 64 {
		return moment{}, false
	}
	for _, layout := range zoned {
		if t, err := time.Parse(layout, raw); err == nil {
			return moment{t, true, time.Second}, true
		}
	}
	for _, layout := range bare {
		if t, err := time.Parse(layout, raw); err == nil {
			return moment{t, false, time.Second}, true
		}
	}
	for _, layout := range minutes {
		if t, err := time.Parse(layout, raw); err == nil {
			return moment{t, false, time.Minute}, true
		}
	}
	return moment{}, false
}

// Doubt says why a camera time is not believed, or "" when it may be. Clocks
// that lost their battery start again at 1904-01-01 (QuickTime), 1970-01-01
// (POSIX), 1980-01-01 (FAT) or 2000-01-01 and count on from there; FAT ends in
// 2107. now is the dock's time; zero turns the check for the future off.
func Doubt(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "no time"
	case t.Year() <= lastReset:
		return "the clock was reset: it says " + t.UTC().Format(time.DateOnly)
	case t.Year() >= firstWrong:
		return "the clock is wrong: it says " + t.UTC().Format(time.DateOnly)
	case !now.IsZero() && t.After(now.Add(48*time.Hour)):
		return "the clock is ahead of the dock: it says " + t.UTC().Format(time.DateOnly)
	}
	return ""
}

// The years up to which a clock was reset, and from which it is past its end.
const (
	lastReset  = 2000
	firstWrong = 2100
)

// broken reports whether a clock that says t lost the time.
func broken(t time.Time) bool { return t.Year() <= lastReset || t.Year() >= firstWrong }

// tellsTime reports whether a stated time says when. What a person wrote does,
// in any form.
func tellsTime(t clip.Time) bool {
	if m, ok := parse(t.Raw); ok {
		return Doubt(m.at, time.Time{}) == ""
	}
	switch t.Source {
	case clip.ByOfficer, clip.ByAdmin, clip.ByDispatch:
		return strings.TrimSpace(t.Raw) != ""
	}
	return false
}

// ParseZone returns the zone named by an IANA name, ±hh:mm or "Local".
func ParseZone(name string) (*time.Location, error) {
	if len(name) == 6 && (name[0] == '+' || name[0] == '-') && name[3] == ':' {
		h, herr := strconv.ParseUint(name[1:3], 10, 8)
		m, merr := strconv.ParseUint(name[4:], 10, 8)
		if herr == nil && merr == nil && h <= 14 && m < 60 {
			s := int(h*3600 + m*60)
			if name[0] == '-' {
				s = -s
			}
			return time.FixedZone(name, s), nil
		}
	}
	loc, err := time.LoadLocation(name)
	if name == "" || err != nil {
		return nil, fmt.Errorf("unknown zone %q; use a name like Asia/Shanghai, an offset like +08:00, or Local", name)
	}
	return loc, nil
}

// zone is a zone and who chose it.
type zone struct {
	name, source string
	loc          *time.Location
}

// clockZone is the zone of a camera clock that names none: the registered
// device's, else the dock's.
func clockZone(in Input) zone {
	if in.Device != nil && in.Device.Zone != "" {
		if loc, err := ParseZone(in.Device.Zone); err == nil {
			return zone{in.Device.Zone, "profile", loc}
		}
	}
	if loc, err := ParseZone(in.Zone); err == nil {
		return zone{in.Zone, "dock", loc}
	}
	return zone{"Local", "dock", time.Local}
}

// in reads the wall clock of t in the zone.
func (z zone) in(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), z.loc)
}

// label names the zone for a reader elsewhere: "Local" means nothing there.
func (z zone) label(t time.Time) string {
	if z.name == "Local" {
		return t.Format("-07:00")
	}
	return z.name
}

// times lists every time that was said, the strongest source first.
func times(in Input) []clip.Time {
	var out []clip.Time
	for _, r := range Readings(in) {
		out = append(out, r.Time)
	}
	return out
}
