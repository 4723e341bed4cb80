package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
)

func encode(t testing.TB, typ string, fields manifest.Object) []byte {
	t.Helper()
	raw, err := manifest.Draft{Type: typ, Actor: "dock", Fields: fields, Record: []byte("{}")}.
		Encode("dk3v9q", 7, manifest.NewNonce(), time.Unix(1e9, 0), manifest.Clock{Source: "ntp"})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestScanEntry(t *testing.T) {
	raw := encode(t, "clip.stored", manifest.Object{
		"clip": "dk3v9q-3", "leaf": "ab", "sha256": "cd", "size": 12, "store": "a \"quoted\" \u202e name", "version": "v1",
		"stored": manifest.Object{"enc": "}{", "sha256": "ef"}, "target": manifest.Object{"log": "other", "n": 5},
		"odd": manifest.Object{}, "yes": true, "escaped": `","type":"clip.ingested","x":"`,
	})
	got, err := scanEntry(raw, "dk3v9q", 7)
	if err != nil {
		t.Fatal(err)
	}
	want := entry{
		n: 7, typ: "clip.stored", t: "2001-09-09T01:46:40.000Z", record: manifest.RecordDigest([]byte("{}")), clip: "dk3v9q-3", leaf: "ab", sha256: "cd", size: 12,
		store: "a \"quoted\" \u202e name", stored: "ef", version: "v1", target: "other", targetN: 5, derived: -1, raw: raw,
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); d != "" {
		t.Error(d)
	}
	if _, err := scanEntry(raw, "dk3v9q", 8); err == nil {
		t.Error("took entry 7 for entry 8")
	}
	if _, err := scanEntry(raw, "other", 7); err == nil {
		t.Error("took an entry of another log")
	}
}

func TestScanRefuses(t *testing.T) {
	const head = `{"actor":"a","log":"dk3v9q","n":7,`
	const tail = `"type":"a.b","v":1}`
	if _, err := scanEntry([]byte(head+tail), "dk3v9q", 7); err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{
		"", "{", "{}", "[]", "null", head, head + tail + " ", " " + head + tail, head + tail + tail,
		head + `"n":7,` + tail, head + `"m":7,` + tail, head + `"o": 7,` + tail, head + `"o":7, ` + tail,
		head + `"o":[],` + tail, head + `"o":null,` + tail, head + `"o":1.5,` + tail, head + `"o":07,` + tail, head + `"o":+7,` + tail,
		head + `"o":{"a":{}},` + tail, head + `"o":{"a":1,"a":2},` + tail, head + `"o":{"a":1,},` + tail, head + `"o":"` + "\n" + `",` + tail,
		head + `"o":,` + tail, head + `"o",` + tail, head + `"record":"xx",` + tail, head + `"type":"a.b","v":2}`, head + `"type":"a.b"}`,
		head + `"o":"` + strings.Repeat("x", manifest.MaxEntry) + `",` + tail,
	} {
		if e, err := scanEntry([]byte(raw), "dk3v9q", 7); err == nil || e.typ != "" {
			t.Errorf("accepted %.80q", raw)
		}
	}
}

// What manifest.ParseEntry accepts means the same to scanEntry, and neither
// ever panics.
func FuzzScanEntry(f *testing.F) {
	f.Add(encode(f, "clip.ingested", manifest.Object{"sha256": strings.Repeat("ab", 32), "size": 5, "same_as": "dk3v9q-1"}))
	f.Add(encode(f, "clip.stored", manifest.Object{"clip": "dk3v9q-3", "stored": manifest.Object{"enc": "x\\\"}", "sha256": "ef"}}))
	f.Add(encode(f, "record.erased", manifest.Object{"target": manifest.Object{"log": "dk3v9q", "n": 3}}))
	f.Add([]byte(`{"a":{"b":"}"},"c":-1,"d":true}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, err := manifest.ParseEntry(raw)
		if err != nil {
			_, _ = scanEntry(raw, "dk3v9q", 7)
			return
		}
		got, err := scanEntry(raw, want.Log, want.N)
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		size, ok := want.Fields.Int("size")
		if !ok {
			size = -1
		}
		record := ""
		if !got.record.IsZero() {
			record = got.record.String()
		}
		if got.typ != want.Type || record != want.Record || got.clip != want.Fields.Str("clip") || got.size != size ||
			got.sha256 != want.Fields.Str("sha256") || got.stored != want.Fields.Sub("stored").Str("sha256") ||
			got.target != want.Fields.Sub("target").Str("log") {
			t.Errorf("%q: %+v", raw, got)
		}
	})
}
