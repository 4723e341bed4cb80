package profile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/tag"
)

// maxValue bounds a value taken from a name or a file, in bytes.
const maxValue = 64

// Pattern says what the end of a path means. The expression must match as many
// last elements of the path as it has itself, whole and without regard to
// case; every / in it counts as a separator. Its groups: device, officer,
// unit, seq; time, or date and time; number of a recording and chapter of it.
type Pattern struct {
	Pattern    string `yaml:"pattern"`
	Example    string `yaml:"example"`     // a path it matches, held against it when loading
	Time       string `yaml:"time"`        // Go layout of the time group, or of date and time joined by a space
	Zone       string `yaml:"zone"`        // the clock's zone where the format fixes it, such as UTC
	ChapterAdd int    `yaml:"chapter_add"` // added to the chapter to get the part, which counts from 1
	Distinct   bool   `yaml:"distinct"`    // cannot be mistaken for another device's names
	Counts     string `yaml:"counts"`      // what seq, or number, counts without leaving one out: device, folder or day

	format  string // the profile it is of
	re      *regexp.Regexp
	depth   int
	loc     *time.Location
	factory *regexp.Regexp
}

var groups = map[string]bool{
	"device": true, "officer": true, "unit": true, "seq": true, "time": true, "date": true, "number": true, "chapter": true,
}

func (p *Pattern) compile(d *configs.Document, at string) (err error) {
	if p.re, err = compileWhole(p.Pattern); err != nil {
		return d.Errorf(at+".pattern", "%v", err)
	}
	p.depth = strings.Count(p.Pattern, "/") + 1
	has := map[string]bool{}
	for _, g := range p.re.SubexpNames() {
		if g != "" && (!groups[g] || has[g]) {
			return d.Errorf(at+".pattern", "group %q is unknown or stands twice; groups: device, officer, unit, seq, time, date, number, chapter", g)
		}
		has[g] = true
	}
	if has["time"] != (p.Time != "") || (has["date"] && !has["time"]) || (has["chapter"] && !has["number"]) {
		return d.Errorf(at, "time needs a layout, a layout and date need the group time, chapter needs number")
	}
	p.loc = time.UTC
	if p.Zone != "" {
		if p.loc, err = tag.ParseZone(p.Zone); err != nil {
			return d.Errorf(at+".zone", "%v", err)
		}
	}
	if p.ChapterAdd < 0 || p.ChapterAdd > 100 {
		return d.Errorf(at+".chapter_add", "chapter_add %d; use 0 to 100", p.ChapterAdd)
	}
	var f Facts
	if p.Example == "" || !p.read(p.Example, &f) {
		return d.Errorf(at+".example", "the example %q does not match the pattern; give a path that does", p.Example)
	}
	if p.Time != "" && f.At.IsZero() {
		return d.Errorf(at+".time", "layout %q does not read the example's time %q", p.Time, f.Time.Raw)
	}
	if problem := p.countsProblem(f); problem != "" {
		return d.Errorf(at+".counts", "%s", problem)
	}
	return nil
}

// read fills f with what path says, if it matches.
func (p *Pattern) read(path string, f *Facts) bool {
	m := p.re.FindStringSubmatch(tail(path, p.depth))
	if m == nil {
		return false
	}
	group := func(name string) string {
		if i := p.re.SubexpIndex(name); i >= 0 {
			return printable(m[i])
		}
		return ""
	}
	f.Device, f.Officer, f.Unit = p.set(group("device")), p.set(group("officer")), p.set(group("unit"))
	f.Seq = group("seq")
	if raw := strings.TrimPrefix(group("date")+" "+group("time"), " "); raw != "" {
		p.readTime(raw, f)
	}
	if id := group("number"); id != "" {
		if part := p.part(group("chapter")); part > 0 {
			f.Recording = &clip.Recording{ID: id, Part: part}
		}
		if f.Seq == "" {
			f.Seq = id
		}
	}
	return true
}

// set returns a number unless it is the factory setting.
func (p *Pattern) set(s string) string {
	if p.factory != nil && p.factory.MatchString(s) {
		return ""
	}
	return s
}

// readTime keeps the raw time even where it is no time, such as 20269999.
func (p *Pattern) readTime(raw string, f *Facts) {
	f.Time = clip.Time{Source: clip.ByFilename, Field: "name", Raw: raw}
	if p.Zone != "" {
		f.Time.Zone, f.Time.ZoneSource = p.Zone, "profile"
	}
	t, err := time.ParseInLocation(p.Time, raw, p.loc)
	if err != nil {
		return
	}
	f.At, f.Step = t, time.Second
	if !strings.Contains(p.Time, "05") {
		f.Step = time.Minute
	}
}

// part returns the part of a recording, 0 when there is none.
func (p *Pattern) part(chapter string) int {
	if p.re.SubexpIndex("chapter") < 0 {
		return 1
	}
	n, err := strconv.Atoi(chapter)
	if err != nil || n < 1 {
		return 0
	}
	return n + p.ChapterAdd
}

// IDFile is a file on the device that holds its id.
type IDFile struct {
	File    string `yaml:"file"`    // glob
	Pattern string `yaml:"pattern"` // regular expression whose first group is the id

	glob    glob
	re      *regexp.Regexp
	factory *regexp.Regexp
}

func (f *IDFile) compile(d *configs.Document, at string) (err error) {
	if f.glob, err = compileGlob(f.File); err != nil {
		return d.Errorf(at+".file", "%v", err)
	}
	if f.re, err = regexp.Compile(f.Pattern); err != nil {
		return d.Errorf(at+".pattern", "%v; see the syntax of Go regular expressions", err)
	}
	if f.re.NumSubexp() != 1 {
		return d.Errorf(at+".pattern", "%d groups; write one, around the id", f.re.NumSubexp())
	}
	return nil
}

// Match reports whether path is such a file.
func (f IDFile) Match(path string) bool { return f.glob.match(path) }

// Find returns the id in the beginning of such a file, or "". It is printable;
// a factory setting is no id.
func (f IDFile) Find(data []byte) string {
	for _, m := range f.re.FindAllSubmatch(data, 1000) {
		if id := printable(string(m[1])); id != "" && !f.factory.MatchString(id) {
			return id
		}
	}
	return ""
}

// IDFiles says what to read, and how, to learn the device's own id. The caller
// bounds what it reads; the first 64 KiB are enough for every known device.
func (p *Profile) IDFiles() []IDFile { return p.IDs }

// LabelDevice returns the device id that a volume label is, or "".
func (p *Profile) LabelDevice(label string) string {
	if p.labelID == nil || !p.labelID.MatchString(label) || p.factory.MatchString(label) {
		return ""
	}
	return printable(label)
}

// printable returns s, or "" when it could not be shown as it is: a value from
// a camera ends up in tags, tables and terminals.
func printable(s string) string {
	if len(s) > maxValue || !utf8.ValidString(s) {
		return ""
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return strings.TrimSpace(s)
}

// String names the profile and its maker.
func (p *Profile) String() string {
	if p.Vendor == "" {
		return p.Name
	}
	return fmt.Sprintf("%s (%s)", p.Name, p.Vendor)
}
