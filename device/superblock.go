package device

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf16"
)

// volume is what a superblock says of the file system; empty means not said.
type volume struct {
	uuid, label string
}

// readVolume recognises ext2–4 (Documentation/filesystems/ext4), FAT and exFAT
// (Microsoft's specifications) and writes UUIDs as blkid(8) and udev do, so that
// both ways to a UUID agree. It reads at most 5 KiB. Anything else, and anything
// damaged, is an empty volume.
func readVolume(r io.ReaderAt) volume {
	head := make([]byte, 2048)
	n, _ := r.ReadAt(head, 0) // a short or failed read leaves zeros, which match nothing
	clear(head[n:])
	switch {
	case bytes.Equal(head[1024+0x38:1024+0x3a], []byte{0x53, 0xef}):
		return extVolume(head[1024:])
	case bytes.Equal(head[3:11], []byte("EXFAT   ")):
		return exfatVolume(r, head)
	case head[510] != 0x55 || head[511] != 0xaa:
		return volume{}
	case bytes.Equal(head[82:90], []byte("FAT32   ")):
		return fatVolume(head[67:71], head[71:82])
	case bytes.HasPrefix(head[54:62], []byte("FAT1")):
		return fatVolume(head[39:43], head[43:54])
	}
	return volume{}
}

func extVolume(sb []byte) volume {
	u := sb[0x68:0x78]
	v := volume{label: string(untilZero(sb[0x78:0x88]))}
	if !bytes.Equal(u, make([]byte, 16)) {
		v.uuid = fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
	}
	return v
}

func fatVolume(serial, label []byte) volume {
	v := volume{uuid: fatSerial(serial)}
	if l := bytes.TrimRight(untilZero(label), " "); !bytes.Equal(l, []byte("NO NAME")) {
		v.label = string(l)
	}
	return v
}

// fatSerial is empty for a serial of zero, which says nothing of a device.
func fatSerial(b []byte) string {
	n := binary.LittleEndian.Uint32(b)
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%04X-%04X", n>>16, n&0xffff)
}

// exfatVolume takes the label from the first entries of the root directory,
// where formatters put it.
func exfatVolume(r io.ReaderAt, head []byte) volume {
	v := volume{uuid: fatSerial(head[100:104])}
	sector, cluster := uint(head[108]), uint(head[109])
	heap := int64(binary.LittleEndian.Uint32(head[88:92]))
	root := int64(binary.LittleEndian.Uint32(head[96:100]))
	if sector < 9 || sector > 12 || cluster > 25-sector || root < 2 {
		return v // outside the specification
	}
	entries := make([]byte, 96*32)
	n, _ := r.ReadAt(entries, heap<<sector+(root-2)<<(sector+cluster))
	for e := entries[:n]; len(e) >= 32; e = e[32:] {
		if e[0] == 0x83 && e[1] <= 11 {
			units := make([]uint16, e[1])
			for i := range units {
				units[i] = binary.LittleEndian.Uint16(e[2+2*i:])
			}
			v.label = string(utf16.Decode(units))
			return v
		}
	}
	return v
}

func untilZero(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte{0})
	return b
}
