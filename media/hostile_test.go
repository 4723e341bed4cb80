package media

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
)

// box32 builds one box.
func box32(kind string, body ...string) string {
	s := strings.Join(body, "")
	return string(big.AppendUint32(nil, uint32(8+len(s)))) + kind + s
}

const ftyp = "\x00\x00\x00\x10ftypisom\x00\x00\x02\x00"

// nested is a box within a box within a box.
func nested(depth int, path ...string) string {
	s := ""
	for i := range depth {
		s = box32(path[i%len(path)], s)
	}
	return s
}

// hostile is what a broken or wicked device may hand over, and a part of what
// the probe must say of it.
func hostile() map[string]struct{ data, problem string } {
	return map[string]struct{ data, problem string }{
		"empty":            {"", "no container"},
		"zeros":            {strings.Repeat("\x00", 4096), "no container"},
		"svg as mp4":       {`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "no container"},
		"html as mp4":      {"<!DOCTYPE html><html><img src=x onerror=alert(1)></html>", "no container"},
		"ftyp alone":       {ftyp, "no moov"},
		"mdat to the end":  {ftyp + "\x00\x00\x00\x00mdat" + strings.Repeat("x", 100), "no moov"},
		"mdat of 2^64-1":   {ftyp + "\x00\x00\x00\x01mdat" + strings.Repeat("\xff", 8) + "xxxx", "truncated"},
		"mdat of 2^63":     {ftyp + "\x00\x00\x00\x01mdat\x80" + strings.Repeat("\x00", 7) + "xxxx", "truncated"},
		"box shorter":      {ftyp + "\x00\x00\x00\x07moovxxxx", "less than its header"},
		"64-bit shorter":   {ftyp + "\x00\x00\x00\x01moov\x00\x00\x00\x00\x00\x00\x00\x0f", "less than its header"},
		"moov cut":         {ftyp + "\x00\x00\x10\x00moov" + box32("mvhd", strings.Repeat("\x00", 100)), "truncated"},
		"mvhd cut":         {ftyp + box32("moov", box32("mvhd", "\x00\x00")), "mvhd too short"},
		"many boxes":       {ftyp + strings.Repeat("\x00\x00\x00\x08free", 5000), "4096 boxes"},
		"many tracks":      {ftyp + box32("moov", strings.Repeat(box32("trak", box32("mdia")), 5000)), "4096 boxes"},
		"nested moov":      {ftyp + nested(3000, "moov"), ""},
		"nested meta":      {ftyp + box32("moov", nested(3000, "meta", "udta")), "truncated"},
		"long keys":        {ftyp + box32("moov", box32("meta", "\x00\x00\x00\x00", box32("keys", "xxxxxxxx", strings.Repeat(box32("mdta", "k"), 5000)))), "4096 boxes"},
		"wide keys":        {ftyp + box32("moov", box32("meta", "\x00\x00\x00\x00", box32("keys", "xxxxxxxx", strings.Repeat(box32("mdta", strings.Repeat("k", 256)), 4080)))), "1 MiB"},
		"child too long":   {ftyp + box32("moov", "\x00\x00\x00\x18trak", box32("tkhd")) + box32("free", "xxxx"), `truncated: box "trak"`},
		"big text":         {ftyp + box32("moov", strings.Repeat(box32("udta", box32("\xa9day", "\xff\xff\x00\x00"+strings.Repeat("9", 60000))), 40)), ""},
		"year-long movie":  {ftyp + box32("moov", box32("mvhd", strings.Repeat("\x00", 12), "\x00\x00\x00\x01\x7f\xff\xff\xff")), "not believable"},
		"riff many":        {"RIFF\xff\xff\xff\x7fAVI " + strings.Repeat("JUNK\x00\x00\x00\x00", 5000), "4096 boxes"},
		"riff nested":      {"RIFF\xff\xff\xff\x7fAVI " + strings.Repeat("LIST\xff\xff\xff\x7fhdrl", 5000), "truncated"},
		"riff head":        {"RIFF\x00\x00\x00\x00WAVE", ""},
		"id3 of 256 MiB":   {"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + strings.Repeat("\xff", 300), "no MPEG audio frame"},
		"id3 many frames":  {"ID3\x03\x00\x00\x00\x04\x00\x00" + strings.Repeat("PRIV\x00\x00\x00\x00\x00\x00", 6000), "4096 boxes"},
		"sync everywhere":  {"ID3\x03\x00\x00\x00\x00\x00\x00" + strings.Repeat("\xff\xfb\x90\x00\xff", 20000), ""},
		"jpeg cut":         {"\xff\xd8\xff\xe1\xff\xff" + strings.Repeat("Exif\x00\x00", 9), "truncated"},
		"jpeg garbage":     {"\xff\xd8\xff\xe0\x00\x02" + strings.Repeat("x", 100), "no JPEG marker"},
		"jpeg zero length": {"\xff\xd8\xff\xe0\x00\x00xxxx", "says 0 bytes"},
		"jpeg fill bytes":  {"\xff\xd8" + strings.Repeat("\xff", 10000), "4096 boxes"},
		"jpeg segments":    {"\xff\xd8" + strings.Repeat("\xff\xe1\x00\x02", 10000), "4096 boxes"},
		"jpeg long xmp":    {"\xff\xd8" + strings.Repeat("\xff\xe1\xff\xff"+strings.Repeat("x", 0xfffd), 40) + "\xff\xda\x00\x02", ""},
		"exif loops":       {exifFile(strings.Repeat("\x01\x4a\x00\x04\x00\x00\x00\x40\x00\x00\x00\x08", 5000)), ""},
		"exif offset lies": {exifFile("\x01\x0f\x00\x02\x00\x00\x00\x20\xff\xff\xff\xf0"), "exif"},
		"exif ifd lies":    {strings.Replace(exifFile(""), "\x00\x00\x00\x08", "\x7f\xff\xff\xff", 1), "exif"},
		"exif too long":    {exifFile("\x01\x0f\x00\x02\xff\xff\xff\xff\x00\x00\x00\x08"), "exif"},
		"exif pointer":     {exifFile("\x87\x69\x00\x04\x00\x00\x00\x01\x80\x00\x00\x00"), "exif"},
		"exif self":        {exifFile("\x87\x69\x00\x04\x00\x00\x00\x01\x00\x00\x00\x08"), ""},
		"exif many tags":   {exifFile(strings.Repeat("\x01\x0f\x00\x02\x00\x00\x00\x04abcd", 5000)), ""},
	}
}

// exifFile is a JPEG with one Exif directory of these entries.
func exifFile(entries string) string {
	ifd := "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08" + string(big.AppendUint16(nil, uint16(len(entries)/12))) + entries + "\x00\x00\x00\x00"
	return "\xff\xd8\xff\xe1" + string(big.AppendUint16(nil, uint16(len(ifd)+2))) + ifd + "\xff\xda\x00\x02"
}

// meter counts what is read.
type meter struct {
	io.ReaderAt
	read int64
}

func (m *meter) ReadAt(p []byte, off int64) (int, error) {
	m.read += int64(len(p))
	return m.ReaderAt.ReadAt(p, off)
}

// bounded probes b and holds what is promised of every input.
func bounded(t testing.TB, b []byte) clip.Media {
	t.Helper()
	r := &meter{ReaderAt: bytes.NewReader(b)}
	start := time.Now()
	m := Probe(r, int64(len(b)))
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
	if r.read > maxRead {
		t.Errorf("read %d bytes", r.read)
	}
	if m.Container == "" && m.Problem == "" {
		t.Error("neither a container nor a problem")
	}
	if strings.HasPrefix(m.Problem, "probe gave up") {
		t.Errorf("a parser panicked: %s", m.Problem)
	}
	if m.DurationMS < 0 || m.DurationMS > maxDurationMS || m.Width < 0 || m.Height < 0 {
		t.Errorf("numbers out of range: %+v", m)
	}
	words := []string{m.VideoCodec, m.AudioCodec, m.Make, m.Model, m.Serial, m.Problem}
	for _, v := range m.Times {
		words = append(words, v.Raw, v.Zone)
	}
	for _, w := range words {
		if !utf8.ValidString(w) || len(w) > 512 {
			t.Errorf("text %q", w)
		}
	}
	if p := m.Place; p != nil && !(math.Abs(*p.Lat) <= 90 && math.Abs(*p.Lon) <= 180) {
		t.Errorf("place %v %v", *p.Lat, *p.Lon)
	}
	return m
}

func TestProbeHostile(t *testing.T) {
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			m := bounded(t, []byte(c.data))
			if !strings.Contains(m.Problem, c.problem) || c.problem == "" && m.Problem != "" && !tolerated[name] {
				t.Errorf("problem %q, want %q", m.Problem, c.problem)
			}
		})
	}
}

// tolerated inputs may have any problem or none.
var tolerated = map[string]bool{"sync everywhere": true}

// TestProbeCut probes every real file cut at many places: what is found before
// the cut may be kept, and nothing else may happen.
func TestProbeCut(t *testing.T) {
	for path := range facts {
		b := load(t, path)
		for n := 0; n < len(b); n += 1 + len(b)/400 {
			bounded(t, b[:n])
		}
	}
}

// sparse is a file of zeros behind a few bytes.
type sparse string

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(s)) {
		copy(p, s[off:])
	}
	return len(p), nil
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) {
	if f.err == nil {
		panic("reader")
	}
	return 0, f.err
}

func TestProbeOddReaders(t *testing.T) {
	for _, c := range []struct {
		name, problem string
		r             io.ReaderAt
		size          int64
	}{
		{"16 TiB of zeros", "no container", sparse(""), 16 << 40},
		{"16 TiB movie", "no moov", sparse(ftyp), 16 << 40},
		{"16 TiB sound", "truncated", sparse("RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff"), 1 << 20},
		{"negative size", "no container", sparse(ftyp), -1},
		{"i/o error", "input/output error", failing{errors.New("input/output error")}, 100},
		{"shorter than said", "unexpected EOF", bytes.NewReader([]byte(ftyp)), 100},
		{"panic", "probe gave up: reader", failing{}, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &meter{ReaderAt: c.r}
			if m := Probe(r, c.size); !strings.Contains(m.Problem, c.problem) || r.read > maxRead {
				t.Errorf("problem %q after %d bytes, want %q", m.Problem, r.read, c.problem)
			}
		})
	}
}

// seed is a real file without most of its media data, which is never read and
// would slow the fuzzer down.
func seed(t testing.TB, path string) []byte {
	b := load(t, path)
	mdat, moov := bytes.Index(b, []byte("mdat")), bytes.LastIndex(b, []byte("moov"))
	switch {
	case mdat > 0 && moov > mdat:
		b = slices.Concat(b[:mdat-4], []byte(box32("mdat", "media data")), b[moov-4:])
	case mdat > 0:
		b = slices.Concat(b[:mdat-4], []byte(box32("mdat", "media data")))
	}
	return b[:min(len(b), 10000)]
}

// TestSeeds holds that the fuzzer starts from files that parse. A sound's
// length is that of its bytes.
func TestSeeds(t *testing.T) {
	for path, want := range facts {
		m := bounded(t, seed(t, path))
		if want.Container == "wav" || want.Container == "mp3" {
			m.DurationMS = want.DurationMS
		}
		if want.Container == "wav" || want.Container == "avi" {
			m.Problem = ""
		}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func FuzzProbe(f *testing.F) {
	for path := range facts {
		f.Add(seed(f, path))
	}
	for _, c := range hostile() {
		if len(c.data) < 10000 {
			f.Add([]byte(c.data))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if diff := cmp.Diff(bounded(t, b), probe(b)); diff != "" {
			t.Errorf("two probes of the same bytes differ:\n%s", diff)
		}
	})
}
