package device

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf16"
)

// The file systems of cameras, as the kernel calls them.
const (
	VFAT  = "vfat"
	ExFAT = "exfat"
	Ext4  = "ext4" // ext2 and ext3 too: the kernel's ext4 reads them
	NTFS  = "ntfs3"
)

// Superblock is what a volume says of its file system; empty means not said.
type Superblock struct {
	FSType      string // VFAT, ExFAT, Ext4 or NTFS, "" for anything else
	UUID, Label string
	Dirty       bool // an ext4 journal that waits to be replayed
}

// ReadSuperblock recognises ext2–4 (Documentation/filesystems/ext4), FAT, exFAT
// (Microsoft's specifications) and NTFS (Documentation/filesystems/ntfs3.rst and
// the boot sector's published layout) and writes UUIDs as blkid(8) and udev do,
// so that both ways to a UUID agree. It reads at most 5 KiB. Anything else, and
// anything damaged, is empty.
func ReadSuperblock(r io.ReaderAt) Superblock {
	head := make([]byte, 2048)
	n, _ := r.ReadAt(head, 0) // a short or failed read leaves zeros, which match nothing
	clear(head[n:])
	switch {
	case bytes.Equal(head[1024+0x38:1024+0x3a], []byte{0x53, 0xef}):
		return extVolume(head[1024:])
	case bytes.Equal(head[3:11], []byte("EXFAT   ")):
		return exfatVolume(r, head)
	case head[510] != 0x55 || head[511] != 0xaa:
		return Superblock{}
	case bytes.Equal(head[3:11], []byte("NTFS    ")):
		return ntfsVolume(head[72:80])
	case bytes.Equal(head[82:90], []byte("FAT32   ")):
		return fatVolume(head[67:71], head[71:82])
	case bytes.HasPrefix(head[54:62], []byte("FAT1")):
		return fatVolume(head[39:43], head[43:54])
	}
	return Superblock{}
}

// extVolume looks at the incompatible feature "recover" besides: set means that
// whoever wrote last did not unmount.
func extVolume(sb []byte) Superblock {
	const needsRecovery = 0x4
	u := sb[0x68:0x78]
	v := Superblock{
		FSType: Ext4, Label: string(untilZero(sb[0x78:0x88])),
		Dirty: binary.LittleEndian.Uint32(sb[0x60:])&needsRecovery != 0,
	}
	if !bytes.Equal(u, make([]byte, 16)) {
		v.UUID = fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
	}
	return v
}

// ntfsVolume has no label: it stands in a file of the volume.
func ntfsVolume(serial []byte) Superblock {
	v := Superblock{FSType: NTFS}
	if n := binary.LittleEndian.Uint64(serial); n != 0 {
		v.UUID = fmt.Sprintf("%016X", n)
	}
	return v
}

func fatVolume(serial, label []byte) Superblock {
	v := Superblock{FSType: VFAT, UUID: fatSerial(serial)}
	if l := bytes.TrimRight(untilZero(label), " "); !bytes.Equal(l, []byte("NO NAME")) {
		v.Label = string(l)
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
func exfatVolume(r io.ReaderAt, head []byte) Superblock {
	v := Superblock{FSType: ExFAT, UUID: fatSerial(head[100:104])}
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
			v.Label = string(utf16.Decode(units))
			return v
		}
	}
	return v
}

func untilZero(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte{0})
	return b
}
