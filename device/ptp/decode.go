package ptp

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// decoder reads a dataset. The first read beyond its end is remembered, and
// everything after it is zero.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n > len(d.b) {
		if d.err == nil {
			d.err = faultf("a dataset that is cut off")
		}
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) u8() uint8 {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u16() uint16 {
	if b := d.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads the number of elements of an array and checks that they are there
// before room is made for them.
func (d *decoder) count(size int) int {
	n := uint64(d.u32())
	if n*uint64(size) > uint64(len(d.b)) {
		if d.err == nil {
			d.err = faultf("an array of %d elements in %d bytes", n, len(d.b))
		}
		return 0
	}
	return int(n)
}

func (d *decoder) codes() []uint16 {
	out := make([]uint16, d.count(2))
	for i := range out {
		out[i] = d.u16()
	}
	return out
}

func (d *decoder) words() []uint32 {
	out := make([]uint32, d.count(4))
	for i := range out {
		out[i] = d.u32()
	}
	return out
}

// text reads a string: the number of UTF-16 units, the zero at its end included,
// and the units. Only that last zero is cut off; others are the device's.
func (d *decoder) text() string {
	b := d.take(2 * int(d.u8()))
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	if n := len(units); n > 0 && units[n-1] == 0 {
		units = units[:n-1]
	}
	return toBytes(units)
}

// optionalText is text at the end of a dataset that some devices leave out.
func (d *decoder) optionalText() string {
	if d.err == nil && len(d.b) == 0 {
		return ""
	}
	return d.text()
}

// toBytes makes UTF-8 of UTF-16. Half a surrogate pair becomes the three bytes
// that its number would have, so that two names never become one.
func toBytes(units []uint16) string {
	var b []byte
	for i := 0; i < len(units); i++ {
		u := rune(units[i])
		if !utf16.IsSurrogate(u) {
			b = utf8.AppendRune(b, u)
			continue
		}
		if i+1 < len(units) {
			if r := utf16.DecodeRune(u, rune(units[i+1])); r != utf8.RuneError {
				b = utf8.AppendRune(b, r)
				i++
				continue
			}
		}
		b = append(b, 0xE0|byte(u>>12), 0x80|byte(u>>6)&0x3F, 0x80|byte(u)&0x3F)
	}
	return string(b)
}
