package bundle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/tag"
)

// dossier is all that entries and records of the package say of one clip.
type dossier struct {
	entry manifest.Entry
	about []manifest.Entry // the statements about it, in order
	rec   acquired
	tags  clip.Tags // as they were last said
}

// acquired is what the record of a clip.ingested says.
type acquired struct {
	Source  clip.Source `json:"source"`
	Path    string      `json:"path"`
	ModTime time.Time   `json:"mtime"`
	Profile string      `json:"profile"`
	Media   clip.Media  `json:"media"`
	Tags    clip.Tags   `json:"tags"`
	Resumed int64       `json:"resumed_at"`
	Notes   []string    `json:"notes"`
}

// statement is what the record of any other entry may say.
type statement struct {
	Tags   clip.Tags `json:"tags"`
	Reason string    `json:"reason"`
	For    string    `json:"for"`
	Range  string    `json:"range"`
	Tool   string    `json:"tool"`
	Name   string    `json:"name"`
	FromMS *int64    `json:"from_ms"`
	ToMS   *int64    `json:"to_ms"`
}

// statement reads the record of an entry as far as it is one of ours; of one that
// was erased there is nothing to tell.
func (w *writer) statement(e manifest.Entry) (s statement) {
	_ = json.Unmarshal(w.records[e.N], &s)
	return s
}

func (w *writer) dossier(e manifest.Entry) *dossier {
	d := &dossier{entry: e}
	_ = json.Unmarshal(w.records[e.N], &d.rec)
	d.tags = d.rec.Tags
	d.about = w.about[e.Name()]
	for _, o := range d.about {
		if o.Type == "clip.tagged" {
			d.tags = tag.Merge(d.tags, w.statement(o).Tags)
		}
	}
	return d
}

// sheet writes down what there is to say of a clip.
func (w *writer) sheet(d *dossier) sheet {
	e := d.entry
	size, _ := e.Fields.Int("size")
	s := sheet{Name: e.Name(), SHA256: e.Fields.Str("sha256"), When: w.span(e), File: w.files[e.Name()]}
	s.Lines = append(s.Lines,
		mono("sha256", s.SHA256), mono("sm3", e.Fields.Str("sm3")), putWords("algorithm", algorithms(e)),
		put("size", fmt.Sprintf("%d B (%s)", size, message.Size(size))),
		put("file", d.rec.Path), w.inPackage(s.File), putWords("category", either("role", e.Fields.Str("role"))),
		put("format", format(d.rec.Media)), put("duration", duration(d.rec.Media.DurationMS)))
	s.Lines = append(s.Lines, w.times(d)...)
	s.Lines = append(s.Lines, whereWho(d)...)
	s.Lines = append(s.Lines, why(d.tags)...)
	s.Lines = append(s.Lines, w.method(d)...)
	s.Lines = append(s.Lines, w.derived(d)...)
	s.Lines = withValues(s.Lines)
	s.Custody = w.custody(d)
	return s
}

// inPackage is where a file lies, or that it does not.
func (w *writer) inPackage(file string) line {
	if file == "" {
		return putWords("in_package", say("omitted"))
	}
	return mono("in_package", file)
}

// derived tells of the files that were made from a clip.
func (w *writer) derived(d *dossier) (lines []line) {
	for _, e := range d.about {
		if e.Type != "clip.derived" {
			continue
		}
		said := w.statement(e)
		size, _ := e.Fields.Int("size")
		l := putWords("derived", either("kind", e.Fields.Str("kind")))
		for _, s := range []string{said.Name, fmt.Sprintf("%d B, SHA-256 %s", size, e.Fields.Str("sha256")), said.Tool, interval(said), w.files[e.Name()]} {
			if s != "" {
				l.Values = append(l.Values, value{Text: text(s)})
			}
		}
		if w.files[e.Name()] == "" {
			l.Values = append(l.Values, value{Words: say("omitted")})
		}
		lines = append(lines, l)
	}
	return lines
}

func interval(s statement) string {
	if s.FromMS == nil || s.ToMS == nil {
		return ""
	}
	return milliseconds(*s.FromMS) + " – " + milliseconds(*s.ToMS)
}

func withValues(all []line) (out []line) {
	for _, l := range all {
		if len(l.Values) > 0 {
			out = append(out, l)
		}
	}
	return out
}

func algorithms(e manifest.Entry) words {
	if e.Fields.Str("sm3") != "" {
		return say("algorithm.both")
	}
	return say("algorithm.sha256")
}

func format(m clip.Media) string {
	all := []string{m.Container, m.VideoCodec, m.AudioCodec}
	if m.Width > 0 {
		all = append(all, fmt.Sprintf("%d×%d", m.Width, m.Height))
	}
	return strings.Join(strings.Fields(strings.Join(all, " ")), " ")
}

func duration(ms int64) string {
	if ms <= 0 {
		return ""
	}
	d := time.Duration(ms) * time.Millisecond
	return fmt.Sprintf("%d:%02d:%06.3f", int(d.Hours()), int(d.Minutes())%60, float64(d.Milliseconds()%60000)/1000)
}

// span is when the clip was recorded, as the dock corrected it.
func (w *writer) span(e manifest.Entry) string {
	at := e.Fields.Sub("span")
	from, err1 := time.Parse(time.RFC3339Nano, at.Str("from"))
	to, err2 := time.Parse(time.RFC3339Nano, at.Str("to"))
	if err1 != nil || err2 != nil {
		return ""
	}
	return w.when(from) + " – " + w.when(to)
}

// times say when, each with how it is known and how far it may be off.
func (w *writer) times(d *dossier) []line {
	e := d.entry
	recorded := put("recorded", w.span(e))
	if ms, ok := e.Fields.Sub("span").Int("error_ms"); ok {
		recorded.Values = append(recorded.Values, value{Words: say("give_or_take", milliseconds(ms))})
	}
	offset := line{What: say("offset")}
	if o := e.Fields.Sub("offset"); o != nil {
		ms, _ := o.Int("ms")
		off, _ := o.Int("error_ms")
		offset.Values = append(offset.Values, value{Words: either("method", o.Str("method"))})
		if o.Str("method") != "none" {
			offset.Values = append(offset.Values, value{Words: say("offset.by", milliseconds(ms), milliseconds(off))})
		}
	}
	raw := line{What: say("raw")}
	for _, t := range d.tags.Times {
		said := strings.Join(strings.Fields(t.Raw+" "+t.Zone), " ")
		raw.Values = append(raw.Values, value{Text: text(fmt.Sprintf("%s (%s %s)", said, t.Source, t.Field))})
	}
	read := put("ingested", w.when(e.T))
	read.Values = append(read.Values, value{Words: clock(e.Clock)})
	return []line{recorded, offset, raw, read}
}

func clock(c manifest.Clock) words {
	if !c.Synced {
		return say("clock.free", text(c.Source))
	}
	return say("clock.synced", text(c.Source), milliseconds(c.ErrorMS))
}

func milliseconds(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

func whereWho(d *dossier) []line {
	place := line{What: say("place")}
	if p := d.tags.Place; p != nil {
		place = put("place", p.Text, degrees(p))
	} else if p := d.rec.Media.Place; p != nil {
		place = put("place", degrees(p))
	}
	var people []string
	for _, c := range d.tags.Collectors {
		people = append(people, strings.Join(strings.Fields(c.Person+" "+c.Badge+" "+c.Unit), " "))
	}
	e := d.entry
	maker := strings.Join(strings.Fields(d.rec.Media.Make+" "+d.rec.Media.Model+" "+d.rec.Media.Serial), " ")
	source := ""
	if d.rec.Source.Kind != "" {
		source = d.rec.Source.String()
	}
	return []line{
		place, put("collector", people...), mono("device", e.Fields.Str("device")), put("bay", e.Fields.Str("bay")),
		put("maker", cmp.Or(maker, d.rec.Profile)), mono("source", source),
	}
}

func degrees(p *clip.Place) string {
	if p.Lat == nil || p.Lon == nil {
		return ""
	}
	return fmt.Sprintf("%.6f, %.6f (WGS 84)", *p.Lat, *p.Lon)
}

func why(t clip.Tags) []line {
	lines := []line{
		put("cases", t.Cases...), put("no_case", t.NoCase), put("matter", t.Matter), put("stage", t.Stage),
		put("party", t.Party), put("proves", t.Proves...), put("incident", t.Incident),
	}
	if r := t.Recording; r != nil {
		lines = append(lines, put("part", fmt.Sprintf("%d (%s)", r.Part, r.ID)))
	}
	return lines
}

// method is how the clip was read, and by what.
func (w *writer) method(d *dossier) []line {
	how := putWords("read", say("read.once"))
	if d.rec.Resumed > 0 {
		how.Values = append(how.Values, value{Words: say("read.resumed", d.rec.Resumed)})
	}
	lines := append([]line{how}, w.program(d.entry)...)
	return append(lines, put("notes", d.rec.Notes...))
}
