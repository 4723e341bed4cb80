package media

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
)

// swap replaces one occurrence; a test whose input does not change is no test.
func swap(t *testing.T, b []byte, old, repl string) []byte {
	t.Helper()
	if bytes.Count(b, []byte(old)) < 1 || len(old) != len(repl) {
		t.Fatalf("no %q to replace by %q", old, repl)
	}
	return bytes.Replace(bytes.Clone(b), []byte(old), []byte(repl), 1)
}

func TestISO6709(t *testing.T) {
	for v, want := range map[string]*clip.Place{
		"+22.5431+114.0579+036.200/":  at(22.5431, 114.0579),
		"-33.8568-151.2153/":          at(-33.8568, -151.2153),
		"+22.543100+114.057900":       at(22.5431, 114.0579),
		"+3930+11630/":                at(39.5, 116.5),
		"+393036-1163054.0CRSWGS_84/": at(39.51, -116.515),
		"+00+000/":                    nil,
		"+90.1+000/":                  nil,
		"+10+181/":                    nil,
		"+3960+11630/":                nil,
		"+223+114/":                   nil,
		"22.5431,114.0579":            nil,
		"":                            nil,
	} {
		var m clip.Media
		setISO6709(&m, v)
		if diff := cmp.Diff(want, m.Place); diff != "" {
			t.Errorf("%q (-want +got):\n%s", v, diff)
		}
	}
}

func TestStatedZone(t *testing.T) {
	for v, want := range map[string]string{
		"2026-09-02T18:04:10+0800":     "+08:00",
		"2026-09-02T18:04:10.5-03:30":  "-03:30",
		"2026-09-02T10:04Z":            "+00:00",
		"2026-09-02T18:04:10":          "",
		"2026-09-02":                   "",
		"2026-09-02T18:04:10+99:00":    "",
		"2026-09-02T18:04:10+0800\x1b": "",
	} {
		if got := statedZone(v); got != want {
			t.Errorf("%q: zone %q, want %q", v, got, want)
		}
	}
}

func TestMacTime(t *testing.T) {
	for sec, want := range map[uint64]string{
		0: "", 1: "1904-01-01T00:00:01Z", 2082844800: "1970-01-01T00:00:00Z", 1<<64 - 1: "",
		0xffffffff: "2040-02-06T06:28:15Z",
	} {
		if got := macTime(sec); got != want {
			t.Errorf("%d: %q, want %q", sec, got, want)
		}
	}
}

// movie is ftyp and a moov of these boxes.
func movie(boxes ...string) []byte { return []byte(ftyp + box32("moov", boxes...)) }

func TestMovieVariants(t *testing.T) {
	long := "\x01\x00\x00\x00" + "\x00\x00\x00\x00\xe6\xbe\x15\x40" + strings.Repeat("\x00", 8)
	scale := "\x00\x00\x03\xe8"
	xyz := box32("udta", box32("\xa9xyz", "\x00\x11\x15\xc7+22.5431+114.0579\x00"), "\x00\x00\x00\x00")
	for _, c := range []struct {
		name string
		in   []byte
		want clip.Media
	}{
		{"64-bit mvhd", movie(box32("mvhd", long, scale, "\x00\x00\x00\x01\x00\x00\x00\x00")), clip.Media{
			DurationMS: 4294967296, Times: []clip.Time{said("mvhd", "2026-09-02T18:02:40Z", "")}}},
		{"unknown length", movie(box32("mvhd", long, scale, strings.Repeat("\xff", 8))), clip.Media{
			Times: []clip.Time{said("mvhd", "2026-09-02T18:02:40Z", "")}}},
		{"mehd", movie(box32("mvhd", strings.Repeat("\x00", 12), scale, "\x00\x00\x00\x00"),
			box32("mvex", box32("mehd", "\x00\x00\x00\x00\x00\x00\x09\xc4"))), clip.Media{DurationMS: 2500}},
		{"zero time", movie(box32("mvhd", strings.Repeat("\x00", 12), scale, "\x00\x00\x00\x07")), clip.Media{DurationMS: 7}},
		{"track's own time", movie(box32("mvhd", strings.Repeat("\x00", 20)),
			box32("trak", box32("tkhd", "\x00\x00\x00\x03\xe6\xbe\x15\x40\xe6\xbe\x15\x40"))), clip.Media{
			Times: []clip.Time{said("tkhd", "2026-09-02T18:02:40Z", "")}}},
		{"location behind a broken box", movie(box32("mvhd", "\x00"), xyz), clip.Media{
			Place: at(22.5431, 114.0579), Problem: "truncated: mvhd too short"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Container = "mp4"
			if diff := cmp.Diff(c.want, bounded(t, c.in)); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
		})
	}
	if m := probe([]byte("\x00\x00\x00\x10ftypheic\x00\x00\x02\x00")); m.Container != "" {
		t.Errorf("a HEIC picture is %q", m.Container)
	}
}

func TestWAVTorn(t *testing.T) {
	b := load(t, sample+"zoom/STEREO/FOLDER01/STE-000.WAV")
	open := bytes.Clone(b)
	copy(open[4:], "\x00\x00\x00\x00")
	open = swap(t, open, "data\x00\x7d\x00\x00", "data\x00\x00\x00\x00")
	for _, c := range []struct {
		name    string
		in      []byte
		ms      int64
		problem string
	}{
		{"not closed", open, 2000, "not closed"},
		{"cut in the middle", b[:len(b)-16000], 1000, "truncated"},
	} {
		if m := bounded(t, c.in); m.DurationMS != c.ms || !strings.Contains(m.Problem, c.problem) || m.Model == "" {
			t.Errorf("%s: %+v", c.name, m)
		}
	}
}

func riff(id string, body ...string) string {
	s := strings.Join(body, "")
	return id + string(little.AppendUint32(nil, uint32(len(s)))) + s + "\x00"[:len(s)%2]
}

func TestAVIVariants(t *testing.T) {
	words := func(v ...uint32) string {
		var b []byte
		for _, n := range v {
			b = little.AppendUint32(b, n)
		}
		return string(b)
	}
	avih := riff("avih", words(40000, 0, 0, 0, 50, 0, 2, 0, 640, 480))
	video := riff("strh", "vidsXVID", words(0, 0, 0, 1, 25, 0, 50, 0))
	raw := riff("strf", words(40, 640, 480, 0x180001, 0))
	list := func(form string, body ...string) string { return riff("LIST", append([]string{form}, body...)...) }
	file := func(hdrl ...string) []byte { return []byte(riff("RIFF", "AVI ", list("hdrl", hdrl...))) }
	for _, c := range []struct {
		name string
		in   []byte
		want clip.Media
	}{
		{"main header alone", file(avih), clip.Media{Width: 640, Height: 480, DurationMS: 2000}},
		{"raw video", file(riff("JUNK", "odd"), avih, list("strl", video, raw)), clip.Media{Width: 640, Height: 480, DurationMS: 2000, VideoCodec: "raw"}},
		{"OpenDML counts all frames", file(avih, list("strl", video), list("odml", riff("dmlh", words(2500)))),
			clip.Media{Width: 640, Height: 480, DurationMS: 100000}},
		{"sound alone", file(list("strl", riff("strh", "auds\x00\x00\x00\x00", words(0, 0, 0, 1, 8000, 0, 4000)), riff("strf", "\x06\x00"))),
			clip.Media{DurationMS: 500, AudioCodec: "alaw"}},
	} {
		c.want.Container = "avi"
		if diff := cmp.Diff(c.want, bounded(t, c.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// mp3Frames is n silent frames of 32 kbit/s, MPEG 2, 22050 Hz, mono: 104 bytes
// and 576 samples each.
func mp3Frames(n int) string {
	return strings.Repeat("\xff\xf3\x40\xc0"+strings.Repeat("\x00", 100), n)
}

func id3tag(version byte, flags byte, frames string) string {
	n := len(frames)
	return "ID3" + string([]byte{version, 0, flags, byte(n >> 21 & 127), byte(n >> 14 & 127), byte(n >> 7 & 127), byte(n & 127)}) + frames
}

func TestMP3Variants(t *testing.T) {
	year := "TYER\x00\x00\x00\x05\x00\x00\x002026"
	utf16 := "TYER\x00\x00\x00\x0b\x00\x00\x01\xff\x00\xfe2\x000\x002\x006\x00"
	picture := "APIC\x00\x00\x01\x48\x00\x00" + strings.Repeat("\x55", 200)
	vbri := strings.Replace(mp3Frames(2), strings.Repeat("\x00", 50),
		strings.Repeat("\x00", 32)+"VBRI\x00\x01\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x01\x00", 1)
	time := func(field, raw string) []clip.Time { return []clip.Time{said(field, raw, "")} }
	for _, c := range []struct {
		name, in string
		want     clip.Media
	}{
		{"no tag", mp3Frames(38), clip.Media{DurationMS: 988}},
		{"ID3v1 behind", mp3Frames(38) + "TAG" + strings.Repeat("\x00", 125), clip.Media{DurationMS: 988}},
		{"2.3", id3tag(3, 0, year) + mp3Frames(38), clip.Media{DurationMS: 988, Times: time("TYER", "2026")}},
		{"2.3 unsynchronised UTF-16", id3tag(3, 0x80, utf16) + mp3Frames(38),
			clip.Media{DurationMS: 988, Times: time("TYER", "2026")}},
		{"2.3 extended header", id3tag(3, 0x40, "\x00\x00\x00\x06"+strings.Repeat("\x00", 6)+year) + mp3Frames(38),
			clip.Media{DurationMS: 988, Times: time("TYER", "2026")}},
		{"2.4 behind a picture with a syncsafe size", id3tag(4, 0, picture+"TDRC\x00\x00\x00\x0b\x00\x00\x032026-09-02") + mp3Frames(38),
			clip.Media{DurationMS: 988, Times: time("TDRC", "2026-09-02")}},
		{"2.4 with a data length", id3tag(4, 0, "TDRC\x00\x00\x00\x09\x00\x01\x00\x00\x00\x05\x032026") + mp3Frames(38),
			clip.Media{DurationMS: 988, Times: time("TDRC", "2026")}},
		{"2.4 compressed", id3tag(4, 0, "TDRC\x00\x00\x00\x05\x00\x08\x032026") + mp3Frames(38), clip.Media{DurationMS: 988}},
		{"2.2 is stepped over", id3tag(2, 0, "TYE\x00\x00\x05\x002026") + mp3Frames(38), clip.Media{DurationMS: 988}},
		{"VBRI", id3tag(3, 0, "") + vbri, clip.Media{DurationMS: 6687}},
		{"changing bit rate", mp3Frames(2) + "\xff\xf3\x50\xc0" + strings.Repeat("\x00", 126),
			clip.Media{Problem: "variable bit rate without a frame count: duration unknown"}},
	} {
		c.want.Container, c.want.AudioCodec = "mp3", "mp3"
		if diff := cmp.Diff(c.want, bounded(t, []byte(c.in))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestEXIFDamaged(t *testing.T) {
	path := sample + "canon/DCIM/100CANON/IMG_0006.JPG"
	b := load(t, path)
	const latitude, ref = "\x00\x02\x00\x05\x00\x00\x00\x03", "\x00\x01\x00\x02\x00\x00\x00\x02"
	gps := facts[path].Times[1]
	for _, c := range []struct {
		name  string
		in    []byte
		place *clip.Place
		gps   bool
	}{
		{"south", swap(t, b, ref+"N", ref+"S"), at(-39.90875, 116.39745), true},
		{"no hemisphere", swap(t, b, ref+"N", ref+"?"), nil, true},
		{"latitude as text", swap(t, b, latitude, "\x00\x02\x00\x02\x00\x00\x00\x03"), nil, true},
		{"latitude as bytes", swap(t, b, latitude, "\x00\x02\x00\x07\x00\x00\x00\x18"), nil, true},
		{"latitude of one number", swap(t, b, latitude, "\x00\x02\x00\x05\x00\x00\x00\x01"), nil, true},
		{"no fix", swap(t, b, "\x00\x09\x00\x02\x00\x00\x00\x02A", "\x00\x09\x00\x02\x00\x00\x00\x02V"), nil, false},
	} {
		m := bounded(t, c.in)
		if diff := cmp.Diff(c.place, m.Place); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		found := false
		for _, v := range m.Times {
			found = found || v == gps
		}
		if found != c.gps || m.Model == "" {
			t.Errorf("%s: %+v", c.name, m)
		}
	}
	zeros := swap(t, b, "2026:09:02 18:05:07", "0000:00:00 00:00:00")
	if m := bounded(t, zeros); len(m.Times) != 1 || m.Times[0] != gps {
		t.Errorf("a date of zeros gave %+v", m.Times)
	}
}
