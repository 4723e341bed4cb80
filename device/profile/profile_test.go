package profile

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/tag"
)

func shipped(t testing.TB) Set {
	t.Helper()
	s, err := Load(configs.Devices(), "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func named(raw string) clip.Time {
	return clip.Time{Source: clip.ByFilename, Field: "name", Raw: raw}
}

func TestMatch(t *testing.T) {
	s := shipped(t)
	tests := []struct {
		name  string
		paths []string
		label string
		want  string
	}{
		{"nothing", nil, "", "generic"},
		{"unknown", []string{"a/b.bin", "x.mp4"}, "USB", "generic"},
		{"a11", []string{"LOG/20260902.txt", "DCIM/A11_2222222_222222_20260902180118_0001.mp4"}, "", "a11"},
		{"nor", []string{"NOR_0000000_000000_20220729_082137_0001.mp4"}, "", "nor"},
		{"gopro", []string{"DCIM/100GOPRO/GX010042.MP4"}, "", "gopro"},
		{"gopro, low-resolution twin alone", []string{"DCIM/100GOPRO/gl010042.lrv"}, "", "gopro"},
		{"gopro until hero5", []string{"DCIM/100GOPRO/GOPR0042.MP4"}, "", "gopro"},
		{"gopro second chapter alone", []string{"100GOPRO/GP010042.MP4"}, "", "gopro"},
		{"novatek", []string{"DCIM/MOVIE/A.MOV"}, "", "novatek"},
		{"dji", []string{"DCIM/DJI_001/DJI_20260902180118_0001_D.MP4"}, "", "dji"},
		{"sony by label", nil, "IC RECORDER", "sony-ic"},
		{"sony by folder", []string{"REC_FILE/FOLDER01/260902_1801.mp3"}, "NO NAME", "sony-ic"},
		{"olympus", []string{"DSS_FLDA/DS_50001.DS2"}, "", "olympus"},
		{"zoom", []string{"STEREO/FOLDER01/STE-000.WAV"}, "", "zoom"},
		{"transcend", []string{"DPB30/2026/a.MP4"}, "", "transcend"},
		{"dcf", []string{"DCIM/100CANON/IMG_0001.JPG"}, "", "dcf"},
		{"dcf with clips", []string{"DCIM/100CANON/MVI_0002.MOV", "DCIM/100CANON/IMG_0001.JPG"}, "", "dcf"},
		{"variant b shows nothing", []string{"a.mp4", "b.jpg"}, "1234567", "generic"},
		{"label must be whole", nil, "MY IC RECORDER 2", "generic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := s.Match(tt.paths, tt.label, "").Name; got != tt.want {
				t.Errorf("matched %q, want %q", got, tt.want)
			}
		})
	}
	for _, want := range []string{"ambarella-b", "a11", "generic"} {
		if p := s.Named(want); p == nil || p.Name != want {
			t.Errorf("profile named %q is %v", want, p)
		}
	}
	if p := s.Named("nope"); p != nil {
		t.Errorf("profile %v for a name no one has", p)
	}
	if p := (Set{}).Match([]string{"a.mp4"}, "", ""); p == nil || p.Classify("a.mp4").Role != clip.Sidecar {
		t.Errorf("an empty set must still classify: %v", p)
	}
}

func TestClassify(t *testing.T) {
	s := shipped(t)
	sec, minute := time.Second, time.Minute
	at := time.Date(2026, 9, 2, 18, 1, 18, 0, time.UTC)
	part := func(id string, n int) *clip.Recording { return &clip.Recording{ID: id, Part: n} }
	tests := []struct {
		profile, path string
		want          Facts
	}{
		{"a11", "DCIM/A11_2222222_222222_20260902180118_0001.mp4", Facts{Role: clip.Main, Name: tag.Name{
			Device: "2222222", Officer: "222222", Seq: "0001", Time: named("20260902180118"), At: at, Step: sec}}},
		{"a11", "A11_0000000_000000_20260902180118_0001.mp4", Facts{Role: clip.Main, Name: tag.Name{
			Seq: "0001", Time: named("20260902180118"), At: at, Step: sec}}},
		{"a11", "A11_0000000_000007_20000101000003_0001.JPG", Facts{Role: clip.Still, Name: tag.Name{
			Officer: "000007", Seq: "0001", Time: named("20000101000003"),
			At: time.Date(2000, 1, 1, 0, 0, 3, 0, time.UTC), Step: sec}}},
		{"a11", "A11_2222222_222222_20261399250000_0001.mp4", Facts{Role: clip.Main, Name: tag.Name{
			Device: "2222222", Officer: "222222", Seq: "0001", Time: named("20261399250000")}}},
		{"a11", "LOG/20260902.txt", Facts{Role: clip.Log}},
		{"a11", "notes.txt", Facts{Role: clip.Sidecar}},
		{"nor", "NOR_0000000_000000_20220729_082137_0004.mp4", Facts{Role: clip.Main, Name: tag.Name{
			Seq: "0004", Time: named("20220729_082137"), At: time.Date(2022, 7, 29, 8, 21, 37, 0, time.UTC), Step: sec}}},
		{"nor", "NOR_0012345_006789_20220729_082137_….mp4", Facts{Role: clip.Main, Name: tag.Name{
			Device: "0012345", Officer: "006789",
			Time: named("20220729_082137"), At: time.Date(2022, 7, 29, 8, 21, 37, 0, time.UTC), Step: sec}}},
		{"gopro", "DCIM/100GOPRO/GX010042.MP4", Facts{Role: clip.Main, Name: tag.Name{Seq: "0042", Recording: part("0042", 1)}}},
		{"gopro", "DCIM/100GOPRO/GX020042.MP4", Facts{Role: clip.Main, Name: tag.Name{Seq: "0042", Recording: part("0042", 2)}}},
		{"gopro", "DCIM/100GOPRO/GH110042.MP4", Facts{Role: clip.Main, Name: tag.Name{Seq: "0042", Recording: part("0042", 11)}}},
		{"gopro", "DCIM/100GOPRO/GL010042.LRV", Facts{Role: clip.Proxy, Name: tag.Name{Seq: "0042", Recording: part("0042", 1)}}},
		{"gopro", "DCIM/100GOPRO/GL010042.MP4", Facts{Role: clip.Proxy, Name: tag.Name{Seq: "0042", Recording: part("0042", 1)}}},
		{"gopro", "DCIM/100GOPRO/GX010042.THM", Facts{Role: clip.Sidecar, Name: tag.Name{Seq: "0042", Recording: part("0042", 1)}}},
		{"gopro", "GOPR0042.MP4", Facts{Role: clip.Main, Name: tag.Name{Seq: "0042", Recording: part("0042", 1)}}},
		{"gopro", "GP010042.MP4", Facts{Role: clip.Main, Name: tag.Name{Seq: "0042", Recording: part("0042", 2)}}},
		{"gopro", "GOPR0056.JPG", Facts{Role: clip.Still, Name: tag.Name{Seq: "0056"}}},
		{"gopro", "GX000042.MP4", Facts{Role: clip.Main, Name: tag.Name{Seq: "0042"}}},
		{"gopro", "MISC/version.txt", Facts{Role: clip.Sidecar}},
		{"novatek", "DCIM/MOVIE/2026_0902_180118_001.MOV", Facts{Role: clip.Main, Name: tag.Name{
			Seq: "001", Time: named("2026_0902_180118"), At: at, Step: sec}}},
		{"novatek", "DCIM/MOVIE/RO/2026_0902_180118_002.MOV", Facts{Role: clip.Main, Protected: true, Name: tag.Name{
			Seq: "002", Time: named("2026_0902_180118"), At: at, Step: sec}}},
		{"dji", "DCIM/DJI_001/DJI_20260902180118_0001_D.MP4", Facts{Role: clip.Main, Name: tag.Name{
			Seq: "0001", Time: named("20260902180118"), At: at, Step: sec}}},
		{"dji", "DCIM/DJI_001/DJI_20260902180118_0001_D.LRF", Facts{Role: clip.Proxy, Name: tag.Name{
			Seq: "0001", Time: named("20260902180118"), At: at, Step: sec}}},
		{"dji", "DCIM/DJI_001/DJI_20260902180118_0001_D.SRT", Facts{Role: clip.Sidecar, Name: tag.Name{
			Seq: "0001", Time: named("20260902180118"), At: at, Step: sec}}},
		{"dji", "DCIM/100MEDIA/DJI_0017.JPG", Facts{Role: clip.Still, Name: tag.Name{Seq: "0017"}}},
		{"sony-ic", "REC_FILE/FOLDER01/260902_1801.mp3", Facts{Role: clip.Main, Name: tag.Name{
			Time: named("260902_1801"), At: at.Truncate(minute), Step: minute}}},
		{"olympus", "DSS_FLDA/DS_50001.DS2", Facts{Role: clip.Main, Name: tag.Name{Seq: "0001"}}},
		{"zoom", "STEREO/FOLDER01/STE-000.WAV", Facts{Role: clip.Main, Name: tag.Name{Seq: "000"}}},
		{"transcend", "DPB30/2026/a.MP4", Facts{Role: clip.Main}},
		{"dcf", "DCIM/100CANON/IMG_9999.JPG", Facts{Role: clip.Still, Name: tag.Name{Seq: "9999"}}},
		{"dcf", "DCIM/100NCD90/DSC_0001.NEF", Facts{Role: clip.Still, Name: tag.Name{Seq: "0001"}}},
		{"ambarella-b", "a.mp4", Facts{Role: clip.Main}},
		{"generic", "A11_2222222_222222_20260902180118_0001.mp4", Facts{Role: clip.Main, Name: tag.Name{
			Device: "2222222", Officer: "222222", Seq: "0001", Time: named("20260902180118"), At: at, Step: sec}}},
		{"generic", "clip.MP4", Facts{Role: clip.Main}},
		{"generic", "voice.WAV", Facts{Role: clip.Main}},
		{"generic", "noext", Facts{Role: clip.Sidecar, Guessed: true}},
		{"generic", "mp4", Facts{Role: clip.Sidecar, Guessed: true}},
		{"generic", "a.enc", Facts{Role: clip.Sidecar, Guessed: true}},
		{"generic", "System Volume Information/IndexerVolumeGuid", Facts{Ignore: true}},
		{"generic", "DCIM/System Volume Information.mp4", Facts{Role: clip.Main}},
		{"generic", "\xff\xfe/\x1b]52;\xe2\x80\xae.mp4", Facts{Role: clip.Main}},
		{"generic", "", Facts{Role: clip.Sidecar, Guessed: true}},
	}
	for _, tt := range tests {
		t.Run(tt.profile+" "+tt.path, func(t *testing.T) {
			p := s.Named(tt.profile)
			if p == nil {
				t.Fatal("no such profile")
			}
			if diff := cmp.Diff(tt.want, p.Classify(tt.path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValuesArePrintable(t *testing.T) {
	s, err := Load(fstest.MapFS{
		"generic.yaml": {Data: []byte("name: generic\n")},
		"loose.yaml": {Data: []byte("name: loose\nnames:\n  - pattern: '(?P<officer>.*)-(?P<device>.*)\\.mp4'\n" +
			"    example: a-b.mp4\n")},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	p := s.Named("loose")
	for path, want := range map[string]tag.Name{
		"李雷-c7.mp4":        {Officer: "李雷", Device: "c7"},
		"a\x1b[2J-c7.mp4":  {Device: "c7"},
		"a\xff-c7.mp4":     {Device: "c7"},
		"\u202eb-c\n7.mp4": {},
		strings.Repeat("9", maxValue+1) + "-c7.mp4": {Device: "c7"},
		"000-0.mp4": {},
	} {
		if diff := cmp.Diff(want, p.Classify(path).Name); diff != "" {
			t.Errorf("%q: %s", path, diff)
		}
	}
}

func TestIDs(t *testing.T) {
	s := shipped(t)
	tests := []struct{ profile, path, data, want string }{
		{"a11", "LOG/20260902.txt", "20260902 18:01 power on\r\n#ID:2222222\r\n", "2222222"},
		{"a11", "LOG/20260902.txt", "#ID:0000000\n", ""},
		{"a11", "LOG/20260902.txt", "#ID:0000000\n#ID:0000012\n", "0000012"},
		{"a11", "LOG/20260902.txt", "#ID:\x1b[2J", ""},
		{"gopro", "MISC/version.txt", "{\n\"info version\":\"2.0\",\n\"camera serial number\":\"C3461325012345\",\n}\n", "C3461325012345"},
		{"gopro", "MISC/version.txt", "", ""},
	}
	for _, tt := range tests {
		files := s.Named(tt.profile).IDFiles()
		i := slices.IndexFunc(files, func(f IDFile) bool { return f.Match(tt.path) })
		if i < 0 {
			t.Errorf("%s: %s is not looked at", tt.profile, tt.path)
			continue
		}
		if got := files[i].Find([]byte(tt.data)); got != tt.want {
			t.Errorf("%s: found %q in %q, want %q", tt.profile, got, tt.data, tt.want)
		}
		if files[i].Match("DCIM/a.mp4") {
			t.Errorf("%s: looks into clips", tt.profile)
		}
	}
	b := s.Named("ambarella-b")
	for label, want := range map[string]string{"BC012345": "BC012345", "0000000": "", "": "", "A\x1bB12": ""} {
		if got := b.LabelDevice(label); got != want {
			t.Errorf("label %q: device %q, want %q", label, got, want)
		}
	}
	if got := s.Named("a11").LabelDevice("BC012345"); got != "" {
		t.Errorf("a profile without label_id took %q", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name, yaml string
		line, col  int
		has        string
	}{
		{"unknown key", "name: bad\nvendr: x\n", 2, 1, "unknown key"},
		{"wrong type", "name: bad\nrank: high\n", 2, 7, "whole number"},
		{"duplicate", "name: bad\nrank: 1\nrank: 2\n", 3, 1, "already defined"},
		{"wrong name", "name: other\n", 1, 7, "named after its file"},
		{"glob", "name: bad\nmatch:\n  paths: ['a', '[x']\n", 3, 16, "class"},
		{"absolute glob", "name: bad\nprotected:\n  - /etc/*\n", 3, 5, "relative"},
		{"label", "name: bad\nmatch:\n  label: '('\n", 3, 10, "regular expressions"},
		{"unbalanced label", "name: bad\nmatch:\n  label: 'a)(b'\n", 3, 10, "regular expressions"},
		{"pattern", "name: bad\nnames:\n  - pattern: '('\n    example: x\n", 3, 14, "regular expressions"},
		{"group", "name: bad\nnames:\n  - pattern: '(?P<who>x)'\n    example: x\n", 3, 14, "who"},
		{"example", "name: bad\nnames:\n  - pattern: 'x'\n    example: y\n", 4, 14, "does not match"},
		{"no layout", "name: bad\nnames:\n  - pattern: '(?P<time>x)'\n    example: x\n", 3, 5, "layout"},
		{"layout", "name: bad\nnames:\n  - pattern: '(?P<time>x)'\n    example: x\n    time: '2006'\n", 5, 11, "layout"},
		{"zone", "name: bad\nnames:\n  - pattern: '(?P<time>\\d{4})'\n    example: '2026'\n    time: '2006'\n    zone: Mars\n", 6, 11, "Mars"},
		{"role twice", "name: bad\nroles:\n  main: ['*.x']\n  still: ['*.X']\n", 3, 10, "still"},
		{"usb id", "name: bad\nmatch:\n  usb: ['2672:0042', '2672:42']\n", 3, 22, "2672:42"},
		{"usb id in capitals", "name: bad\nmatch:\n  usb: ['2672:00AB']\n", 3, 9, "lower-case"},
		{"serials", "name: bad\nserials: unique\n", 2, 10, "shared"},
		{"id groups", "name: bad\nids:\n  - file: a\n    pattern: 'b'\n", 4, 14, "one, around the id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{"generic.yaml": {Data: []byte("name: generic\n")}, "bad.yaml": {Data: []byte(tt.yaml)}}, "")
			var e *configs.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *configs.Error", err)
			}
			if e.File != "bad.yaml" || e.Line != tt.line || e.Column != tt.col || !strings.Contains(e.Problem, tt.has) {
				t.Errorf("got %v, want bad.yaml:%d:%d and %q", e, tt.line, tt.col, tt.has)
			}
		})
	}
	if _, err := Load(fstest.MapFS{}, ""); err == nil || !strings.Contains(err.Error(), "generic.yaml") {
		t.Errorf("a set without generic.yaml: %v", err)
	}
}

func FuzzClassify(f *testing.F) {
	for _, s := range []string{
		"A11_2222222_222222_20260902180118_0001.mp4", "NOR_0000000_000000_20220729_082137_x.mp4", "DCIM/100GOPRO/GX020042.MP4",
		"REC_FILE/FOLDER01/260902_1801.mp3", "\xff\xfe\x00/..//\n", "DCIM/DJI_001/DJI_20260902180118_0001_D.MP4", "", "///",
	} {
		f.Add(s)
	}
	set := shipped(f)
	f.Fuzz(func(t *testing.T, path string) {
		for _, p := range append(slices.Clone(set.profiles), set.generic) {
			facts := p.Classify(path)
			if facts.Role == "" != facts.Ignore {
				t.Fatalf("%s: role %q, ignore %v", p, facts.Role, facts.Ignore)
			}
			for _, v := range []string{facts.Device, facts.Officer, facts.Unit, facts.Seq, facts.Time.Raw} {
				if printable(v) != v {
					t.Fatalf("%s: value %q", p, v)
				}
			}
			if strings.Trim(facts.Officer, "0") == "" && facts.Officer != "" {
				t.Fatalf("%s: factory setting %q taken for an officer", p, facts.Officer)
			}
			if facts.Recording != nil && facts.Recording.Part < 1 {
				t.Fatalf("%s: part %d", p, facts.Recording.Part)
			}
			if set.Match([]string{path}, path, path) == nil {
				t.Fatal("no profile")
			}
		}
	})
}

func FuzzLoad(f *testing.F) {
	dir := configs.Devices()
	files, err := fs.Glob(dir, "*.yaml")
	if err != nil || len(files) < 10 {
		f.Fatalf("profiles to start from: %v, %v", files, err)
	}
	for _, file := range files {
		data, err := fs.ReadFile(dir, file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		p, err := parse("x.yaml", data)
		if err != nil {
			var e *configs.Error
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 || strings.ContainsAny(e.Error(), "\n\x1b") {
				t.Fatalf("error without place or in several lines: %q", err)
			}
			return
		}
		p.patterns = nil
		for i := range p.Names {
			p.patterns = append(p.patterns, &p.Names[i])
		}
		p.Classify("DCIM/100GOPRO/GX010042.MP4")
		p.LabelDevice("x")
		for _, id := range p.IDFiles() {
			id.Match("x")
			id.Find([]byte("x"))
		}
	})
}
