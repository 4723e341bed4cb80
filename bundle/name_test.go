package bundle

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

var safe = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

func TestSafeName(t *testing.T) {
	long := strings.Repeat("x", 300)
	for path, want := range map[string]string{
		"DCIM/100MEDIA/0001.MP4": "0001.MP4",
		"0001.MP4":               "0001.MP4",
		"a/..":                   "_",
		"/":                      "_",
		"..":                     "_",
		"a/.hidden":              "_.hidden",
		"-rf":                    "_-rf",
		"a b;c\n$(x).mp4":        "a_b_c___x_.mp4",
		"现场.mp4":                 "__.mp4",
		"con.mp4":                "_con.mp4",
		"AUX":                    "_AUX",
		"lpt1.tar.gz":            "_lpt1.tar.gz",
		"end...":                 "end",
		"a\\b.mp4":               "a_b.mp4",
		"\u202egnp.mp4":          "_gnp.mp4",
		long + ".mp4":            strings.Repeat("x", 96) + ".mp4",
		"x." + long:              ("x." + long)[:100],
		"":                       "dk3v9q-1",
	} {
		record, err := json.Marshal(map[string]string{"path": path})
		if err != nil {
			t.Fatal(err)
		}
		got := safeName(record, "dk3v9q-1")
		if got != want || !safe.MatchString(got) {
			t.Errorf("%q became %q, want %q", path, got, want)
		}
	}
	if got := safeName(nil, "dk3v9q-1"); got != "dk3v9q-1" {
		t.Errorf("no record: %q", got)
	}
}

func FuzzSafeName(f *testing.F) {
	f.Add("DCIM/0001.MP4")
	f.Add("\xff/../.")
	f.Fuzz(func(t *testing.T, path string) {
		record, err := json.Marshal(map[string]string{"path": path})
		if err != nil {
			t.Fatal(err)
		}
		if got := safeName(record, "dk3v9q-1"); !safe.MatchString(got) {
			t.Errorf("%q became %q", path, got)
		}
	})
}
