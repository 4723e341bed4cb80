package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/configs"
)

// TestNumber: which numbers count, and with which others.
func TestNumber(t *testing.T) {
	s := shipped(t)
	for _, c := range []struct{ profile, path, want string }{
		{"a11", "DCIM/A11_2222222_100234_20260902180118_0007.mp4", "7 of a11 2222222 "},
		{"a11", "DCIM/A11_0000000_100234_20260902180118_0007.jpg", "7 of a11  "},
		{"a11", "LOG/20260902.txt", ""},
		{"gopro", "DCIM/100GOPRO/GX020042.MP4", "42 of gopro  "},
		{"gopro", "DCIM/100GOPRO/GOPR0056.JPG", "56 of gopro  "},
		{"dcf", "DCIM/100CANON/MVI_0007.AVI", "7 of dcf  "},
		{"dcf", "DCIM/101CANON/IMG_0008.JPG", "8 of dcf  "},
		{"zoom", "STEREO/FOLDER01/STE-003.WAV", "3 of zoom  STEREO/FOLDER01"},
		{"generic", "x/DJI_20260902180510_0001_D.MP4", "1 of dji  "},
		{"sony-ic", "REC_FILE/FOLDER01/260902_1801_02.mp3", ""},
		{"nor", "NOR_0000000_000000_20220729_082137_0001.mp4", ""},
		{"generic", "a.mp4", ""},
	} {
		n, ok := s.Named(c.profile).Number(c.path)
		got := ""
		if ok {
			got = fmt.Sprintf("%d of %s %s %s", n.N, n.Series.Format, n.Series.Device, n.Series.Scope)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
}

// custom loads one profile of an admin's own.
func custom(t *testing.T, text string) (*Profile, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte("name: own\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(configs.Devices(), dir)
	return s.Named("own"), err
}

func TestCountsOfDays(t *testing.T) {
	p, err := custom(t, `
names:
  - pattern: 'X(?P<time>\d{8})_(?P<seq>\d{3})\.MP4'
    example: X20260902_001.MP4
    time: "20060102"
    counts: day
`)
	if err != nil {
		t.Fatal(err)
	}
	n, ok := p.Number("a/X20260902_004.MP4")
	if want := (Number{Series: Series{Format: "own", Scope: "2026-09-02"}, N: 4, Digits: 3, First: true}); !ok || !cmp.Equal(want, n) {
		t.Errorf("%+v", n)
	}
	if n, ok := p.Number("a/X20269999_004.MP4"); ok {
		t.Errorf("of no day: %+v", n)
	}
}

func TestCountsAndLogsAreStrict(t *testing.T) {
	for text, says := range map[string]string{
		"names:\n  - {pattern: '(?P<seq>\\d+)', example: '1', counts: week}":                                           "write device, folder or day",
		"names:\n  - {pattern: '(?P<officer>\\d+)', example: '1', counts: device}":                                     "needs the group seq",
		"names:\n  - {pattern: '(?P<seq>\\w+)', example: 'x1', counts: device}":                                        "digits in it",
		"names:\n  - {pattern: '(?P<seq>\\d+)', example: '1', counts: day}":                                            "needs the group time",
		"logs:\n  - {file: '*.txt', pattern: 'x', example: 'x'}":                                                       "needs the group seq",
		"logs:\n  - {file: '*.txt', pattern: '(?P<seq>\\d+)', example: 'x'}":                                           "does not match the pattern",
		"logs:\n  - {file: '*.txt', pattern: '(?P<seq>\\d+) (?P<time>\\d+)', example: '1 2'}":                          "needs a layout",
		"logs:\n  - {file: '*.txt', pattern: '(?P<seq>\\d+) (?P<time>\\d+)', example: '1 99999999', time: '20060102'}": "does not match",
		"logs:\n  - {file: '/x', pattern: '(?P<seq>\\d+)', example: '1'}":                                              "relative",
		"logs:\n  - {file: '*.txt', pattern: '(?P<seq>', example: '1'}":                                                "regular expressions",
	} {
		if _, err := custom(t, text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzDeviceLog(f *testing.F) {
	f.Add("2026-09-02 18:01:18 #ID:2222222 record start 0001\r")
	f.Add("2026-99-02 18:01:18 #ID:2222222 photo 999999999999")
	f.Add("\x00\xff")
	rule := shipped(f).Named("a11").DeviceLog("LOG/20260902.txt")
	f.Fuzz(func(t *testing.T, line string) {
		if said, ok := rule.Read(line); ok && (said.Seq < 0 || said.Seq > 999_999_999 || said.At.IsZero()) {
			t.Fatalf("%q says %+v", line, said)
		}
	})
}
