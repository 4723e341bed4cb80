package audit

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/tag"
)

// Gaps looks for what is missing among the clips of a log.
type Gaps struct {
	profiles profile.Set
	only     string // device, "" for all
	log      string
	cameras  map[string]*camera
}

// camera is what the log has of one device.
type camera struct {
	device   string
	dockings int
	clips    int
	nameless int // records that were erased
	files    []file
	left     map[string]leftFile // seen on the camera and not taken, by path
	last     docking             // the newest
	whole    int64               // the newest docking that was listed to its end, -1 for none
	logs     []DeviceLog
	logged   map[logged]*DeviceLog // the log that says so first
	unread   int                   // logs that could not be read
}

type docking struct {
	n   int64
	end string // "" while no docking.closed is there
}

// leftFile is a file that a docking saw and did not take.
type leftFile struct {
	docking int64
	place   int // in the list of that docking, from 0; -1 came after it
}

// file is a clip as its name reads.
type file struct {
	n        int64 // its entry
	docking  int64
	role     clip.Role
	path     string
	at       time.Time // when it began, zero where nobody can say
	named    time.Time // the same as its name says, in the device's own time
	number   profile.Number
	numbered bool
	take     string // what joins it with the files beside it
	claims   bool   // its name says that it belongs to a recording
	id       string // of the recording, where the name has one, and which part
	part     int
}

// recording reports whether the file is what a camera is there to make.
func (f file) recording() bool { return f.role.NeedsTags() }

// NewGaps looks at all devices, or at one.
func NewGaps(profiles profile.Set, device string) *Gaps {
	return &Gaps{profiles: profiles, only: device, cameras: map[string]*camera{}}
}

// Wants reports whether Take needs an entry and its record.
func (g *Gaps) Wants(e manifest.Entry) bool {
	switch e.Type {
	case "docking.opened", "docking.closed", "clip.ingested":
		return g.only == "" || e.Fields.Str("device") == g.only
	}
	return false
}

// Take takes the next entry that is wanted, with its record, nil where it was erased.
func (g *Gaps) Take(e manifest.Entry, record []byte) {
	device := e.Fields.Str("device")
	c := g.cameras[device]
	if c == nil {
		c = &camera{device: device, whole: -1, left: map[string]leftFile{}, logged: map[logged]*DeviceLog{}}
		g.cameras[strings.Clone(device)] = c
	}
	g.log = e.Log
	switch e.Type {
	case "docking.opened":
		c.dockings++
		c.last = docking{n: e.N}
	case "docking.closed":
		c.closed(e, record)
	case "clip.ingested":
		c.clips++
		g.clip(c, e, record)
	}
}

// closed takes the end of a docking: what it saw and did not take is still on the
// camera, unless a later one took it.
func (c *camera) closed(e manifest.Entry, record []byte) {
	n, _ := e.Fields.Int("docking")
	end := e.Fields.Str("end")
	if n >= c.last.n {
		c.last = docking{n: n, end: end}
	}
	if end == "complete" {
		c.whole = max(c.whole, n)
	}
	var rec closedRecord
	if !decode(record, &rec) {
		c.nameless++
		return
	}
	for i, name := range rec.Before {
		at := rawPath(name.Path, name.PathHex)
		switch name.Outcome {
		case "ignored":
		case "recorded", "known", "stored":
			delete(c.left, at)
		default:
			c.left[at] = leftFile{n, i}
		}
	}
	for _, name := range rec.Changed {
		if at := rawPath(name.Path, name.PathHex); slices.Contains(name.What, "new") {
			c.left[at] = leftFile{n, -1}
		}
	}
}

// clip takes a clip.
func (g *Gaps) clip(c *camera, e manifest.Entry, record []byte) {
	var rec ingestedRecord
	if !decode(record, &rec) {
		c.nameless++
		return
	}
	f := file{n: e.N, role: clip.Role(e.Fields.Str("role")), path: rawPath(rec.Path, rec.PathHex)}
	f.docking, _ = e.Fields.Int("docking")
	delete(c.left, f.path)
	if from, err := time.Parse(time.RFC3339, e.Fields.Sub("span").Str("from")); err == nil {
		f.at = from
	}
	p := g.profiles.Named(rec.Profile)
	if p == nil {
		p = g.profiles.Match(nil, "", "")
	}
	facts := p.Classify(f.path)
	f.number, f.numbered = p.Number(f.path)
	f.named = facts.At
	if facts.Recording != nil {
		f.id, f.part = facts.Recording.ID, facts.Recording.Part
	}
	f.claims = !facts.Guessed && (f.numbered || facts.Recording != nil)
	f.take = takeOf(f, facts)
	c.files = append(c.files, f)
	if rule := p.DeviceLog(f.path); rule != nil && f.role == clip.Log {
		if d, err := clip.ParseDigest(e.Fields.Str("sha256")); err == nil {
			size, _ := e.Fields.Int("size")
			c.logs = append(c.logs, DeviceLog{Clip: e.Name(), Digest: d, Size: size, docking: f.docking, camera: c, rule: rule})
		}
	}
}

// takeOf names what a file has in common with those of the same recording: its
// number and time where the name has both, since some cameras keep small twins in
// another folder; else number or stem, in one folder.
func takeOf(f file, facts profile.Facts) string {
	dir, base := path.Split(f.path)
	stem := strings.ToLower(strings.TrimSuffix(base, path.Ext(base)))
	part := ""
	if f.id != "" {
		part = fmt.Sprintf("%s/%d", f.id, f.part)
		stem = ""
	}
	if facts.Seq != "" && !facts.At.IsZero() {
		return strings.Join([]string{facts.Device, facts.Seq, part, facts.Time.Raw}, "\x00")
	}
	return strings.Join([]string{dir, stem, part}, "\x00")
}

// Findings is what was found, of each device in the order of their names.
func (g *Gaps) Findings() Findings {
	out := Findings{Log: g.log, Devices: []Device{}, Gaps: []Gap{}, Result: Complete}
	for _, id := range slices.Sorted(maps.Keys(g.cameras)) {
		d, gaps := g.cameras[id].judge(g.log)
		out.Devices = append(out.Devices, d)
		out.Gaps = append(out.Gaps, gaps...)
		out.Result = Worse(out.Result, d.Result)
	}
	if len(out.Devices) == 0 {
		out.Result = Unknown
	}
	return out
}

func (c *camera) judge(log string) (Device, []Gap) {
	d := Device{Device: c.device, Dockings: c.dockings, Clips: c.clips, Counts: []Count{}, Unknown: []Doubt{}, Result: Complete}
	var gaps []Gap
	for _, look := range []func(*Device, string) []Gap{c.numbers, c.chapters, c.beside, c.listing, c.ownLog} {
		gaps = append(gaps, look(&d, log)...)
	}
	if c.nameless > 0 {
		d.doubt("record_erased", int64(c.nameless), "")
	}
	for i := range gaps {
		gaps[i].Device = c.device
	}
	slices.SortStableFunc(gaps, func(a, b Gap) int { return cmp.Compare(a.Docking, b.Docking) })
	switch {
	case len(gaps) > 0:
		d.Result = Missing
	case len(d.Unknown) > 0:
		d.Result = Unknown
	}
	return d, gaps
}

// believed reports whether a time of a device can be used to put files in order.
func believed(t time.Time) bool { return tag.Doubt(t, time.Time{}) == "" }
