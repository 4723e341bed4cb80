package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) showCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show CLIP",
		Short: a.say("cmd.show"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				d, err := desk.Show(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if a.flags.json {
					return a.printJSON(d)
				}
				_, err = a.out.Write([]byte(a.showText(d)))
				return err
			})
		},
	}
}

// sheet is a list of names and values.
type sheet struct {
	a *app
	b strings.Builder
}

// put writes one line for each value that is not empty, the name once.
func (s *sheet) put(key string, values ...string) {
	name := s.a.say("show." + key)
	for _, v := range values {
		if v == "" {
			continue
		}
		fmt.Fprintf(&s.b, "%s  %s\n", runewidth.FillRight(name, 14), message.Line(v))
		name = ""
	}
}

func (a *app) showText(d ingest.ClipDetail) string {
	s := &sheet{a: a}
	s.put("clip", d.Clip)
	s.put("sha256", d.SHA256)
	s.put("sm3", d.SM3)
	s.put("size", fmt.Sprintf("%s (%d B)", message.Size(d.Size), d.Size))
	s.put("role", d.Role)
	s.put("state", a.say("state."+d.State))
	s.put("stores", d.Stores...)
	s.put("source", d.Source)
	s.put("path", pathOf(d.ClipView))
	s.put("device", d.Device)
	s.put("ingested", d.Ingested.Local().Format(time.RFC3339))
	s.put("stamped", a.between(d.NotBefore, d.NotAfter))
	s.put("same_as", d.SameAs)
	s.put("span", a.span(d.ClipView))
	s.put("media", mediaText(d.Media))
	a.putTags(s, d.Tags)
	s.put("missing", a.missing(d.Missing))
	s.put("leaf", d.Leaf)
	for _, made := range d.Derived {
		s.put("derived", fmt.Sprintf("%s  %s  %s  %s  %s", made.Entry, a.say("derived."+made.Kind), made.SHA256, a.say("state."+made.State), made.Name))
	}
	fmt.Fprintf(&s.b, "\n%s\n", a.say("show.custody"))
	for _, c := range d.Custody {
		line := fmt.Sprintf("  %s  %s  %s  %s", c.Time.Local().Format(time.RFC3339), runewidth.FillRight(fmt.Sprintf("%s-%d", c.Log, c.N), 12),
			runewidth.FillRight(message.Line(c.Type), 15), runewidth.FillRight(message.Line(c.Actor), 7))
		fmt.Fprintln(&s.b, strings.TrimRight(line+"  "+a.custodyNote(c), " "))
	}
	return s.b.String()
}

func (a *app) putTags(s *sheet, t clip.Tags) {
	s.put("cases", bySource(t, "cases", t.Cases...)...)
	s.put("no_case", bySource(t, "no_case", t.NoCase)...)
	s.put("place", bySource(t, "place", placeText(t.Place))...)
	var times []string
	for _, at := range t.Times {
		times = append(times, strings.Join(strings.Fields(rawTime(at)+" "+at.Zone+" ("+at.Source+" "+at.Field+")"), " "))
	}
	s.put("collector", bySource(t, "collectors", peopleText(t.Collectors)...)...)
	s.put("times", times...)
	s.put("proves", bySource(t, "proves", t.Proves...)...)
	s.put("matter", bySource(t, "matter", t.Matter)...)
	s.put("stage", bySource(t, "stage", t.Stage)...)
	s.put("party", bySource(t, "party", t.Party)...)
	if t.Recording != nil {
		s.put("recording", a.say("show.part", t.Recording.Part, t.Recording.ID))
	}
}

func placeText(p *clip.Place) string {
	switch {
	case p == nil:
		return ""
	case p.Lat != nil && p.Lon != nil:
		return strings.TrimSpace(fmt.Sprintf("%s %.6f,%.6f", p.Text, *p.Lat, *p.Lon))
	}
	return p.Text
}

func peopleText(collectors []clip.Collector) []string {
	var out []string
	for _, c := range collectors {
		out = append(out, strings.Join(strings.Fields(c.Person+" "+c.Badge+" "+c.Unit), " "))
	}
	return out
}

// rawTime is a time as it was found; of a file's own time the fraction, which
// says more of the file system than of the camera, is left to the record.
func rawTime(t clip.Time) string {
	at, err := time.Parse(time.RFC3339Nano, t.Raw)
	if t.Field != "mtime" || err != nil {
		return t.Raw
	}
	return at.Format(time.RFC3339)
}

// bySource adds to each value who said so.
func bySource(t clip.Tags, field string, values ...string) []string {
	var out []string
	for _, v := range values {
		if by := t.Sources[field]; v != "" && by != "" {
			v += " (" + by + ")"
		}
		out = append(out, v)
	}
	return out
}

func (a *app) span(c ingest.ClipView) string {
	if c.Span == nil {
		return ""
	}
	method := "none"
	if c.Offset != nil {
		method = c.Offset.Method
	}
	if key := "show.method." + method; message.Has(key) {
		method = a.say(key)
	}
	return a.say("show.span.text", c.Span.From.Local().Format(time.RFC3339), c.Span.To.Local().Format(time.RFC3339),
		shortTime(time.Duration(c.Span.ErrorMS)*time.Millisecond), method)
}

func mediaText(m clip.Media) string {
	words := []string{m.Container, m.VideoCodec, m.AudioCodec}
	if m.Width > 0 {
		words = append(words, fmt.Sprintf("%dx%d", m.Width, m.Height))
	}
	if m.DurationMS > 0 {
		words = append(words, (time.Duration(m.DurationMS) * time.Millisecond).String())
	}
	words = append(words, m.Make, m.Model, m.Serial)
	if m.Problem != "" {
		words = append(words, "("+m.Problem+")")
	}
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}
