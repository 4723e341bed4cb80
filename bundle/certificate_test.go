package bundle_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify/verifytest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// told is a log of two clips with everything that a certificate tells.
func told(t testing.TB, name, word string) (*verifytest.Log, []string) {
	l := verifytest.New(t, t.TempDir())
	l.Append("run.started", manifest.Object{"version": "v1.2.3", "binary": strings.Repeat("5a", 32), "config": "default"}, nil)
	clip := func(name, content string, lat float64) int64 {
		digest := l.Entry(l.Clip("unused", content)).Fields.Str("sha256")
		return l.Append("clip.ingested", manifest.Object{
			"sha256": digest, "size": int64(len(content)), "sm3": verifytest.SM3(content), "device": "c017", "bay": "bay-03", "role": "main",
			"span":   manifest.Object{"from": "2026-11-21T22:00:00Z", "to": "2026-11-21T22:10:30Z", "error_ms": int64(2100)},
			"offset": manifest.Object{"ms": int64(-61000), "error_ms": int64(100), "method": "protocol"},
		}, map[string]any{
			"path": name, "source": map[string]any{"kind": "fs", "id": "12A4-33FF"}, "notes": []string{"empty " + word},
			"media": map[string]any{
				"container": "mp4", "video": "avc1", "audio": "mp4a", "width": 1920, "height": 1080, "duration_ms": 630500,
				"make": "Maker", "model": "M1", "serial": "S9",
			},
			"tags": map[string]any{
				"cases": []string{"A-17", word}, "matter": word, "stage": "调查取证", "party": word, "proves": []string{word},
				"collectors": []any{map[string]any{"person": "张三", "badge": "0042", "unit": word}},
				"place":      map[string]any{"text": word, "lat": lat, "lon": 121.4737},
				"times":      []any{map[string]any{"source": "media", "field": "mvhd", "raw": word, "zone": "+08:00"}},
				"recording":  map[string]any{"id": word, "part": 1},
			},
		})
	}
	a, b := clip(name, "first", 31.2304), clip("b.MP4", "second", 31.2404)
	l.Stored(a)
	l.About(a, "clip.tagged", nil, map[string]any{"tags": map[string]any{"stage": "审核决定"}, "reason": word})
	l.About(a, "clip.viewed", nil, map[string]any{"reason": word, "range": "0-9"})
	l.About(b, "clip.strange", nil, nil)
	for _, n := range []int64{a, b} {
		l.About(n, "clip.exported", nil, map[string]any{"reason": word, "for": "district court " + word})
	}
	l.Publish()
	return l, []string{l.ClipName(a), l.ClipName(b)}
}

// certificateOf writes a package and returns its certificate, with what the
// package lacked.
func certificateOf(t testing.TB, o bundle.Options) (page string, lacks []string) {
	t.Helper()
	o.Now = func() time.Time { return time.Date(2026, 11, 23, 7, 0, 0, 0, time.FixedZone("", 8*3600)) }
	o.Problem = func(err error) { lacks = append(lacks, err.Error()) }
	if err := bundle.Write(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if got, err := verifyDir(o.Place(), o.Key); err != nil {
		t.Error(got, err)
	}
	if o.Zip {
		return "", lacks
	}
	data, err := os.ReadFile(filepath.Join(o.Dir, "certificate.html"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data), lacks
}

// What is drawn at random stands as its length.
var random = regexp.MustCompile(`\b[0-9a-f]{64}\b|&#43;[0-9a-f]{8}\b`)

func TestCertificate(t *testing.T) {
	l, clips := told(t, "DCIM/100MEDIA/现场.MP4", "words")
	o := options(l, filepath.Join(t.TempDir(), "p"), clips)
	o.Left = []string{"dk3v9q-99"}
	page, lacks := certificateOf(t, o)
	page = random.ReplaceAllStringFunc(page, func(s string) string { return fmt.Sprintf("[%d digits]", len(strings.TrimPrefix(s, "&#43;"))) })
	golden := filepath.Join("testdata", "certificate.html")
	if *update {
		put(t, golden, []byte(page))
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), page); d != "" || len(lacks) > 0 {
		t.Error(d, lacks)
	}
}

// Nothing that a device or a person said becomes markup, turns the text around
// or pushes it off the page.
func TestHostileCertificate(t *testing.T) {
	const script = `<script>alert(1)</script>`
	for name, word := range map[string]string{
		"script":  script,
		"quotes":  `"><img src=x onerror=alert(1)>'` + "`",
		"link":    "javascript:alert(1)",
		"end":     "</td></table></style><!--",
		"bidi":    "a\u202ecod\u2066.\u200fexe",
		"control": "a\x00\x1b[31m\r\nb\u2028",
		"long":    strings.Repeat("长", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			l, clips := told(t, "DCIM/"+strings.ReplaceAll(word, "/", "∕")+".MP4", word)
			page, _ := certificateOf(t, options(l, filepath.Join(t.TempDir(), "p"), clips))
			if strings.ContainsAny(page, "\x00\x1b\r\u2028\u202e\u2066\u200f") {
				t.Error("what does not print stands in it")
			}
			if len(page) > 200_000 {
				t.Errorf("it has %d bytes", len(page))
			}
			calm, clips := told(t, "DCIM/calm.MP4", "calm")
			plain, _ := certificateOf(t, options(calm, filepath.Join(t.TempDir(), "p"), clips))
			if d := cmp.Diff(markup(plain), markup(page)); d != "" {
				t.Errorf("the words are markup: %s", d)
			}
		})
	}
}

// markup is every tag of a page, in order.
func markup(page string) []string {
	return regexp.MustCompile(`<[^>]*>`).FindAllString(page, -1)
}

// fake is a program that does what a line of sh says.
func fake(t testing.TB, line string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fake")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+line+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPicturesAndPrint(t *testing.T) {
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "picture.jpg")
	put(t, file, picture.Bytes())
	const print = `for a; do case $a in --print-to-pdf=*) printf '%%PDF-1.7 ' >"${a#*=}";; esac; done`
	tests := map[string]struct {
		ffmpeg, chromium string
		zip              bool
		frames           int
		pdf              bool
		lacks            string
	}{
		"both":          {ffmpeg: "cat " + file, chromium: print, frames: 2, pdf: true},
		"no programs":   {},
		"no picture":    {ffmpeg: "echo '<b>sorry</b>'; echo why >&2; exit 1", chromium: print, pdf: true, lacks: `take a picture of dk3v9q-2: exit status 1: "why\n"`},
		"other bytes":   {ffmpeg: "echo '<b>no picture</b>'", lacks: "take a picture of dk3v9q-2: "},
		"large":         {ffmpeg: "cat " + file + "; head -c 200000 /dev/zero", lacks: "more than"},
		"no file":       {ffmpeg: "cat " + file, zip: true, lacks: "it lies in no file of its own"},
		"no print":      {chromium: "exit 1", lacks: "print certificate: exit status 1"},
		"wrong print":   {chromium: `for a; do case $a in --print-to-pdf=*) echo no >"${a#*=}";; esac; done`, lacks: "what was printed is no certificate"},
		"not startable": {chromium: "/nowhere", lacks: "print certificate: exit status 127"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l, clips := told(t, "a.MP4", "words")
			o := options(l, filepath.Join(t.TempDir(), "p"), clips)
			o.Zip = test.zip
			if test.ffmpeg != "" {
				o.FFmpeg = fake(t, test.ffmpeg)
			}
			if test.chromium != "" {
				o.Chromium = fake(t, test.chromium)
			}
			page, lacks := certificateOf(t, o)
			if n := strings.Count(page, `<img src="data:image/jpeg;base64,`); n != test.frames {
				t.Errorf("%d pictures: %q", n, lacks)
			}
			if pdf := exists(filepath.Join(o.Dir, "certificate.pdf")); pdf != test.pdf {
				t.Errorf("printed: %v, %q", pdf, lacks)
			}
			if test.lacks == "" && len(lacks) > 0 || !slices.ContainsFunc(append(lacks, ""), func(s string) bool { return strings.Contains(s, test.lacks) }) {
				t.Errorf("%q, not %q", lacks, test.lacks)
			}
		})
	}
}

// What ffmpeg is given is one local file, and no other is open to it.
func TestPictureIsOfTheCopy(t *testing.T) {
	l, clips := told(t, "a.MP4", "words")
	said := filepath.Join(t.TempDir(), "said")
	o := options(l, filepath.Join(t.TempDir(), "p"), clips)
	o.FFmpeg = fake(t, `echo "$@" >>`+said+`; for a; do case $a in file:*) cat "${a#file:}" >>`+said+`;; esac; done; exit 1`)
	certificateOf(t, o)
	got, err := os.ReadFile(said)
	if err != nil || !strings.Contains(string(got), "-protocol_whitelist file -format_whitelist ") ||
		!strings.Contains(string(got), "first") || !strings.Contains(string(got), "second") {
		t.Errorf("%s, %v", got, err)
	}
}
