package media

import (
	"errors"
	"fmt"
	"time"

	"github.com/custodock/custodock/clip"
)

// The box structure is ISO/IEC 14496-12 and Apple's QuickTime File Format.

// movieStart holds the boxes a movie file may begin with.
var movieStart = map[string]bool{
	"ftyp": true, "moov": true, "mdat": true, "wide": true,
	"free": true, "skip": true, "pnot": true, "styp": true,
}

// movieKind tells MP4 from QuickTime; files without ftyp are older QuickTime.
// HEIC and AVIF are pictures in the same boxes, and no movies.
func movieKind(head []byte) (string, parser) {
	if string(head[4:8]) != "ftyp" && string(head[4:8]) != "styp" {
		return "mov", parseMovie
	}
	switch string(head[8:12]) {
	case "qt  ":
		return "mov", parseMovie
	case "heic", "heix", "heim", "heis", "mif1", "avif":
		return "", nil
	}
	return "mp4", parseMovie
}

var errNoMoov = errors.New("no moov box: the recording was not closed, or this is no movie")

// box is one box: its type and what is behind its header.
type box struct {
	kind string
	body span
}

// box reads the header at off within a parent that ends at end. A size of 0
// means "to the end", which only the last box of a file may say; inside, where
// a zero word ends a QuickTime list, it gives a box without kind.
func (s *source) box(off, end int64) (box, error) {
	if err := s.next(); err != nil {
		return box{}, err
	}
	h, err := s.at(off, 8)
	if err != nil {
		return box{}, err
	}
	b := box{kind: string(h[4:8]), body: span{off + 8, end}}
	size := uint64(big.Uint32(h))
	switch size {
	case 0:
		if end != s.size {
			b.kind = ""
		}
		return b, nil
	case 1:
		if h, err = s.at(off+8, 8); err != nil {
			return box{}, err
		}
		b.body.from += 8
		size = big.Uint64(h)
	}
	if head := uint64(b.body.from - off); size < head {
		return box{}, fmt.Errorf("box %q at %d says %d bytes, less than its header", b.kind, off, size)
	}
	if size > uint64(end-off) {
		return box{}, fmt.Errorf("truncated: box %q at %d says %d bytes, %d are left", b.kind, off, size, end-off)
	}
	b.body.to = off + int64(size)
	return b, nil
}

// boxes calls fn for each box of p. Fewer than 8 bytes at the end are padding.
func (s *source) boxes(p span, fn func(box) error) error {
	for off := p.from; off+8 <= p.to; {
		b, err := s.box(off, p.to)
		if err != nil || b.kind == "" {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
		off = b.body.to
	}
	return nil
}

var errDone = errors.New("done")

// parseMovie steps over the boxes of the file until it has seen moov, wherever
// that stands; media data is never read.
func parseMovie(s *source, m *clip.Media) error {
	err := s.boxes(span{0, s.size}, func(b box) error {
		if b.kind != "moov" {
			return nil
		}
		if err := parseMoov(s, b.body, m); err != nil {
			return err
		}
		return errDone
	})
	switch {
	case errors.Is(err, errDone):
		return nil
	case err == nil:
		return errNoMoov
	}
	return err
}

// parseMoov reads every part it knows; a broken one does not hide the others.
func parseMoov(s *source, p span, m *clip.Media) error {
	var scale uint64
	var problem error
	err := s.boxes(p, func(b box) (err error) {
		switch b.kind {
		case "mvhd":
			scale, err = parseMvhd(s, b.body, m)
		case "mvex":
			err = parseMvex(s, b.body, m, scale)
		case "trak":
			err = parseTrak(s, b.body, m)
		case "udta":
			err = parseUdta(s, b.body, m)
		case "meta":
			err = parseMeta(s, b.body, m)
		}
		if problem == nil {
			problem = err
		}
		return nil
	})
	if problem != nil {
		return problem
	}
	return err
}

// parseMvhd reads creation time and duration and returns the time scale.
func parseMvhd(s *source, p span, m *clip.Media) (uint64, error) {
	b, err := s.head(p, 32)
	if err != nil {
		return 0, err
	}
	if len(b) < 20 || b[0] == 1 && len(b) < 32 {
		return 0, errors.New("truncated: mvhd too short")
	}
	created, scale, length := uint64(big.Uint32(b[4:])), uint64(big.Uint32(b[12:])), uint64(big.Uint32(b[16:]))
	unknown := uint64(1<<32 - 1)
	if b[0] == 1 {
		created, scale, length = big.Uint64(b[4:]), uint64(big.Uint32(b[20:])), big.Uint64(b[24:])
		unknown = 1<<64 - 1
	}
	addTime(m, "mvhd", macTime(created), "")
	if length == unknown {
		length = 0
	}
	return scale, setDuration(m, length, scale)
}

// parseMvex reads the duration of a movie in fragments, where mehd tells it.
func parseMvex(s *source, p span, m *clip.Media, scale uint64) error {
	return s.boxes(p, func(b box) error {
		if b.kind != "mehd" || m.DurationMS != 0 {
			return nil
		}
		h, err := s.head(b.body, 12)
		switch {
		case err != nil:
			return err
		case len(h) == 12 && h[0] == 1:
			return setDuration(m, big.Uint64(h[4:]), scale)
		case len(h) >= 8:
			return setDuration(m, uint64(big.Uint32(h[4:])), scale)
		}
		return nil
	})
}

// macTime renders seconds since 1904-01-01 UTC; "" for zero and for what no
// camera means: a year after 9999.
func macTime(sec uint64) string {
	const to1970 = 2082844800
	const to10000 = to1970 + 253402300800
	if sec == 0 || sec >= to10000 {
		return ""
	}
	return time.Unix(int64(sec)-to1970, 0).UTC().Format(time.RFC3339)
}
