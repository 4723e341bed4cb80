package media

import (
	"bytes"
	"strings"
	"unicode/utf16"

	"github.com/custodock/custodock/clip"
)

// The tag is ID3v2.3.0 and ID3v2.4.0 of id3.org.

// maxUnsync is how much of a tag is undone when it is unsynchronised as a
// whole; a picture behind it is not missed.
const maxUnsync = 64 << 10

// parseID3 reads the tag at the start of s and returns where the sound begins:
// 0 when there is no tag.
func parseID3(s *source, m *clip.Media) (int64, error) {
	h, err := s.upTo(0, 10)
	if err != nil || len(h) < 10 || string(h[:3]) != "ID3" {
		return 0, err
	}
	version, flags := h[3], h[5]
	end := 10 + int64(syncsafe(h[6:]))
	frames := span{10, min(end, s.size)}
	if flags&0x10 != 0 { // a footer, in 2.4
		end += 10
	}
	if version != 3 && version != 4 {
		return end, nil
	}
	t := id3{source: s, version: version}
	if version == 3 && flags&0x80 != 0 {
		raw, err := s.head(frames, maxUnsync)
		if err != nil {
			return end, err
		}
		plain := bytes.ReplaceAll(raw, []byte{0xff, 0}, []byte{0xff})
		t.source = &source{r: bytes.NewReader(plain), size: int64(len(plain)), left: maxRead, step: s.step}
		frames = span{0, t.size}
	}
	if flags&0x40 != 0 {
		skip, err := t.extended(frames.from)
		if err != nil {
			return end, err
		}
		frames.from += skip
	}
	err = t.frames(frames)
	s.step = t.step
	t.say(m)
	return end, err
}

// id3 is one tag and the three parts of 2.3's date.
type id3 struct {
	*source
	version          byte
	tdrc             string
	year, day, clock string
}

// extended returns the length of the extended header: 2.3 does not count the
// size field itself.
func (t *id3) extended(off int64) (int64, error) {
	b, err := t.at(off, 4)
	if err != nil {
		return 0, err
	}
	if t.version == 4 {
		return int64(syncsafe(b)), nil
	}
	return int64(big.Uint32(b)) + 4, nil
}

// frames steps through the frames up to the padding.
func (t *id3) frames(p span) error {
	for off := p.from; off >= 0 && off+10 <= p.to; {
		if err := t.next(); err != nil {
			return err
		}
		h, err := t.at(off, 10)
		if err != nil || h[0] == 0 {
			return err
		}
		size := int64(t.frameSize(h[4:8]))
		body := span{off + 10, off + 10 + size}
		if off = body.to; off > p.to {
			return nil
		}
		if h[0] != 'T' {
			continue
		}
		v, err := t.head(body, maxText)
		if err != nil {
			return err
		}
		t.text(string(h[:4]), t.plain(v, h[9]))
	}
	return nil
}

// frameSize is a plain number in 2.3. Some writers of 2.4 forget that it is
// syncsafe there; a byte over 127 gives them away.
func (t *id3) frameSize(b []byte) uint32 {
	if t.version == 3 || (b[0]|b[1]|b[2]|b[3])&0x80 != 0 {
		return big.Uint32(b)
	}
	return syncsafe(b)
}

// plain undoes what 2.4's second flag byte says of a frame: a length before
// the data, and unsynchronisation. Compressed and encrypted text is left out.
func (t *id3) plain(b []byte, flags byte) []byte {
	switch {
	case t.version == 3 && flags == 0:
		return b
	case t.version == 3 || flags&0x4c != 0:
		return nil
	}
	if flags&0x01 != 0 {
		if len(b) < 4 {
			return nil
		}
		b = b[4:]
	}
	if flags&0x02 != 0 {
		b = bytes.ReplaceAll(b, []byte{0xff, 0}, []byte{0xff})
	}
	return b
}

func (t *id3) text(id string, b []byte) {
	v := id3text(b)
	switch id {
	case "TDRC":
		setOnce(&t.tdrc, v)
	case "TYER":
		setOnce(&t.year, v)
	case "TDAT":
		setOnce(&t.day, v)
	case "TIME":
		setOnce(&t.clock, v)
	}
}

// say reports the recording time. 2.3 tells it in three frames, yyyy, ddmm and
// hhmm; they are joined, and only joined, to the form of TDRC.
func (t *id3) say(m *clip.Media) {
	addTime(m, "TDRC", t.tdrc, "")
	raw := t.year
	if len(t.year) == 4 && len(t.day) == 4 {
		raw += "-" + t.day[2:] + "-" + t.day[:2]
		if len(t.clock) == 4 {
			raw += "T" + t.clock[:2] + ":" + t.clock[2:]
		}
	}
	addTime(m, "TYER", strings.ToValidUTF8(raw, "\uFFFD"), "")
}

// id3text decodes a text frame: encoding byte, then ISO 8859-1, UTF-16 with a
// byte order mark, UTF-16BE or UTF-8. Only the first of several strings counts.
func id3text(b []byte) string {
	if len(b) < 2 {
		return ""
	}
	kind, b := b[0], b[1:]
	switch kind {
	case 0:
		r := make([]rune, len(b))
		for i, c := range b {
			r[i] = rune(c)
		}
		return text([]byte(string(r)))
	case 1, 2:
		order := big.Uint16
		if kind == 1 && b[0] == 0xff {
			order = little.Uint16
		}
		var u []uint16
		for ; len(b) >= 2; b = b[2:] {
			if c := order(b); c != 0xfeff {
				u = append(u, c)
			}
		}
		return text([]byte(string(utf16.Decode(u))))
	}
	return text(b)
}

// syncsafe reads 28 bits from four bytes of seven.
func syncsafe(b []byte) uint32 {
	return uint32(b[0]&0x7f)<<21 | uint32(b[1]&0x7f)<<14 | uint32(b[2]&0x7f)<<7 | uint32(b[3]&0x7f)
}
