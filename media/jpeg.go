package media

import (
	"fmt"

	"github.com/custodock/custodock/clip"
)

// parseJPEG steps through the segments of ITU-T T.81 up to the scan: the
// picture's size from the frame header, the rest from the first Exif segment.
func parseJPEG(s *source, m *clip.Media) error {
	var problem error
	seen := false
	for off := int64(2); ; {
		if err := s.next(); err != nil {
			return err
		}
		b, err := s.at(off, 4)
		if err != nil {
			return err
		}
		marker, n := b[1], int(big.Uint16(b[2:]))
		switch {
		case b[0] != 0xff:
			return fmt.Errorf("no JPEG marker at %d", off)
		case marker == 0xff: // fill byte
			off++
			continue
		case marker == 0xda || marker == 0xd9:
			return problem
		case n < 2:
			return fmt.Errorf("JPEG segment at %d says %d bytes", off, n)
		}
		switch {
		case isFrame(marker):
			h, err := s.at(off+4, 5)
			if err != nil {
				return err
			}
			setSize(m, int(big.Uint16(h[3:])), int(big.Uint16(h[1:])))
		case marker == 0xe1 && !seen:
			// XMP has the same marker, and can be long: only its name is read.
			name, err := s.at(off+4, min(n-2, 6))
			if err != nil {
				return err
			}
			if seen = string(name) == "Exif\x00\x00"; !seen {
				break
			}
			segment, err := s.at(off, 2+n)
			if err != nil {
				return err
			}
			problem = parseEXIF(segment, m)
		}
		off += 2 + int64(n)
	}
}

// isFrame reports whether a marker is SOF0 to SOF15; three codes among them
// mean something else.
func isFrame(marker byte) bool {
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
}

func setSize(m *clip.Media, width, height int) {
	if m.Width == 0 && m.Height == 0 {
		m.Width, m.Height = width, height
	}
}
