package device

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// fat returns a boot sector with a serial, a label and a type at the offsets of
// the FAT specification.
func fat(serial uint32, label, kind string, at int) []byte {
	b := make([]byte, 2048)
	binary.LittleEndian.PutUint32(b[at:], serial)
	copy(b[at+4:], label)
	copy(b[at+15:], kind)
	b[510], b[511] = 0x55, 0xaa
	return b
}

// ntfs returns a boot sector; the serial stands at byte 72.
func ntfs(serial uint64) []byte {
	b := make([]byte, 2048)
	copy(b[3:], "NTFS    ")
	binary.LittleEndian.PutUint64(b[72:], serial)
	b[510], b[511] = 0x55, 0xaa
	return b
}

func exfat(serial uint32, sector, cluster byte, label string) []byte {
	b := make([]byte, 64<<10)
	copy(b[3:], "EXFAT   ")
	binary.LittleEndian.PutUint32(b[88:], 8) // cluster heap, in sectors
	binary.LittleEndian.PutUint32(b[96:], 4) // first cluster of the root directory
	binary.LittleEndian.PutUint32(b[100:], serial)
	b[108], b[109] = sector, cluster
	if sector == 9 && cluster == 3 {
		e := b[8*512+2*4096+32:] // the second entry
		e[0], e[1] = 0x83, byte(len(label))
		for i := range len(label) {
			e[2+2*i] = label[i]
		}
	}
	return b
}

func TestReadSuperblock(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk.img")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 4<<20))
	run(t, "mkfs.ext4", "-q", "-U", "0a1b2c3d-0001-0002-0003-0123456789ab", "-L", "BODYCAM", image)
	ext, err := os.ReadFile(image)
	must(t, err)
	zero := bytes.Clone(ext)
	clear(zero[1024+0x68 : 1024+0x88])
	dirty := bytes.Clone(zero)
	dirty[1024+0x60] |= 4

	for _, tt := range []struct {
		name string
		data []byte
		want Superblock
	}{
		{"ext4", ext, Superblock{FSType: Ext4, UUID: "0a1b2c3d-0001-0002-0003-0123456789ab", Label: "BODYCAM"}},
		{"ext4 without uuid", zero, Superblock{FSType: Ext4}},
		{"ext4 with a journal to replay", dirty, Superblock{FSType: Ext4, Dirty: true}},
		{"ntfs", ntfs(0x0123456789ABCDEF), Superblock{FSType: NTFS, UUID: "0123456789ABCDEF"}},
		{"ntfs with serial zero", ntfs(0), Superblock{FSType: NTFS}},
		{"fat32", fat(0x1234ABCD, "A11        ", "FAT32   ", 67), Superblock{FSType: VFAT, UUID: "1234-ABCD", Label: "A11"}},
		{"fat16, no name", fat(0x00000001, "NO NAME    ", "FAT16   ", 39), Superblock{FSType: VFAT, UUID: "0000-0001", Label: ""}},
		{"fat with serial zero", fat(0, "A", "FAT32   ", 67), Superblock{FSType: VFAT, UUID: "", Label: "A"}},
		{"exfat", exfat(0xCAFE0001, 9, 3, "CINESSD"), Superblock{FSType: ExFAT, UUID: "CAFE-0001", Label: "CINESSD"}},
		{"exfat, impossible shifts", exfat(0xCAFE0001, 9, 200, ""), Superblock{FSType: ExFAT, UUID: "CAFE-0001", Label: ""}},
		{"empty", nil, Superblock{}},
		{"short", make([]byte, 100), Superblock{}},
		{"zeros", make([]byte, 4096), Superblock{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ReadSuperblock(bytes.NewReader(tt.data)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func FuzzReadSuperblock(f *testing.F) {
	f.Add(fat(0x1234ABCD, "A11        ", "FAT32   ", 67))
	f.Add(fat(1, "NO NAME    ", "FAT16   ", 39))
	f.Add(exfat(0xCAFE0001, 9, 3, "CINESSD")[:16<<10])
	f.Add(ntfs(1))
	f.Add(exfat(0xCAFE0001, 12, 13, "")[:2048])
	f.Fuzz(func(t *testing.T, data []byte) {
		if v := ReadSuperblock(bytes.NewReader(data)); len(v.UUID) > 36 || len(v.Label) > 11*3 {
			t.Errorf("out of bounds: %+v", v)
		}
	})
}
