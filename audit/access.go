package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/tag"
)

// The ways in which somebody gets at a clip, by the types of their entries.
var accesses = []string{"clip.viewed", "clip.exported", "clip.derived", typeBegun, typeErased}

// What tells of files that went from a camera: who ordered it and of which, and of
// each that it went.
const (
	typeBegun  = "erase.begun"
	typeErased = "clip.erased"
)

// AccessFilter selects who looked at what; zero fields select all.
type AccessFilter struct {
	Clips   []string  // names
	Case    string    // that the clip has, or had when it was got at
	Officer string    // name or badge of one who recorded the clip
	Actor   string    // role that got at it
	Since   time.Time // dock time
	Until   time.Time // the first moment that is out
}

// Access is one time that somebody got at a clip: why, for whom, and at what of it,
// as far as its record is there.
type Access struct {
	Time   time.Time `json:"time"`  // of the dock, UTC
	Entry  string    `json:"entry"` // that says so
	Type   string    `json:"type"`  // clip.viewed, clip.exported, clip.derived or clip.erased
	Clip   string    `json:"clip"`
	Actor  string    `json:"actor"` // a role: entries name no person
	Reason string    `json:"reason"`
	For    string    `json:"for"`
	What   string    `json:"what"` // the bytes, the kind of derived file, or the camera that a file went from; "" is all
	Cases  []string  `json:"cases"`
	Erased bool      `json:"erased,omitempty"` // the record was erased lawfully: why and for whom went with it
}

// accessRecord is what an audit needs of the record of such an entry.
type accessRecord struct {
	Reason string `json:"reason"`
	For    string `json:"for"`
	Range  string `json:"range"`
	Only   string `json:"only"`
}

// subject is what is known of a clip so far.
type subject struct {
	tags  clip.Tags
	cases []string // all that it ever had
	blind bool     // a record with tags was erased
}

// AccessLog finds who looked at what.
type AccessLog struct {
	filter AccessFilter
	clips  map[string]*subject
	orders map[string]order // to erase, by clip
	found  []Access
}

// NewAccessLog looks for what the filter selects.
func NewAccessLog(f AccessFilter) *AccessLog {
	return &AccessLog{filter: f, clips: map[string]*subject{}, orders: map[string]order{}}
}

// Wants reports whether Take needs an entry and its record.
func (l *AccessLog) Wants(e manifest.Entry) bool {
	return e.Type == "clip.ingested" || e.Type == "clip.tagged" || slices.Contains(accesses, e.Type)
}

// Take takes the next entry that is wanted, with its record, nil where it was erased.
func (l *AccessLog) Take(e manifest.Entry, record []byte) {
	name := cmp.Or(e.Fields.Str("clip"), e.Name())
	switch e.Type {
	case "clip.ingested", "clip.tagged":
		l.learn(name, record)
		return
	case typeBegun:
		l.order(e, record)
		return
	case typeErased:
		l.erasure(e)
		return
	}
	a := Access{
		Time: e.T, Entry: e.Name(), Type: e.Type, Clip: name, Actor: e.Actor, What: e.Fields.Str("kind"), Cases: []string{},
	}
	var rec accessRecord
	if !decode(record, &rec) {
		a.Erased = true
	}
	a.Reason, a.For, a.What = rec.Reason, rec.For, cmp.Or(a.What, rec.Only, rec.Range)
	l.found = append(l.found, a)
}

// learn takes what a record says of a clip; the last value of a tag holds.
func (l *AccessLog) learn(name string, record []byte) {
	s := l.clips[name]
	if s == nil {
		s = &subject{}
		l.clips[name] = s
	}
	var rec struct {
		Tags clip.Tags `json:"tags"`
	}
	if !decode(record, &rec) {
		s.blind = true
		return
	}
	change := clip.Tags{Cases: rec.Tags.Cases, Collectors: rec.Tags.Collectors, NoCase: rec.Tags.NoCase}
	s.tags = tag.Merge(s.tags, change)
	for _, c := range rec.Tags.Cases {
		if !slices.Contains(s.cases, c) {
			s.cases = append(s.cases, c)
		}
	}
}

// Together has the access logs of several logs know each other's clips: who gets at a
// clip may be entered in another log than the clip. Of tags that two logs have of one
// clip those of the later log hold.
func Together(logs ...*AccessLog) {
	all := map[string]*subject{}
	for _, l := range logs {
		for name, s := range l.clips {
			if known := all[name]; known != nil {
				s.cases = append(slices.Clone(known.cases), s.cases...)
				s.tags, s.blind = tag.Merge(known.tags, s.tags), s.blind || known.blind
			}
			all[name] = s
		}
	}
	for _, l := range logs {
		l.clips = all
	}
}

// Found is what the filter selects, in the order of the log. A clip that came to
// its case only after somebody looked at it counts as well. blind counts accesses of
// which nobody can say whether case or officer are those asked for, since tags of
// their clips were erased.
func (l *AccessLog) Found() (found []Access, blind int) {
	found = []Access{}
	for _, a := range l.found {
		s := l.clips[a.Clip]
		if s == nil { // of another log
			s = &subject{blind: true}
		}
		a.Cases = append(a.Cases, s.tags.Cases...)
		switch {
		case l.filter.selects(a, s):
			found = append(found, a)
		case s.blind && l.filter.anybody().selects(a, s):
			blind++
		}
	}
	return found, blind
}

// anybody is the filter without what tags tell.
func (f AccessFilter) anybody() AccessFilter {
	f.Case, f.Officer = "", ""
	return f
}

func (f AccessFilter) selects(a Access, s *subject) bool {
	by := func(c clip.Collector) bool { return c.Person == f.Officer || c.Badge == f.Officer }
	return f.told(a) && (len(f.Clips) == 0 || slices.Contains(f.Clips, a.Clip)) &&
		(f.Case == "" || slices.Contains(s.cases, f.Case)) &&
		(f.Officer == "" || slices.ContainsFunc(s.tags.Collectors, by)) &&
		(f.Actor == "" || a.Actor == f.Actor) &&
		(f.Since.IsZero() || !a.Time.Before(f.Since)) &&
		(f.Until.IsZero() || a.Time.Before(f.Until))
}
