package audit

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
)

// erased is a log in which an admin had two clips erased from a camera, the dock one
// by its policy, and of one the order's record is gone.
func erased(t *testing.T, f AccessFilter) (found []Access) {
	t.Helper()
	files := func(reason string, clips ...string) map[string]any {
		var all []map[string]any
		for _, c := range clips {
			all = append(all, map[string]any{"clip": c})
		}
		return map[string]any{"reason": reason, "files": all}
	}
	l := NewAccessLog(f)
	for n, e := range []struct {
		typ, clip, actor string
		record           any
	}{
		{"clip.ingested", "", "dock", map[string]any{"tags": map[string]any{"cases": []string{"A-1"}}}},
		{"erase.begun", "", "admin", files("card is full", "dk3v9q-0", "dk3v9q-1", "dk3v9q-5")},
		{"clip.erased", "dk3v9q-0", "dock", nil},
		{"clip.erased", "dk3v9q-1", "dock", nil},
		{"erase.begun", "", "dock", files("", "dk3v9q-5")},
		{"clip.erased", "dk3v9q-5", "dock", nil},
		{"erase.begun", "", "admin", nil},
		{"clip.erased", "dk3v9q-7", "dock", nil},
	} {
		entry := manifest.Entry{Log: "dk3v9q", N: int64(n), Type: e.typ, T: time.Unix(int64(n), 0).UTC(), Actor: e.actor, Fields: manifest.Object{"device": "c017"}}
		if e.clip != "" {
			entry.Fields["clip"] = e.clip
		}
		var record []byte
		if e.record != nil {
			var err error
			if record, err = json.Marshal(e.record); err != nil {
				t.Fatal(err)
			}
		}
		if !l.Wants(entry) {
			t.Errorf("%s is not wanted", e.typ)
		}
		l.Take(entry, record)
	}
	found, _ = l.Found()
	return found
}

// TestErasures: of a file that went from a camera it is told who ordered it and why.
// What the dock does by itself is told where it is asked for.
func TestErasures(t *testing.T) {
	at := func(n int64, clip, actor, reason string, gone bool, cases ...string) Access {
		return Access{
			Time: time.Unix(n, 0).UTC(), Entry: manifest.Entry{Log: "dk3v9q", N: n}.Name(), Type: "clip.erased", Clip: clip, Actor: actor, Reason: reason,
			What: "c017", Cases: append([]string{}, cases...), Erased: gone,
		}
	}
	first, second := at(2, "dk3v9q-0", "admin", "card is full", false, "A-1"), at(3, "dk3v9q-1", "admin", "card is full", false)
	policy, lost := at(5, "dk3v9q-5", "dock", "", false), at(7, "dk3v9q-7", "dock", "", true)
	for name, c := range map[string]struct {
		filter AccessFilter
		want   []Access
	}{
		"all":    {AccessFilter{}, []Access{first, second, lost}},
		"admin":  {AccessFilter{Actor: "admin"}, []Access{first, second}},
		"dock":   {AccessFilter{Actor: "dock"}, []Access{policy, lost}},
		"a case": {AccessFilter{Case: "A-1"}, []Access{first}},
	} {
		if d := cmp.Diff(c.want, erased(t, c.filter)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
