package media

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// tiffWidth is the size of each TIFF 6.0 type in bytes, by its number.
var tiffWidth = [...]uint64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8}

// The tags that point to the directories Exif keeps its own and GPS facts in.
const (
	tagExif = 0x8769
	tagGPS  = 0x8825
)

// checkTIFF says whether a value or directory lies outside b: the decoder
// leaves those out without a word. It reads the main directory and the two
// below it, each once.
func checkTIFF(b []byte) error {
	if len(b) < 8 {
		return errors.New("truncated header")
	}
	var order binary.ByteOrder = big
	switch string(b[:4]) {
	case "MM\x00\x2a":
	case "II\x2a\x00":
		order = little
	default:
		return errors.New("no TIFF header")
	}
	next := []uint32{order.Uint32(b[4:])}
	for n := 0; n < len(next) && n < 3; n++ {
		below, err := checkDirectory(b, order, next[n])
		if err != nil {
			return err
		}
		next = append(next, below...)
	}
	return nil
}

// checkDirectory returns the directories that the one at off points to.
func checkDirectory(b []byte, order binary.ByteOrder, off uint32) ([]uint32, error) {
	size := uint64(len(b))
	if uint64(off)+2 > size {
		return nil, fmt.Errorf("a directory at %d of %d bytes", off, size)
	}
	entries := uint64(order.Uint16(b[off:]))
	if uint64(off)+2+12*entries > size {
		return nil, fmt.Errorf("a directory at %d with %d entries in %d bytes", off, entries, size)
	}
	var below []uint32
	for e := b[off+2:][:12*entries]; len(e) > 0; e = e[12:] {
		tag, kind := order.Uint16(e), order.Uint16(e[2:])
		count, value := uint64(order.Uint32(e[4:])), order.Uint32(e[8:])
		if tag == tagExif || tag == tagGPS {
			below = append(below, value)
		}
		if int(kind) >= len(tiffWidth) {
			continue
		}
		if n := tiffWidth[kind] * count; n > 4 && uint64(value)+n > size {
			return nil, fmt.Errorf("tag 0x%04x has %d bytes at %d of %d", tag, n, value, size)
		}
	}
	return below, nil
}
