package ptp

const (
	propSize   = 0xDC04 // MTP 1.1, annex B: ObjectSize, 64 bits
	typeUint64 = 0x0008
	typeText   = 0xFFFF
	typeArray  = 0x4000
)

// parseSize reads the value of the property ObjectSize. A few devices give four
// bytes.
func parseSize(b []byte) (uint64, error) {
	d := &decoder{b: b}
	if len(b) == 4 {
		return uint64(d.u32()), d.err
	}
	size := d.u64()
	if d.err == nil && len(d.b) > 0 {
		return 0, faultf("a size of %d bytes", len(b))
	}
	return size, d.err
}

// parseSizeList finds the size of an object in an ObjectPropList (MTP 1.1, E.2).
func parseSizeList(b []byte, handle uint32) (size uint64, found bool, err error) {
	d := &decoder{b: b}
	for range d.count(8) { // an element has at least handle, code and type
		h, prop, kind := d.u32(), d.u16(), d.u16()
		if h == handle && prop == propSize && kind == typeUint64 {
			size, found = d.u64(), true
			continue
		}
		d.skip(kind)
		if d.err != nil {
			break
		}
	}
	return size, found, d.err
}

// skip passes over a value of a type (MTP 1.1, 3.1.1).
func (d *decoder) skip(kind uint16) {
	widths := [...]int{1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 8, 8: 8, 9: 16, 10: 16}
	if kind == typeText {
		d.text()
		return
	}
	base := int(kind &^ typeArray)
	if base == 0 || base >= len(widths) {
		if d.err == nil {
			d.err = faultf("a value of type %#04x", kind)
		}
		return
	}
	if kind&typeArray != 0 {
		d.take(widths[base] * d.count(widths[base]))
		return
	}
	d.take(widths[base])
}

// trueSize tells the size of an object from the 32 bits of its ObjectInfo and
// the property of 64. The property counts where the 32 bits can be what is left
// of it: saturated, as they should be, or cut off, as some devices have them.
func trueSize(size32 uint32, size64 uint64) uint64 {
	if size32 == endless || uint32(size64) == size32 {
		return size64
	}
	return uint64(size32)
}
