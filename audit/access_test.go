package audit

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
)

// TestAccess: what the filter selects is told, and nothing else.
func TestAccess(t *testing.T) {
	start := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	tags := func(badge string, cases ...string) map[string]any {
		return map[string]any{"tags": map[string]any{"cases": cases, "collectors": []map[string]any{{"badge": badge, "person": "P " + badge}}}}
	}
	type entry struct {
		typ, clip, actor string
		record           any
	}
	log := []entry{
		{"clip.ingested", "", "dock", tags("111", "A-1")},
		{"clip.ingested", "", "dock", tags("222")},
		{"clip.ingested", "", "dock", nil},
		{"clip.viewed", "dk3v9q-0", "admin", map[string]any{"reason": "asked", "range": "0-9"}},
		{"clip.exported", "dk3v9q-1", "auditor", map[string]any{"reason": "hearing", "for": "court", "only": "redacted"}},
		{"clip.stored", "dk3v9q-1", "dock", nil},
		{"clip.tagged", "dk3v9q-1", "officer", map[string]any{"tags": map[string]any{"cases": []string{"B-2"}}}},
		{"clip.tagged", "dk3v9q-0", "officer", map[string]any{"tags": map[string]any{"cases": []string{"B-2"}}}},
		{"clip.derived", "dk3v9q-0", "auditor", map[string]any{"reason": "third persons", "tool": "blur"}},
		{"clip.viewed", "dk3v9q-2", "auditor", map[string]any{"reason": "look"}},
		{"clip.viewed", "dk3v9q-0", "admin", nil},
	}
	for _, c := range []struct {
		name   string
		filter AccessFilter
		want   []string
		blind  int
	}{
		{"all", AccessFilter{}, []string{"dk3v9q-3", "dk3v9q-4", "dk3v9q-8", "dk3v9q-9", "dk3v9q-10"}, 0},
		{"a clip", AccessFilter{Clips: []string{"dk3v9q-1", "dk3v9q-7"}}, []string{"dk3v9q-4"}, 0},
		{"a case", AccessFilter{Case: "B-2"}, []string{"dk3v9q-3", "dk3v9q-4", "dk3v9q-8", "dk3v9q-10"}, 1},
		{"a case it had once", AccessFilter{Case: "A-1"}, []string{"dk3v9q-3", "dk3v9q-8", "dk3v9q-10"}, 1},
		{"who recorded it", AccessFilter{Officer: "222"}, []string{"dk3v9q-4"}, 1},
		{"by name", AccessFilter{Officer: "P 222"}, []string{"dk3v9q-4"}, 1},
		{"who did it", AccessFilter{Actor: "auditor"}, []string{"dk3v9q-4", "dk3v9q-8", "dk3v9q-9"}, 0},
		{"since", AccessFilter{Since: start.Add(9 * time.Second)}, []string{"dk3v9q-9", "dk3v9q-10"}, 0},
		{"until", AccessFilter{Until: start.Add(8 * time.Second)}, []string{"dk3v9q-3", "dk3v9q-4"}, 0},
		{"nothing", AccessFilter{Case: "C-3", Actor: "admin"}, nil, 0},
	} {
		l := NewAccessLog(c.filter)
		for n, e := range log {
			entry := manifest.Entry{Log: "dk3v9q", N: int64(n), Type: e.typ, T: start.Add(time.Duration(n) * time.Second), Actor: e.actor, Fields: manifest.Object{}}
			if e.clip != "" {
				entry.Fields["clip"] = e.clip
			}
			if e.typ == "clip.derived" {
				entry.Fields["kind"] = "redacted"
			}
			var record []byte
			if e.record != nil {
				var err error
				if record, err = json.Marshal(e.record); err != nil {
					t.Fatal(err)
				}
			}
			if l.Wants(entry) {
				l.Take(entry, record)
			}
		}
		found, blind := l.Found()
		var got []string
		for _, a := range found {
			got = append(got, a.Entry)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || blind != c.blind {
			t.Errorf("%s: %d blind; %s", c.name, blind, diff)
		}
		if c.name != "all" {
			continue
		}
		first, second, third, last := found[0], found[1], found[2], found[4]
		if first.Reason != "asked" || first.What != "0-9" || !cmp.Equal(first.Cases, []string{"B-2"}) || first.Erased {
			t.Errorf("%+v", first)
		}
		if second.For != "court" || second.What != "redacted" || second.Actor != "auditor" || third.What != "redacted" || !last.Erased {
			t.Errorf("%+v\n%+v\n%+v", second, third, last)
		}
	}
}

// TestAccessOfTwoLogs: who gets at a clip may be entered in another log of the authority
// than the clip.
func TestAccessOfTwoLogs(t *testing.T) {
	add := func(l *AccessLog, log string, n int64, typ, clip, record string) {
		fields := manifest.Object{}
		if clip != "" {
			fields["clip"] = clip
		}
		l.Take(manifest.Entry{Log: log, N: n, Type: typ, Fields: fields}, []byte(record))
	}
	tags := func(cases string) string { return `{"tags":{"cases":["` + cases + `"]}}` }
	f := AccessFilter{Case: "A-1"}
	one, two := NewAccessLog(f), NewAccessLog(f)
	add(one, "gate4", 0, "clip.ingested", "", tags("A-1"))
	add(one, "gate4", 1, "clip.viewed", "gate4-0", `{}`)
	add(two, "dk3v9q", 0, "clip.ingested", "", tags("B-2"))
	add(two, "dk3v9q", 1, "clip.viewed", "gate4-0", `{}`)
	add(two, "dk3v9q", 2, "clip.viewed", "dk3v9q-0", `{}`)
	if _, blind := two.Found(); blind != 1 {
		t.Errorf("alone: %d blind", blind)
	}
	add(two, "dk3v9q", 3, "clip.tagged", "gate4-0", tags("C-3"))
	Together(one, two)
	for _, c := range []struct {
		log  *AccessLog
		want string
	}{{one, "gate4-1"}, {two, "dk3v9q-1"}} {
		found, blind := c.log.Found()
		if blind != 0 || len(found) != 1 || found[0].Entry != c.want || !cmp.Equal(found[0].Cases, []string{"C-3"}) {
			t.Errorf("%d blind, %+v", blind, found)
		}
	}
}
