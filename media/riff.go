package media

import (
	"fmt"

	"github.com/custodock/custodock/clip"
)

// RIFF is Microsoft's "Multimedia Programming Interface and Data
// Specifications 1.0"; sizes are little-endian, chunks start at even offsets.

// chunk is one chunk: its id, for a LIST its form, and its contents. short is
// set when it says more than its parent has, as in a recording that was cut.
type chunk struct {
	id, form string
	body     span
	said     int64
	short    bool
}

// chunks calls fn for each chunk of p. long gives the size of a chunk that is
// too big for 32 bits (EBU Tech 3306) and may be nil. A chunk that ends beyond
// p is handed over cut, and is the last.
func (s *source) chunks(p span, long func(id string) (int64, bool), fn func(chunk) error) error {
	for off := p.from; off+8 <= p.to; {
		if err := s.next(); err != nil {
			return err
		}
		h, err := s.upTo(off, 12)
		if err != nil {
			return err
		}
		c := chunk{id: string(h[:4]), said: int64(little.Uint32(h[4:])), body: span{off + 8, off + 8}}
		if c.said == 1<<32-1 && long != nil {
			if n, ok := long(c.id); ok {
				c.said = n
			}
		}
		room := p.to - c.body.from
		c.short = c.said > room
		c.body.to += min(c.said, room)
		off = c.body.to + c.said&1
		if c.id == "LIST" && len(h) == 12 && c.body.len() >= 4 {
			c.form = string(h[8:])
			c.body.from += 4
		}
		if err := fn(c); err != nil {
			return err
		}
		if c.short {
			return fmt.Errorf("truncated: chunk %q at %d says %d bytes, %d are left",
				c.id, c.body.from, c.said, room)
		}
	}
	return nil
}

// riffBody is what is behind "RIFF size form". A recorder that was cut off
// leaves a size of 0 or too much: then it is all there is, and not closed.
// RF64 keeps its size elsewhere and is read to the end too.
func (s *source) riffBody() (body span, closed bool, err error) {
	h, err := s.at(0, 12)
	if err != nil {
		return span{}, false, err
	}
	end := int64(little.Uint32(h[4:])) + 8
	if string(h[:4]) != "RIFF" {
		return span{12, s.size}, true, nil
	}
	if end <= 12 || end > s.size {
		return span{12, s.size}, false, nil
	}
	return span{12, end}, true, nil
}

// parseInfo reads a LIST INFO: the creation date, and no more; the rest is
// about the software.
func parseInfo(s *source, p span, m *clip.Media) error {
	return s.chunks(p, nil, func(c chunk) error {
		if c.id != "ICRD" {
			return nil
		}
		v, err := s.head(c.body, maxText)
		addTime(m, "ICRD", text(v), statedZone(text(v)))
		return err
	})
}

// waveFormat names the common WAVE format tags of Microsoft's mmreg.h.
func waveFormat(tag uint16) string {
	switch tag {
	case 0x0001:
		return "pcm"
	case 0x0002:
		return "ms_adpcm"
	case 0x0003:
		return "float"
	case 0x0006:
		return "alaw"
	case 0x0007:
		return "mulaw"
	case 0x0011:
		return "ima_adpcm"
	case 0x0050:
		return "mp2"
	case 0x0055:
		return "mp3"
	case 0x00ff:
		return "aac"
	}
	return fmt.Sprintf("0x%04x", tag)
}
