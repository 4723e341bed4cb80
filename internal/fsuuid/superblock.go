package fsuuid

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// superblock reads the first 4 KiB and, for exFAT, one sector of the root
// directory. Offsets are those of the kernel's fs/ext4/ext4.h and
// fs/xfs/libxfs/xfs_format.h, and of Microsoft's FAT and exFAT specifications.
func superblock(r io.ReaderAt) (uuid, label string, ok bool) {
	b := make([]byte, 4096)
	if n, _ := r.ReadAt(b, 0); n < len(b) {
		return "", "", false
	}
	switch {
	case bytes.HasPrefix(b, []byte("XFSB")):
		return long(b[32:48]), text(b[108:120]), true
	case bytes.Equal(b[3:11], []byte("EXFAT   ")):
		return short(b[0x64:]), exfatLabel(r, b), true
	case fat(b):
		// FAT32 has no 16-bit count of sectors a FAT, and a longer header.
		at := 0x26
		if b[22] == 0 && b[23] == 0 {
			at = 0x42
		}
		if b[at] != 0x29 { // extended boot signature: serial and label follow
			return "", "", false
		}
		label := text(b[at+5 : at+16])
		if label == "NO NAME" {
			label = ""
		}
		return short(b[at+1:]), label, true
	case b[1024+0x38] == 0x53 && b[1024+0x39] == 0xef: // ext2, ext3, ext4
		return long(b[1024+0x68 : 1024+0x78]), text(b[1024+0x78 : 1024+0x88]), true
	}
	return "", "", false
}

// fat asks for more than the mark of a boot sector, which partition tables and
// the space before an ext4 superblock can have too.
func fat(b []byte) bool {
	sector, cluster := binary.LittleEndian.Uint16(b[11:]), b[13]
	return b[510] == 0x55 && b[511] == 0xaa && (b[0] == 0xeb || b[0] == 0xe9) &&
		sector >= 512 && sector <= 4096 && sector&(sector-1) == 0 &&
		cluster != 0 && cluster&(cluster-1) == 0 &&
		(b[16] == 1 || b[16] == 2) && b[21] >= 0xf0
}

// exfatLabel finds directory entry 0x83 in the first sector of the root
// directory, where formatters put it.
func exfatLabel(r io.ReaderAt, b []byte) string {
	heap, root := binary.LittleEndian.Uint32(b[0x58:]), binary.LittleEndian.Uint32(b[0x60:])
	sectorShift, clusterShift := b[0x6c], b[0x6d]
	if sectorShift < 9 || sectorShift > 12 || clusterShift > 25-sectorShift || root < 2 {
		return ""
	}
	dir := make([]byte, 512)
	at := (int64(heap) + int64(root-2)<<clusterShift) << sectorShift
	if n, _ := r.ReadAt(dir, at); n < len(dir) {
		return ""
	}
	for ; len(dir) > 0 && dir[0] != 0; dir = dir[32:] {
		if n := int(dir[1]); dir[0] == 0x83 && n <= 11 {
			var units []uint16
			for i := range n {
				units = append(units, binary.LittleEndian.Uint16(dir[2+2*i:]))
			}
			return string(utf16.Decode(units))
		}
	}
	return ""
}

func long(b []byte) string {
	h := hex.EncodeToString(b[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func short(b []byte) string {
	return fmt.Sprintf("%02X%02X-%02X%02X", b[3], b[2], b[1], b[0])
}

// text ends at a NUL or at the blanks that fill FAT labels.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.TrimRight(string(b), " ")
}
