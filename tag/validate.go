package tag

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/custodock/custodock/clip"
)

// Stages are the stages of a case that a clip can belong to: filing,
// investigation, review and decision, service and execution.
var Stages = []string{"立案", "调查取证", "审核决定", "送达执行"}

const (
	maxShort = 200  // bytes of a name or number
	maxLong  = 2000 // bytes of a sentence
	maxList  = 64   // items of a list
)

// Validate refuses tags that cannot be meant: a stage that is none, a place
// that is not on Earth, an interval that ends before it begins, text that is
// blank, too long or holds control or direction characters. Times that a
// device stated are not judged: they are kept as they came.
func Validate(t clip.Tags) error {
	if len(t.Cases) > 0 && t.NoCase != "" {
		return fmt.Errorf("both a case and a reason for no case; give one of them")
	}
	if t.Stage != "" && !slices.Contains(Stages, t.Stage) {
		return fmt.Errorf("stage %q; use one of %s", t.Stage, strings.Join(Stages, ", "))
	}
	for _, check := range []func(clip.Tags) error{validText, validPlace, validPart, validTimes, validSources} {
		if err := check(t); err != nil {
			return err
		}
	}
	return nil
}

func validText(t clip.Tags) error {
	for _, l := range []struct {
		name  string
		items int
	}{{"cases", len(t.Cases)}, {"collectors", len(t.Collectors)}, {"proves", len(t.Proves)}, {"times", len(t.Times)}} {
		if l.items > maxList {
			return fmt.Errorf("%s: %d items; use at most %d", l.name, l.items, maxList)
		}
	}
	for _, c := range t.Cases {
		if err := text("case", c, maxShort); err != nil {
			return err
		}
	}
	for _, p := range t.Proves {
		if err := text("proves", p, maxLong); err != nil {
			return err
		}
	}
	for _, c := range t.Collectors {
		if c.Person == "" && c.Badge == "" {
			return fmt.Errorf("a collector without name; give person or badge")
		}
		for _, v := range []struct{ name, value string }{{"person", c.Person}, {"badge", c.Badge}, {"unit", c.Unit}} {
			if err := optional("collector's "+v.name, v.value, maxShort); err != nil {
				return err
			}
		}
	}
	for _, v := range []struct {
		name, value string
		limit       int
	}{
		{"matter", t.Matter, maxShort}, {"party", t.Party, maxShort}, {"incident", t.Incident, maxShort},
		{"no_case", t.NoCase, maxLong},
	} {
		if err := optional(v.name, v.value, v.limit); err != nil {
			return err
		}
	}
	return nil
}

func validPlace(t clip.Tags) error {
	p := t.Place
	if p == nil {
		return nil
	}
	if err := optional("place", p.Text, maxLong); err != nil {
		return err
	}
	if (p.Lat == nil) != (p.Lon == nil) {
		return fmt.Errorf("place with one of latitude and longitude; give both")
	}
	if p.Lat == nil && p.Text == "" {
		return fmt.Errorf("place says nothing; give words, or latitude and longitude")
	}
	if p.Lat != nil && !onEarth(*p.Lat, *p.Lon) {
		return fmt.Errorf("place %v, %v; latitude is -90 to 90, longitude -180 to 180", *p.Lat, *p.Lon)
	}
	return nil
}

// onEarth is false for NaN.
func onEarth(lat, lon float64) bool { return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180 }

func validPart(t clip.Tags) error {
	if (t.FromMS != nil && *t.FromMS < 0) || (t.ToMS != nil && *t.ToMS <= 0) {
		return fmt.Errorf("part of the clip before its beginning; use milliseconds from the start")
	}
	if t.FromMS != nil && t.ToMS != nil && *t.FromMS >= *t.ToMS {
		return fmt.Errorf("part of the clip from %d ms to %d ms; it must end after it begins", *t.FromMS, *t.ToMS)
	}
	if t.Recording != nil {
		if t.Recording.Part < 1 {
			return fmt.Errorf("recording part %d; parts count from 1", t.Recording.Part)
		}
		return text("recording", t.Recording.ID, maxShort)
	}
	return nil
}

func validTimes(t clip.Tags) error {
	for _, v := range t.Times {
		switch v.Source {
		case clip.ByOfficer, clip.ByAdmin, clip.ByDispatch:
		default:
			continue
		}
		if err := text("time", v.Raw, maxShort); err != nil {
			return err
		}
		if _, err := ParseZone(v.Zone); v.Zone != "" && err != nil {
			return fmt.Errorf("time %q: %w", v.Raw, err)
		}
	}
	return nil
}

func validSources(t clip.Tags) error {
	known := []string{
		clip.ByDevice, clip.ByFilename, clip.ByMedia, clip.ByRoster, clip.ByDispatch, clip.ByOfficer, clip.ByAdmin,
	}
	for name, by := range t.Sources {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.name == name }) {
			return fmt.Errorf("source of %q, which is no tag", name)
		}
		if !slices.Contains(known, by) {
			return fmt.Errorf("source %q of %s; use one of %s", by, name, strings.Join(known, ", "))
		}
	}
	return nil
}

func optional(name, s string, limit int) error {
	if s == "" {
		return nil
	}
	return text(name, s, limit)
}

func text(name, s string, limit int) error {
	switch {
	case strings.TrimSpace(s) == "":
		return fmt.Errorf("%s is blank; write something or leave it out", name)
	case len(s) > limit:
		return fmt.Errorf("%s of %d bytes; use at most %d", name, len(s), limit)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s %q is no valid text; write it again", name, s)
	case strings.ContainsFunc(s, hidden):
		return fmt.Errorf("%s %q holds control or direction characters; write it without", name, s)
	}
	return nil
}

// hidden matches what changes a line without being seen in it.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
