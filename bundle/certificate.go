package bundle

import (
	"bytes"
	_ "embed" // the template
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
)

//go:embed certificate.tmpl
var certificateText string

// certificateForm is the certificate without its values. Everything that a
// record says is escaped by html/template, after message.Line took away what does
// not print.
var certificateForm = template.Must(template.New("certificate").Funcs(template.FuncMap{
	"say": say, "put": put,
}).Parse(certificateText))

// words are a sentence in both languages, which stand beside each other.
type words struct{ EN, ZH string }

// say is the sentence of the certificate under key.
func say(key string, args ...any) words {
	return words{message.T(message.English, "cert."+key, args...), message.T(message.Chinese, "cert."+key, args...)}
}

// either is the sentence for a word of an entry; a word that has none stands for
// itself.
func either(group, word string) words {
	if word != "" && message.Has("cert."+group+"."+word) {
		return say(group + "." + word)
	}
	return words{EN: text(word)}
}

// line is one row of a table: what, and its values.
type line struct {
	What   words
	Values []value
	Mono   bool // digests and names of files
}

// value is words of ours, or what a record says.
type value struct {
	Words words
	Text  string
}

func put(key string, values ...string) line {
	l := line{What: say(key)}
	for _, v := range values {
		if v != "" {
			l.Values = append(l.Values, value{Text: text(v)})
		}
	}
	return l
}

func mono(key string, values ...string) line {
	l := put(key, values...)
	l.Mono = true
	return l
}

func putWords(key string, all ...words) line {
	l := line{What: say(key)}
	for _, w := range all {
		l.Values = append(l.Values, value{Words: w})
	}
	return l
}

// maxText is how much of a value the certificate shows, in characters; the record
// in the package has it whole.
const maxText = 400

// text makes a value harmless: what does not print, or turns the direction of
// writing, is escaped, and what is very long is cut.
func text(s string) string {
	runes := []rune(message.Line(s))
	if len(runes) <= maxText {
		return string(runes)
	}
	return fmt.Sprintf("%s… [%d]", string(runes[:maxText]), len(runes))
}

// certificate is what the form is filled with.
type certificate struct {
	Facts   []line // of the package
	Clips   []sheet
	Many    bool
	Track   *track
	Log     []line
	Limits  []words
	Export  []line
	Signers []words
}

// sheet is what the certificate says of one clip.
type sheet struct {
	Number  int
	Name    string
	SHA256  string
	When    string
	File    string
	Lines   []line
	Custody []custody
	Frame   template.URL
}

// certificate fills the form; frames are JPEG pictures by clip.
func (w *writer) certificate(frames map[string][]byte) ([]byte, error) {
	var c certificate
	var points []point
	for _, e := range w.entries {
		if e.Type != "clip.ingested" {
			continue
		}
		d := w.dossier(e)
		s := w.sheet(d)
		s.Number = len(c.Clips) + 1
		s.Frame = picture(frames[e.Name()])
		c.Clips = append(c.Clips, s)
		points = append(points, d.points(s.Number)...)
	}
	c.Many = len(c.Clips) > 1
	c.Track = newTrack(points)
	c.Facts, c.Export, c.Log, c.Limits = w.facts(len(c.Clips)), w.exportLines(), w.logLines(), w.limits()
	for _, who := range []string{"qualified", "investigator", "investigator", "holder", "witness"} {
		c.Signers = append(c.Signers, say("sign."+who))
	}
	var out bytes.Buffer
	if err := certificateForm.Execute(&out, c); err != nil {
		return nil, fmt.Errorf("write certificate: %w", err)
	}
	return out.Bytes(), nil
}

func (w *writer) facts(clips int) []line {
	lines := []line{
		put("clips", fmt.Sprint(clips)),
		put("made", w.when(w.Now())),
		put("by_program", "custodock "+w.Version),
	}
	if len(w.Left) > 0 {
		lines = append(lines, mono("left", w.Left...))
	}
	return lines
}

// exportLines tell of this export, the last that the log has of any of the clips.
func (w *writer) exportLines() []line {
	at := slices.IndexFunc(w.entries, func(e manifest.Entry) bool { return e.Type == "clip.exported" })
	if at < 0 {
		return nil
	}
	var last manifest.Entry
	for _, e := range w.entries[at:] {
		if e.Type == "clip.exported" {
			last = e
		}
	}
	said := w.statement(last)
	lines := []line{
		put("exported", w.when(last.T)), putWords("exporter", either("actor", last.Actor)),
		put("for", said.For), put("reason", said.Reason),
	}
	return append(lines, w.program(last)...)
}

func (w *writer) logLines() []line {
	lines := []line{
		mono("origin", w.anchor.Origin), put("log_size", fmt.Sprint(w.anchor.Size)), mono("root", fmt.Sprintf("%x", w.anchor.Root[:])),
		mono("key", fmt.Sprintf("%s+%08x", w.head.Verifier.Name(), w.head.Verifier.KeyHash())),
	}
	if len(w.anchor.witnesses) == 0 {
		lines = append(lines, putWords("witnesses", say("witnesses.none")))
	} else {
		lines = append(lines, mono("witnesses", w.anchor.witnesses...))
	}
	var stamps []string
	for _, s := range w.anchor.stamps {
		stamps = append(stamps, fmt.Sprintf("%s (%s)", w.when(s.at), s.name))
	}
	if len(stamps) == 0 {
		return append(lines, putWords("stamps", say("stamps.none")))
	}
	return append(lines, put("stamps", stamps...))
}

// limits are what this package does not prove, in plain words.
func (w *writer) limits() []words {
	all := []words{say("limit.before"), say("limit.content"), say("limit.clock"), say("limit.complete"), say("limit.later"), say("limit.key")}
	switch {
	case len(w.anchor.witnesses) == 0 && len(w.anchor.stamps) == 0:
		all = append(all, say("limit.alone"))
	case len(w.anchor.witnesses) == 0:
		all = append(all, say("limit.no_witness"))
	case len(w.anchor.stamps) == 0:
		all = append(all, say("limit.no_stamp"))
	}
	return all
}

// when writes a time in the zone of whoever made the package, with its offset.
func (w *writer) when(t time.Time) string {
	return t.In(w.Now().Location()).Format("2006-01-02 15:04:05 -07:00")
}

// program names what an entry was made with, as the log says.
func (w *writer) program(of manifest.Entry) []line {
	var run manifest.Entry
	for _, e := range w.others["run.started"] {
		if e.N < of.N {
			run = e
		}
	}
	if run.Type == "" {
		return []line{putWords("program", say("unknown"))}
	}
	return []line{
		put("program", strings.TrimSpace("custodock "+run.Fields.Str("version"))+", "+run.Name()),
		mono("binary", run.Fields.Str("binary")),
	}
}
