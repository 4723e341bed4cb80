// Package media reads duration, codecs, times and places out of the bytes of
// MP4/MOV, AVI, WAV, MP3 and JPEG files. The bytes come from a device and may
// be hostile or torn: a probe reads at most 1 MiB and 4096 boxes of a file of
// any size, never fails, and says in Media.Problem why it stopped early. Facts
// found before that point are kept.
//
// Every time is reported as the container says it; nothing is corrected. Of the
// Fields, "mvhd" and "tkhd" end in Z because the format says UTC, though many
// cameras store local time there: only a Time with Zone set stated its zone.
package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/custodock/custodock/clip"
)

// maxDurationMS is a year: no camera's battery or card lasts longer, and sums
// of such durations and times cannot overflow.
const maxDurationMS = 366 * 24 * 3600 * 1000

// Probe returns what the first size bytes of r say of themselves. Container is
// "" when they start like none of the known formats. A read error of r is a
// Problem like any other.
func Probe(r io.ReaderAt, size int64) (m clip.Media) {
	defer func() {
		// The parsers index checked slices only; this is for what a third-party
		// decoder or a mistake of ours would do to a daemon full of cameras.
		if p := recover(); p != nil {
			m.Problem = fmt.Sprintf("probe gave up: %.100v", p)
		}
	}()
	s := newSource(r, size)
	head, err := s.upTo(0, 16)
	if err != nil {
		m.Problem = err.Error()
		return m
	}
	container, parse := recognise(s, head)
	if parse == nil {
		m.Problem = "no container this program knows"
		return m
	}
	m.Container = container
	if err := parse(s, &m); err != nil {
		m.Problem = err.Error()
	}
	return m
}

type parser func(*source, *clip.Media) error

// recognise chooses by content alone: a name proves nothing.
func recognise(s *source, head []byte) (string, parser) {
	has := func(at int, magic string) bool {
		return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
	}
	switch {
	case has(0, "RIFF") && has(8, "AVI "):
		return "avi", parseAVI
	case (has(0, "RIFF") || has(0, "RF64") || has(0, "BW64")) && has(8, "WAVE"):
		return "wav", parseWAV
	case has(0, "\xff\xd8\xff"):
		return "jpeg", parseJPEG
	case has(0, "ID3"):
		return "mp3", parseMP3
	case len(head) >= 12 && movieStart[string(head[4:8])]:
		return movieKind(head)
	case isMP3(s):
		return "mp3", parseMP3
	}
	return "", nil
}

// setDuration stores n/perSecond seconds, unless that is no believable length.
func setDuration(m *clip.Media, n, perSecond uint64) error {
	if n == 0 || perSecond == 0 {
		return nil
	}
	ms := float64(n) / float64(perSecond) * 1000
	if ms > maxDurationMS {
		return fmt.Errorf("a duration of %.0f seconds is not believable", ms/1000)
	}
	m.DurationMS = int64(ms + 0.5)
	return nil
}

// addTime appends a statement of when, once.
func addTime(m *clip.Media, field, raw, zone string) {
	if raw == "" {
		return
	}
	t := clip.Time{Source: clip.ByMedia, Field: field, Raw: raw, Zone: zone}
	if zone != "" {
		t.ZoneSource = "stated"
	}
	for _, old := range m.Times {
		if old == t {
			return
		}
	}
	m.Times = append(m.Times, t)
}

// setOnce keeps the first thing said.
func setOnce(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// text returns a container's string: up to the first NUL, without surrounding
// blanks, valid UTF-8, 128 bytes at most.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	b = bytes.TrimSpace(b)
	if len(b) > 128 {
		b = b[:128]
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}

// fourcc returns four printable ASCII characters without trailing blanks, or
// the bytes in hex.
func fourcc(b []byte) string {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return fmt.Sprintf("0x%x", b)
		}
	}
	return string(bytes.TrimRight(b, " "))
}

var (
	big    = binary.BigEndian
	little = binary.LittleEndian
)

var (
	errBudget = errors.New("stopped after reading 1 MiB")
	errSteps  = errors.New("stopped after 4096 boxes")
)
