package tag

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/custodock/custodock/clip"
)

// The ways to know a camera's clock, the most trusted first.
const (
	Protocol = "protocol" // the camera said what time it has
	Stated   = "stated"   // a person said it
	GPS      = "gps"      // its clips have satellite time beside its own
	Newest   = "newest"   // its newest file would end in the future: a bound
	None     = "none"
)

const (
	// newestError stands for what a bound does not tell: how long before the
	// docking the newest file was made.
	newestError = 24 * time.Hour
	// mostDrift is beyond what a crystal does, in millionths: 17 seconds a day.
	// A clock that moved more was set.
	mostDrift = 200
	// leastDrift is the shortest time over which a drift is told.
	leastDrift = time.Hour
)

// Point is the offset of a clock at a moment of the dock's time.
type Point struct {
	Offset
	At time.Time `json:"at"`
}

// exact reports whether the point was measured and is no mere bound.
func (p Point) exact() bool { return p.Method == Protocol || p.Method == Stated || p.Method == GPS }

// Drift is how fast a clock gains on the true time, in millionths, between two
// moments.
type Drift struct {
	PPM      float64
	ErrorPPM float64
	From, To time.Time
}

// Clock is what one docking knows of a camera's clock.
type Clock struct {
	Point
	N     int    // answers, statements or clips it rests on
	Drift *Drift // since the docking before; nil when nothing can be told
}

// The ways in which a clock can have changed between two dockings without
// drifting.
const (
	ChangedHour = "hour" // by one hour: summer time, or another zone
	ChangedSet  = "set"  // it was set, or reset
)

// Since compares a clock with what it was at an earlier docking: it drifted, or
// it was changed by somebody or something. Neither is said of a bound.
func Since(was, now Point) (drift *Drift, changed string) {
	if !was.exact() || !now.exact() || !now.At.After(was.At) {
		return nil, ""
	}
	elapsed := float64(now.At.Sub(was.At).Milliseconds())
	moved := float64(now.MS - was.MS)
	slack := float64(was.ErrorMS + now.ErrorMS)
	may := slack + elapsed*mostDrift/1e6
	hour := float64(time.Hour.Milliseconds())
	switch {
	case math.Abs(moved) <= may:
		if now.At.Sub(was.At) < leastDrift {
			return nil, ""
		}
		return &Drift{PPM: -moved / elapsed * 1e6, ErrorPPM: slack / elapsed * 1e6, From: was.At, To: now.At}, ""
	case may < hour/2 && math.Abs(math.Abs(moved)-hour) <= may:
		return nil, ChangedHour
	}
	return nil, ChangedSet
}

// at is the offset at the moment that the camera calls t. Between two dockings
// it lies on the line of the drift, where that is larger than its error.
func (c Clock) at(t time.Time) Offset {
	o := c.Offset
	if c.Drift == nil || math.Abs(c.Drift.PPM) <= c.Drift.ErrorPPM {
		return o
	}
	then := t.Add(milliseconds(o.MS))
	if then.Before(c.Drift.From) {
		then = c.Drift.From
	}
	if age := c.At.Sub(then); age > 0 {
		o.MS += int64(math.Round(c.Drift.PPM * float64(age.Milliseconds()) / 1e6))
	}
	return o
}

// correct returns the reading with the clock's offset on it. It reports false
// where that gives a time that cannot be: the reading is from before the clock
// was set or reset, or it tells no time at all.
func (c *Clock) correct(r Reading, now time.Time) (time.Time, Offset, bool) {
	if c == nil || c.Method == None || r.At.IsZero() || outside(r.Time) {
		return time.Time{}, Offset{}, false
	}
	o := c.at(r.At)
	at := r.At.Add(milliseconds(o.MS))
	return at, o, Doubt(at, now) == ""
}

// FromGPS is the offset that one clip shows: its satellite time against the
// strongest time of the camera's own clock in it, believed or not. A
// modification time may be another machine's and shows nothing.
func FromGPS(in Input) (Offset, bool) {
	var gps, own *Reading
	readings := Readings(in)
	for i := range readings {
		r := &readings[i]
		switch {
		case r.At.IsZero():
		case r.Time.Field == fieldGPS && outside(r.Time):
			if gps == nil && r.Doubt == "" {
				gps = r
			}
		case own == nil && !outside(r.Time) && r.Time.Field != fieldMtime && countable(r.At):
			own = r
		}
	}
	if gps == nil || own == nil {
		return Offset{}, false
	}
	return Offset{MS: gps.At.Sub(own.At).Milliseconds(), ErrorMS: gps.ErrorMS + own.ErrorMS, Method: GPS}, true
}

// countable reports whether t can be subtracted from today without overflow.
func countable(t time.Time) bool { return t.Year() >= 1900 && t.Year() < 2200 }

// Middle makes one offset of what several clips show: their median, with the
// largest distance from it and the error of that clip as its error.
func Middle(of []Offset) (Offset, bool) {
	if len(of) == 0 {
		return Offset{}, false
	}
	sorted := slices.Clone(of)
	slices.SortFunc(sorted, func(a, b Offset) int { return int(min(max(a.MS-b.MS, -1), 1)) })
	middle := sorted[len(sorted)/2]
	for _, o := range []Offset{sorted[0], sorted[len(sorted)-1]} {
		middle.ErrorMS = max(middle.ErrorMS, max(o.MS-middle.MS, middle.MS-o.MS)+o.ErrorMS)
	}
	return middle, true
}

// Ahead is how far, at least, a camera's clock is ahead of now because a file
// has a time that is yet to come; 0 when none has. Times at the end of what FAT
// can write tell of a broken clock, and not how far it is off.
func Ahead(in Input, now time.Time) time.Duration {
	most := time.Duration(0)
	for _, r := range Readings(in) {
		if !r.At.IsZero() && !outside(r.Time) && !broken(r.At) {
			most = max(most, r.At.Add(-milliseconds(r.ErrorMS)).Sub(now))
		}
	}
	return most
}

// FromNewest is the offset of a clock that is ahead by that much at least.
func FromNewest(ahead time.Duration) Offset {
	return Offset{MS: -ahead.Milliseconds(), ErrorMS: newestError.Milliseconds(), Method: Newest}
}

// Odd names the camera times that are not believed, each with the reason. What
// the device wrote is quoted.
func Odd(in Input) []string {
	var notes []string
	for _, r := range Readings(in) {
		if r.Doubt != "" && !r.At.IsZero() && !outside(r.Time) {
			notes = append(notes, fmt.Sprintf("%s %q: %s", fieldOf(r.Time), r.Time.Raw, r.Doubt))
		}
	}
	return notes
}

func fieldOf(t clip.Time) string {
	if t.Field == "" {
		return t.Source
	}
	return t.Field
}

// Reset returns the day that a clip's clock must have shown after it was reset,
// "" when any time of its camera can be believed or none was told. A container
// without a time often says 1904 or 1970, which tells nothing of the clock.
func Reset(in Input) string {
	day := ""
	for _, r := range Readings(in) {
		if r.At.IsZero() || outside(r.Time) {
			continue
		}
		if !broken(r.At) {
			return ""
		}
		if header := r.Time.Field == fieldMvhd || r.Time.Field == fieldTkhd; day == "" && !header {
			day = r.At.Format(time.DateOnly)
		}
	}
	return day
}

func milliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
