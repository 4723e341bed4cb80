package tag

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/custodock/custodock/clip"
)

func ptr[T any](v T) *T { return &v }

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// a11 is what the name A11_2222222_222222_20260902180118_0001.mp4 says.
func a11() Name {
	return Name{
		Device: "2222222", Officer: "222222", Seq: "0001", Step: time.Second, At: utc("2026-09-02T18:01:18Z"),
		Time: clip.Time{Source: clip.ByFilename, Field: "name", Raw: "20260902180118"},
	}
}

func TestPropose(t *testing.T) {
	nameTime := clip.Time{Source: "filename", Field: "name", Raw: "20260902180118", Zone: "Asia/Shanghai", ZoneSource: "dock"}
	tests := []struct {
		name string
		in   Input
		want clip.Tags
	}{
		{"nothing", Input{}, clip.Tags{}},
		{"name alone", Input{Name: a11(), Zone: "Asia/Shanghai"}, clip.Tags{
			Collectors: []clip.Collector{{Badge: "222222"}}, Times: []clip.Time{nameTime},
			Sources: map[string]string{"collectors": "filename", "times": "filename"},
		}},
		{"factory setting", Input{Name: Name{Seq: "0001"}}, clip.Tags{}},
		{"roster over name", Input{Name: a11(), Zone: "Asia/Shanghai", Device: &Assignment{
			ID: "c017", Unit: "Patrol 3", Zone: "+09:00",
			Collectors: []clip.Collector{{Person: "Li Lei", Badge: "013370"}, {Badge: "7", Unit: "Patrol 4"}},
		}}, clip.Tags{
			Collectors: []clip.Collector{{Person: "Li Lei", Badge: "013370", Unit: "Patrol 3"}, {Badge: "7", Unit: "Patrol 4"}},
			Times:      []clip.Time{{Source: "filename", Field: "name", Raw: "20260902180118", Zone: "+09:00", ZoneSource: "profile"}},
			Sources:    map[string]string{"collectors": "roster", "times": "filename"},
		}},
		{"officer of the name in the unit of the roster", Input{Name: Name{Officer: "9"}, Device: &Assignment{Unit: "Patrol 3"}}, clip.Tags{
			Collectors: []clip.Collector{{Badge: "9", Unit: "Patrol 3"}}, Sources: map[string]string{"collectors": "filename"},
		}},
		{"device over name", Input{Name: Name{Officer: "9"}, Said: clip.Tags{Collectors: []clip.Collector{{Badge: "8"}}}}, clip.Tags{
			Collectors: []clip.Collector{{Badge: "8"}}, Sources: map[string]string{"collectors": "device"},
		}},
		{"dispatch over roster", Input{
			Device:   &Assignment{Collectors: []clip.Collector{{Badge: "1"}}},
			Dispatch: clip.Tags{Collectors: []clip.Collector{{Badge: "2"}}, Cases: []string{"C-1"}},
		}, clip.Tags{
			Collectors: []clip.Collector{{Badge: "2"}}, Cases: []string{"C-1"},
			Sources: map[string]string{"collectors": "dispatch", "cases": "dispatch"},
		}},
		{"admin over dispatch", Input{
			Dispatch: clip.Tags{Cases: []string{"C-1"}, Matter: "seizure"}, FlagsBy: clip.ByAdmin,
			Flags: clip.Tags{Cases: []string{"C-2", "C-3"}, Proves: []string{"p"}},
		}, clip.Tags{
			Cases: []string{"C-2", "C-3"}, Matter: "seizure", Proves: []string{"p"},
			Sources: map[string]string{"cases": "admin", "matter": "dispatch", "proves": "admin"},
		}},
		{"no case against dispatch", Input{Dispatch: clip.Tags{Cases: []string{"C-1"}}, Flags: clip.Tags{NoCase: "test"}}, clip.Tags{
			NoCase: "test", Sources: map[string]string{"no_case": "officer"},
		}},
		{"officer's place over GPS", Input{
			Media: clip.Media{Place: &clip.Place{Lat: ptr(31.2), Lon: ptr(121.5)}}, Flags: clip.Tags{Place: &clip.Place{Text: "hall 2"}},
		}, clip.Tags{Place: &clip.Place{Text: "hall 2"}, Sources: map[string]string{"place": "officer"}}},
		{"GPS", Input{Media: clip.Media{Place: &clip.Place{Lat: ptr(31.2), Lon: ptr(121.5)}}}, clip.Tags{
			Place: &clip.Place{Lat: ptr(31.2), Lon: ptr(121.5)}, Sources: map[string]string{"place": "media"},
		}},
		{"GPS without a fix", Input{Media: clip.Media{Place: &clip.Place{Lat: ptr(0.0), Lon: ptr(0.0)}}}, clip.Tags{}},
		{"GPS not on Earth", Input{Media: clip.Media{Place: &clip.Place{Lat: ptr(math.NaN()), Lon: ptr(0.0)}}}, clip.Tags{}},
		{"recording", Input{Name: Name{Recording: &clip.Recording{ID: "0042", Part: 2}}}, clip.Tags{
			Recording: &clip.Recording{ID: "0042", Part: 2}, Sources: map[string]string{"recording": "filename"},
		}},
		{"every time is kept, resets too", Input{
			Name: Name{Time: clip.Time{Source: "filename", Field: "name", Raw: "20000101000003"}, At: utc("2000-01-01T00:00:03Z")},
			Media: clip.Media{Times: []clip.Time{
				{Source: "media", Field: "mvhd", Raw: "1904-01-01T00:00:00Z"}, {Source: "media", Field: "©day", Raw: "2026"},
			}},
			ModTime: utc("2107-12-31T23:59:58Z"), Flags: clip.Tags{Times: []clip.Time{{Raw: "yesterday evening"}}}, Zone: "UTC",
		}, clip.Tags{
			Times: []clip.Time{
				{Source: "officer", Raw: "yesterday evening"},
				{Source: "filename", Field: "name", Raw: "20000101000003", Zone: "UTC", ZoneSource: "dock"},
				{Source: "media", Field: "©day", Raw: "2026"},
				{Source: "media", Field: "mvhd", Raw: "1904-01-01T00:00:00Z"},
				{Source: "device", Field: "mtime", Raw: "2107-12-31T23:59:58Z"},
			},
			Sources: map[string]string{"times": "officer"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range []Input{tt.in, Read(tt.in)} {
				if diff := cmp.Diff(tt.want, Propose(in)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestMerge(t *testing.T) {
	by := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	tests := []struct {
		name               string
		base, change, want clip.Tags
	}{
		{"nothing", clip.Tags{}, clip.Tags{}, clip.Tags{}},
		{"last wins", clip.Tags{Cases: []string{"1"}, Matter: "m", Sources: by("cases", "officer", "matter", "admin")},
			clip.Tags{Cases: []string{"2"}, Sources: by("cases", "admin")},
			clip.Tags{Cases: []string{"2"}, Matter: "m", Sources: by("cases", "admin", "matter", "admin")}},
		{"no source is not the old source", clip.Tags{Matter: "m", Sources: by("matter", "admin")}, clip.Tags{Matter: "n"}, clip.Tags{Matter: "n"}},
		{"no case clears cases", clip.Tags{Cases: []string{"1"}, Sources: by("cases", "officer")},
			clip.Tags{NoCase: "training", Sources: by("no_case", "admin")}, clip.Tags{NoCase: "training", Sources: by("no_case", "admin")}},
		{"a case clears no case", clip.Tags{NoCase: "training", Sources: by("no_case", "officer")},
			clip.Tags{Cases: []string{"1"}, Sources: by("cases", "admin")}, clip.Tags{Cases: []string{"1"}, Sources: by("cases", "admin")}},
		{"from and to at zero", clip.Tags{FromMS: ptr(int64(5)), ToMS: ptr(int64(9))}, clip.Tags{FromMS: ptr(int64(0))},
			clip.Tags{FromMS: ptr(int64(0)), ToMS: ptr(int64(9))}},
		{"a stated time stands beside the camera's",
			clip.Tags{Times: []clip.Time{{Source: "officer", Raw: "a"}, {Source: "filename", Field: "name", Raw: "b"}}},
			clip.Tags{Times: []clip.Time{{Source: "officer", Raw: "c"}}},
			clip.Tags{Times: []clip.Time{{Source: "officer", Raw: "c"}, {Source: "filename", Field: "name", Raw: "b"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Merge(tt.base, tt.change)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMergeSharesNothing(t *testing.T) {
	base := clip.Tags{Cases: []string{"1"}, Place: &clip.Place{Lat: ptr(1.0), Lon: ptr(2.0)}, Sources: map[string]string{"cases": "officer"}}
	change := clip.Tags{Collectors: []clip.Collector{{Badge: "7"}}, Recording: &clip.Recording{ID: "1", Part: 1}}
	got := Merge(base, change)
	got.Cases[0], *got.Place.Lat, got.Sources["cases"], got.Collectors[0].Badge, got.Recording.ID = "x", 9, "x", "x", "x"
	want := clip.Tags{Cases: []string{"1"}, Place: &clip.Place{Lat: ptr(1.0), Lon: ptr(2.0)}, Sources: map[string]string{"cases": "officer"}}
	if diff := cmp.Diff(want, base); diff != "" {
		t.Error(diff)
	}
	if change.Collectors[0].Badge != "7" || change.Recording.ID != "1" {
		t.Errorf("change was changed: %+v", change)
	}
}

// TestSilent: no field of the tags is passed over.
func TestSilent(t *testing.T) {
	if !silent(clip.Tags{}) {
		t.Error("no tags say something")
	}
	one, word := int64(1), "x"
	values := []any{
		[]string{word}, []clip.Collector{{}}, &clip.Place{}, []clip.Time{{}}, word, &one, &clip.Recording{}, map[string]string{word: word},
	}
	for field := range reflect.TypeFor[clip.Tags]().Fields() {
		var tags clip.Tags
		at := reflect.ValueOf(&tags).Elem().FieldByIndex(field.Index)
		i := slices.IndexFunc(values, func(v any) bool { return reflect.TypeOf(v) == field.Type })
		at.Set(reflect.ValueOf(values[i]))
		if silent(tags) {
			t.Errorf("%s alone says nothing", field.Name)
		}
	}
}

// Every set tag names a source, the order of three changes in a row does not
// depend on which two are joined first, and merging again changes nothing.
func TestMergeLaws(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "a", "b"})
	words := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 0, 2)
	gen := rapid.Custom(func(t *rapid.T) clip.Tags {
		tags := clip.Tags{Matter: word.Draw(t, "matter"), Party: word.Draw(t, "party"), Proves: words.Draw(t, "proves")}
		if rapid.Bool().Draw(t, "case") {
			tags.Cases = words.Draw(t, "cases")
		} else {
			tags.NoCase = word.Draw(t, "no case")
		}
		for _, w := range words.Draw(t, "times") {
			tags.Times = append(tags.Times, clip.Time{Source: w, Raw: word.Draw(t, "raw")})
		}
		return signed(clone(tags), rapid.SampledFrom([]string{clip.ByAdmin, clip.ByOfficer}).Draw(t, "by"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := gen.Draw(t, "a"), gen.Draw(t, "b"), gen.Draw(t, "c")
		if diff := cmp.Diff(Merge(Merge(a, b), c), Merge(Merge(Merge(a, b), c), c)); diff != "" {
			t.Fatalf("not idempotent: %s", diff)
		}
		m := Merge(Merge(a, b), c)
		for _, f := range fields {
			if f.set(&m) != (m.Sources[f.name] != "") {
				t.Fatalf("%s: set %v, source %q", f.name, f.set(&m), m.Sources[f.name])
			}
		}
		if len(m.Cases) > 0 && m.NoCase != "" {
			t.Fatalf("both a case and none: %+v", m)
		}
	})
}

func TestMissing(t *testing.T) {
	all := []string{"case", "time", "place", "collector", "proves"}
	whole := clip.Tags{
		Cases: []string{"1"}, Times: []clip.Time{{Source: "filename", Raw: "20260902180118"}}, Place: &clip.Place{Text: "x"},
		Collectors: []clip.Collector{{Badge: "1"}}, Proves: []string{"p"},
	}
	tests := []struct {
		name string
		edit func(*clip.Tags)
		want []string
	}{
		{"whole", func(*clip.Tags) {}, nil},
		{"nothing", func(t *clip.Tags) { *t = clip.Tags{} }, all},
		{"blank", func(t *clip.Tags) {
			*t = clip.Tags{Cases: []string{" "}, NoCase: " ", Times: []clip.Time{{Source: "officer", Raw: " "}},
				Place: &clip.Place{Lat: ptr(1.0)}, Collectors: []clip.Collector{{Unit: "u"}}, Proves: []string{""}}
		}, all},
		{"no case", func(t *clip.Tags) { t.Cases, t.NoCase = nil, "training" }, nil},
		{"degrees", func(t *clip.Tags) { t.Place = &clip.Place{Lat: ptr(0.5), Lon: ptr(1.0)} }, nil},
		{"person", func(t *clip.Tags) { t.Collectors = []clip.Collector{{Person: "x"}} }, nil},
		{"reset clock", func(t *clip.Tags) { t.Times = []clip.Time{{Source: "filename", Raw: "19800101000000"}} }, []string{"time"}},
		{"reset clock with a witness", func(t *clip.Tags) {
			t.Times = []clip.Time{{Source: "filename", Raw: "19800101000000"}, {Source: "officer", Raw: "last night"}}
		}, nil},
		{"year alone", func(t *clip.Tags) { t.Times = []clip.Time{{Source: "media", Raw: "2026"}} }, []string{"time"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tags := clone(whole)
			tt.edit(&tags)
			if diff := cmp.Diff(tt.want, Missing(tags)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		tags clip.Tags
		has  string // "" is valid
	}{
		{"empty", clip.Tags{}, ""},
		{"good", clip.Tags{
			Cases: []string{"邢市监罚〔2026〕12号"}, Collectors: []clip.Collector{{Person: "李雷"}}, Stage: "调查取证", FromMS: ptr(int64(0)), ToMS: ptr(int64(1)),
			Place: &clip.Place{Text: "x", Lat: ptr(-90.0), Lon: ptr(180.0)}, Recording: &clip.Recording{ID: "0042", Part: 1},
			Times: []clip.Time{{Source: "media", Raw: "WED SEP 02\n"}, {Source: "officer", Raw: "18:00", Zone: "+08:00"}}, Sources: map[string]string{"cases": "officer"},
		}, ""},
		{"stage", clip.Tags{Stage: "审核"}, "立案"},
		{"case and none", clip.Tags{Cases: []string{"1"}, NoCase: "x"}, "one of them"},
		{"latitude", clip.Tags{Place: &clip.Place{Lat: ptr(90.1), Lon: ptr(0.0)}}, "-90 to 90"},
		{"longitude", clip.Tags{Place: &clip.Place{Lat: ptr(0.0), Lon: ptr(-180.1)}}, "-180 to 180"},
		{"not a number", clip.Tags{Place: &clip.Place{Lat: ptr(math.NaN()), Lon: ptr(0.0)}}, "-90 to 90"},
		{"half a place", clip.Tags{Place: &clip.Place{Text: "x", Lat: ptr(1.0)}}, "give both"},
		{"empty place", clip.Tags{Place: &clip.Place{}}, "says nothing"},
		{"from after to", clip.Tags{FromMS: ptr(int64(5)), ToMS: ptr(int64(5))}, "end after"},
		{"negative", clip.Tags{FromMS: ptr(int64(-1))}, "beginning"},
		{"to zero", clip.Tags{ToMS: ptr(int64(0))}, "beginning"},
		{"part", clip.Tags{Recording: &clip.Recording{ID: "1"}}, "from 1"},
		{"blank case", clip.Tags{Cases: []string{""}}, "blank"},
		{"newline", clip.Tags{Cases: []string{"a\nb"}}, "control"},
		{"escape", clip.Tags{Proves: []string{"\x1b]52;c;x\a"}}, "control"},
		{"direction", clip.Tags{Party: "a\u202eb"}, "direction"},
		{"line separator", clip.Tags{NoCase: "a\u2028b"}, "control"},
		{"bad text", clip.Tags{Matter: "a\xff"}, "no valid text"},
		{"person", clip.Tags{Collectors: []clip.Collector{{Person: "a\tb"}}}, "control"},
		{"nobody", clip.Tags{Collectors: []clip.Collector{{Unit: "u"}}}, "person or badge"},
		{"place text", clip.Tags{Place: &clip.Place{Text: "a\rb"}}, "control"},
		{"incident", clip.Tags{Incident: "a\x00"}, "control"},
		{"long case", clip.Tags{Cases: []string{strings.Repeat("x", 201)}}, "at most 200"},
		{"long reason", clip.Tags{NoCase: strings.Repeat("x", 2001)}, "at most 2000"},
		{"many cases", clip.Tags{Cases: slices.Repeat([]string{"x"}, 65)}, "at most 64"},
		{"time", clip.Tags{Times: []clip.Time{{Source: "admin", Raw: "a\nb"}}}, "control"},
		{"time zone", clip.Tags{Times: []clip.Time{{Source: "admin", Raw: "x", Zone: "Mars"}}}, "unknown zone"},
		{"source", clip.Tags{Sources: map[string]string{"cases": "rumour"}}, "rumour"},
		{"source of nothing", clip.Tags{Sources: map[string]string{"weather": "officer"}}, "no tag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Validate(tt.tags)
			switch {
			case tt.has == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.has != "" && (err == nil || !strings.Contains(err.Error(), tt.has)):
				t.Errorf("got %v, want %q", err, tt.has)
			case err != nil && strings.ContainsAny(err.Error(), "\n\x1b\u202e"):
				t.Errorf("message carries the text raw: %q", err)
			}
		})
	}
}
