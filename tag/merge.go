package tag

import (
	"maps"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
)

// field is one tag: its name in JSON, whether it is set, and how its value is
// taken over.
type field struct {
	name string
	set  func(*clip.Tags) bool
	copy func(dst, src *clip.Tags)
}

var fields = []field{
	{"cases", func(t *clip.Tags) bool { return len(t.Cases) > 0 },
		func(d, s *clip.Tags) { d.Cases = slices.Clone(s.Cases) }},
	{"collectors", func(t *clip.Tags) bool { return len(t.Collectors) > 0 },
		func(d, s *clip.Tags) { d.Collectors = slices.Clone(s.Collectors) }},
	{"place", func(t *clip.Tags) bool { return t.Place != nil },
		func(d, s *clip.Tags) { d.Place = clonePlace(s.Place) }},
	{"times", func(t *clip.Tags) bool { return len(t.Times) > 0 },
		func(d, s *clip.Tags) { d.Times = joinTimes(d.Times, s.Times) }},
	{"proves", func(t *clip.Tags) bool { return len(t.Proves) > 0 },
		func(d, s *clip.Tags) { d.Proves = slices.Clone(s.Proves) }},
	{"matter", func(t *clip.Tags) bool { return t.Matter != "" }, func(d, s *clip.Tags) { d.Matter = s.Matter }},
	{"stage", func(t *clip.Tags) bool { return t.Stage != "" }, func(d, s *clip.Tags) { d.Stage = s.Stage }},
	{"party", func(t *clip.Tags) bool { return t.Party != "" }, func(d, s *clip.Tags) { d.Party = s.Party }},
	{"from_ms", func(t *clip.Tags) bool { return t.FromMS != nil },
		func(d, s *clip.Tags) { d.FromMS = clonePtr(s.FromMS) }},
	{"to_ms", func(t *clip.Tags) bool { return t.ToMS != nil }, func(d, s *clip.Tags) { d.ToMS = clonePtr(s.ToMS) }},
	{"no_case", func(t *clip.Tags) bool { return t.NoCase != "" }, func(d, s *clip.Tags) { d.NoCase = s.NoCase }},
	{"incident", func(t *clip.Tags) bool { return t.Incident != "" },
		func(d, s *clip.Tags) { d.Incident = s.Incident }},
	{"recording", func(t *clip.Tags) bool { return t.Recording != nil },
		func(d, s *clip.Tags) { d.Recording = clonePtr(s.Recording) }},
}

// Merge returns base with what change says: the last value of a field wins,
// with its source. A case takes a standing "no case" away, and the other way
// round. A time replaces only the time of the same source and field, so what a
// device once said is never lost to a correction. The arguments are not
// changed and share nothing with the result.
func Merge(base, change clip.Tags) clip.Tags {
	t := clone(base)
	for _, f := range fields {
		if !f.set(&change) {
			continue
		}
		f.copy(&t, &change)
		t.Sources = withSource(t.Sources, f.name, change.Sources[f.name])
	}
	switch {
	case len(change.Cases) > 0 && change.NoCase == "":
		t.NoCase = ""
		t.Sources = withSource(t.Sources, "no_case", "")
	case change.NoCase != "" && len(change.Cases) == 0:
		t.Cases = nil
		t.Sources = withSource(t.Sources, "cases", "")
	}
	return t
}

// silent reports whether nothing is said.
func silent(t clip.Tags) bool {
	return len(t.Cases)+len(t.Collectors)+len(t.Times)+len(t.Proves)+len(t.Sources) == 0 &&
		t.Place == nil && t.FromMS == nil && t.ToMS == nil && t.Recording == nil &&
		t.Matter == "" && t.Stage == "" && t.Party == "" && t.NoCase == "" && t.Incident == ""
}

// joinTimes puts the new times first: they are what was said last.
func joinTimes(base, change []clip.Time) []clip.Time {
	out := slices.Clone(change)
	for _, b := range base {
		if !slices.ContainsFunc(change, func(c clip.Time) bool { return c.Source == b.Source && c.Field == b.Field }) {
			out = append(out, b)
		}
	}
	return out
}

// Missing names the required tags that t lacks, of "case", "time", "place",
// "collector" and "proves". A reason why there is no case stands for a case. A
// time that no one can believe, from a clock that was reset, is no time.
func Missing(t clip.Tags) []string {
	var missing []string
	lack := func(name string, has bool) {
		if !has {
			missing = append(missing, name)
		}
	}
	filled := func(s string) bool { return strings.TrimSpace(s) != "" }
	lack("case", slices.ContainsFunc(t.Cases, filled) || filled(t.NoCase))
	lack("time", slices.ContainsFunc(t.Times, tellsTime))
	lack("place", t.Place != nil && (filled(t.Place.Text) || (t.Place.Lat != nil && t.Place.Lon != nil)))
	lack("collector", slices.ContainsFunc(t.Collectors, func(c clip.Collector) bool {
		return filled(c.Person) || filled(c.Badge)
	}))
	lack("proves", slices.ContainsFunc(t.Proves, filled))
	return missing
}

// withSource returns a copy of m with one source set, or removed when by is "".
func withSource(m map[string]string, name, by string) map[string]string {
	out := maps.Clone(m)
	if by == "" {
		delete(out, name)
		if len(out) == 0 {
			return nil
		}
		return out
	}
	if out == nil {
		out = map[string]string{}
	}
	out[name] = by
	return out
}

func clone(t clip.Tags) clip.Tags {
	out := clip.Tags{Sources: maps.Clone(t.Sources)}
	for _, f := range fields {
		if f.set(&t) {
			f.copy(&out, &t)
		}
	}
	return out
}

func clonePlace(p *clip.Place) *clip.Place {
	q := *p
	q.Lat, q.Lon = clonePtr(p.Lat), clonePtr(p.Lon)
	return &q
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
