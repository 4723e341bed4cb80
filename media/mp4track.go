package media

import (
	"errors"
	"slices"

	"github.com/custodock/custodock/clip"
)

// parseTrak reads one track: codec and size of the first video track, codec of
// the first sound track, the creation time when it differs from the movie's.
func parseTrak(s *source, p span, m *clip.Media) error {
	return s.boxes(p, func(b box) error {
		switch b.kind {
		case "tkhd":
			return parseTkhd(s, b.body, m)
		case "mdia":
			return parseMdia(s, b.body, m)
		}
		return nil
	})
}

func parseTkhd(s *source, p span, m *clip.Media) error {
	b, err := s.head(p, 12)
	if err != nil {
		return err
	}
	if len(b) < 12 {
		return errors.New("truncated: tkhd too short")
	}
	raw := macTime(uint64(big.Uint32(b[4:])))
	if b[0] == 1 {
		raw = macTime(big.Uint64(b[4:]))
	}
	same := func(t clip.Time) bool { return t.Field == "mvhd" && t.Raw == raw }
	if !slices.ContainsFunc(m.Times, same) {
		addTime(m, "tkhd", raw, "")
	}
	return nil
}

// parseMdia goes mdia/minf/stbl/stsd, with the handler type on the way. A
// track's hdlr stands before its minf.
func parseMdia(s *source, p span, m *clip.Media) error {
	var handler string
	return s.boxes(p, func(b box) error {
		switch b.kind {
		case "hdlr":
			h, err := s.head(b.body, 12)
			if err == nil && len(h) == 12 {
				handler = string(h[8:12])
			}
			return err
		case "minf":
			return s.boxes(b.body, func(b box) error {
				if b.kind != "stbl" {
					return nil
				}
				return s.boxes(b.body, func(b box) error {
					if b.kind != "stsd" {
						return nil
					}
					return parseStsd(s, b.body, m, handler)
				})
			})
		}
		return nil
	})
}

// parseStsd reads the first sample description.
func parseStsd(s *source, p span, m *clip.Media, handler string) error {
	b, err := s.head(p, 8+36)
	if err != nil {
		return err
	}
	if len(b) < 16 {
		return nil
	}
	switch {
	case handler == "soun":
		setOnce(&m.AudioCodec, fourcc(b[12:16]))
	case handler == "vide" && m.VideoCodec == "" && len(b) == 44:
		m.VideoCodec = fourcc(b[12:16])
		m.Width, m.Height = int(big.Uint16(b[40:])), int(big.Uint16(b[42:]))
	}
	return nil
}
