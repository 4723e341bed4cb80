// Package tag decides what a clip is called: who recorded it, when, where, for
// which case and what it is to prove. It weighs the sources that say so and
// keeps with each field who said it.
//
// It is pure: it reads no file and asks no clock. Camera times are kept as
// they were said, believed or not.
package tag

import (
	"time"

	"github.com/custodock/custodock/clip"
)

// Name is what a file's name says, as its device profile reads it.
type Name struct {
	Device    string // the device's own number
	Officer   string // badge or number of the officer
	Unit      string
	Seq       string          // sequence number, digits as they stand
	Time      clip.Time       // Raw is "" when the name has no time
	At        time.Time       // Time parsed; a bare wall clock, held in UTC, where Time.Zone is ""
	Step      time.Duration   // resolution of At: a second or a minute
	Recording *clip.Recording // chapters and parts of one take
}

// Assignment is what the roster says of a registered device.
type Assignment struct {
	ID         string
	Collectors []clip.Collector
	Unit       string
	Zone       string // of its clock; "" where nothing is known
}

// Input is all that is known of a clip when it is tagged.
type Input struct {
	Name     Name
	Media    clip.Media
	ModTime  time.Time   // as the filesystem gave it; zero when there is none
	FAT      bool        // ModTime comes from FAT or exFAT: 2 s steps and, in effect, no zone
	Said     clip.Tags   // what the device itself says outside of names and containers
	Device   *Assignment // nil when the device is not registered
	Dispatch clip.Tags   // what a dispatch system says
	Flags    clip.Tags   // what a person says
	FlagsBy  string      // clip.ByOfficer or clip.ByAdmin; "" is an officer
	Zone     string      // of the dock: IANA name, ±hh:mm, "" or "Local"
	Now      time.Time   // the dock's time; zero turns the check for camera times in the future off
	Clock    *Clock      // what was measured of the camera's clock; nil when nothing was

	readings []Reading // of all this, where it was read already
}

// Read returns in for whoever asks several things of it: its times are read once,
// so that nothing of it may be changed any more.
func Read(in Input) Input {
	in.readings = Readings(in)
	return in
}

// Propose returns the tags a clip has before anyone corrects them. For each
// field the strongest source wins: a person, then dispatch, the roster, the
// device, the container, the file name. Times keeps every time that was said.
func Propose(in Input) clip.Tags {
	t := fromName(in)
	for _, said := range []clip.Tags{
		fromMedia(in), signed(in.Said, clip.ByDevice), fromRoster(in.Device),
		signed(in.Dispatch, clip.ByDispatch), signed(in.Flags, flagsBy(in)),
	} {
		if !silent(said) { // as most are, of every clip
			t = Merge(t, said)
		}
	}
	t.Times = times(in)
	if len(t.Times) > 0 {
		t.Sources = withSource(t.Sources, "times", t.Times[0].Source)
	}
	return t
}

func flagsBy(in Input) string {
	if in.FlagsBy == "" {
		return clip.ByOfficer
	}
	return in.FlagsBy
}

func fromName(in Input) clip.Tags {
	var t clip.Tags
	if in.Name.Officer != "" {
		who := clip.Collector{Badge: in.Name.Officer, Unit: in.Name.Unit}
		if who.Unit == "" && in.Device != nil {
			who.Unit = in.Device.Unit
		}
		t.Collectors = []clip.Collector{who}
	}
	t.Recording = in.Name.Recording
	return signed(t, clip.ByFilename)
}

func fromMedia(in Input) clip.Tags {
	p := in.Media.Place
	if p == nil || p.Lat == nil || p.Lon == nil || !onEarth(*p.Lat, *p.Lon) || (*p.Lat == 0 && *p.Lon == 0) {
		// A receiver without a fix writes zeros.
		return clip.Tags{}
	}
	return signed(clip.Tags{Place: p}, clip.ByMedia)
}

func fromRoster(a *Assignment) clip.Tags {
	if a == nil {
		return clip.Tags{}
	}
	var t clip.Tags
	for _, c := range a.Collectors {
		if c.Unit == "" {
			c.Unit = a.Unit
		}
		t.Collectors = append(t.Collectors, c)
	}
	return signed(t, clip.ByRoster)
}

// signed notes the source of each set field that names none, and of each time.
func signed(t clip.Tags, by string) clip.Tags {
	if silent(t) {
		return clip.Tags{}
	}
	t = clone(t)
	for _, f := range fields {
		if f.set(&t) && t.Sources[f.name] == "" {
			t.Sources = withSource(t.Sources, f.name, by)
		}
	}
	for i := range t.Times {
		if t.Times[i].Source == "" {
			t.Times[i].Source = by
		}
	}
	return t
}
