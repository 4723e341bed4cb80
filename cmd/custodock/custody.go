package main

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
)

// statement is what the record of an entry about a clip may hold.
type statement struct {
	Tags   *clip.Tags `json:"tags"`
	Reason string     `json:"reason"`
	Range  string     `json:"range"`
	For    string     `json:"for"`
}

// custodyNote says what an entry changed, why and for whom, as far as its record
// tells. A record that was erased, or is of another kind, tells nothing.
func (a *app) custodyNote(c ingest.Custody) string {
	if c.Type == "clip.erased" {
		return a.erasedNote(c)
	}
	var s statement
	if c.Record == "" || json.Unmarshal([]byte(c.Record), &s) != nil {
		return ""
	}
	var words []string
	if c.Type == "clip.tagged" && s.Tags != nil {
		words = append(words, strings.Join(a.changed(*s.Tags), ", "))
	}
	if s.For != "" {
		words = append(words, a.say("show.for", message.Line(s.For)))
	}
	if s.Reason != "" && c.Type != "clip.ingested" {
		words = append(words, a.say("show.reason", message.Line(s.Reason)))
	}
	if s.Range != "" {
		words = append(words, a.say("show.range", message.Line(s.Range)))
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), "; ")
}

// erasedNote says whether the camera was seen to erase a clip.
func (a *app) erasedNote(c ingest.Custody) string {
	e, err := manifest.ParseEntry([]byte(c.Entry))
	key := "show.erased." + e.Fields.Str("result")
	if err != nil || !message.Has(key) {
		return ""
	}
	return a.say(key, message.Line(e.Fields.Str("device")))
}

// changed names the fields that a change of tags sets, with their new values.
func (a *app) changed(t clip.Tags) []string {
	var out []string
	put := func(key string, values ...string) {
		values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		if len(values) > 0 {
			out = append(out, a.say("show."+key)+" "+message.Line(strings.Join(values, " + ")))
		}
	}
	put("cases", t.Cases...)
	put("no_case", t.NoCase)
	put("place", placeText(t.Place))
	put("collector", peopleText(t.Collectors)...)
	put("proves", t.Proves...)
	put("matter", t.Matter)
	put("stage", t.Stage)
	put("party", t.Party)
	return out
}
