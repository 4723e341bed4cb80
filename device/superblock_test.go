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

func TestReadVolume(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk.img")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 4<<20))
	run(t, "mkfs.ext4", "-q", "-U", "0a1b2c3d-0001-0002-0003-0123456789ab", "-L", "BODYCAM", image)
	ext, err := os.ReadFile(image)
	must(t, err)
	zero := bytes.Clone(ext)
	clear(zero[1024+0x68 : 1024+0x88])

	for _, tt := range []struct {
		name string
		data []byte
		want volume
	}{
		{"ext4", ext, volume{"0a1b2c3d-0001-0002-0003-0123456789ab", "BODYCAM"}},
		{"ext4 without uuid", zero, volume{}},
		{"fat32", fat(0x1234ABCD, "A11        ", "FAT32   ", 67), volume{"1234-ABCD", "A11"}},
		{"fat16, no name", fat(0x00000001, "NO NAME    ", "FAT16   ", 39), volume{"0000-0001", ""}},
		{"fat with serial zero", fat(0, "A", "FAT32   ", 67), volume{"", "A"}},
		{"exfat", exfat(0xCAFE0001, 9, 3, "CINESSD"), volume{"CAFE-0001", "CINESSD"}},
		{"exfat, impossible shifts", exfat(0xCAFE0001, 9, 200, ""), volume{"CAFE-0001", ""}},
		{"empty", nil, volume{}},
		{"short", make([]byte, 100), volume{}},
		{"zeros", make([]byte, 4096), volume{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := readVolume(bytes.NewReader(tt.data)); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func FuzzReadVolume(f *testing.F) {
	f.Add(fat(0x1234ABCD, "A11        ", "FAT32   ", 67))
	f.Add(fat(1, "NO NAME    ", "FAT16   ", 39))
	f.Add(exfat(0xCAFE0001, 9, 3, "CINESSD")[:16<<10])
	f.Add(exfat(0xCAFE0001, 12, 13, "")[:2048])
	f.Fuzz(func(t *testing.T, data []byte) {
		if v := readVolume(bytes.NewReader(data)); len(v.uuid) > 36 || len(v.label) > 11*3 {
			t.Errorf("out of bounds: %+v", v)
		}
	})
}
