package ptp_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/ptp"
	"github.com/custodock/custodock/internal/testbench/ptpsim"
)

func TestScan(t *testing.T) {
	c := camera()
	s := open(t, c)
	if s.Path() != "ptp:1-1.4" || !s.MountRoot() || s.Coarse() || s.Sequential() {
		t.Error("the tree says something else of itself")
	}
	var files []device.File
	found, err := s.Scan(t.Context(), func(f device.File) error {
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []device.File{
		{Path: "version.txt", Size: 52, ModTime: at, ChangeTime: at, Ino: 5},
		{Path: "DCIM/empty.bin", ModTime: at, ChangeTime: at, Ino: 6},
		{Path: "DCIM/100MEDIA/A.MP4", Size: 700, ModTime: at, ChangeTime: at, Ino: 4},
		{Path: "DCIM/100MEDIA/B.MP4", Size: clipSize, ModTime: at, ChangeTime: at, Ino: 3},
	}
	if d := cmp.Diff(want, files); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(device.Scan{Files: 4, Dirs: 3}, found); d != "" {
		t.Error(d)
	}
	same(t, s, "DCIM/100MEDIA/B.MP4", c.Items[2])
	same(t, s, "DCIM/empty.bin", c.Items[5])
	_, err = s.Open("DCIM/none")
	wantErr(t, err, os.ErrNotExist)
	stop := errors.New("stop")
	_, err = s.Scan(t.Context(), func(device.File) error { return stop })
	wantErr(t, err, stop)
}

func TestIdentities(t *testing.T) {
	usb := device.Identity{Kind: device.USBSerial, Value: "USB7"}
	label := device.Identity{Kind: device.Label, Value: "CAM"}
	for serial, want := range map[string][]device.Identity{
		"BC0042":                           {usb, {Kind: ptp.Serial, Value: "BC0042"}, label},
		"":                                 {usb, label},
		"0000000000":                       {usb, label},
		"ffffffff":                         {usb, label},
		"0123456789abcdef0123456789abcdef": {usb, label},
		"000000000000000000000000000usb7":  {usb, label},
	} {
		c := camera()
		c.Serial = serial
		s := open(t, c)
		scan(t, s)
		if d := cmp.Diff(want, s.Identities()); d != "" {
			t.Errorf("%q: %s", serial, d)
		}
	}
}

// Names that are none are said, and names that stand twice are both there.
func TestNames(t *testing.T) {
	half := file(24, 0, "", 1)
	half.Units = []uint16{'x', 0xD800, 'y'}
	zero := file(25, 0, "", 1)
	zero.Units = []uint16{'x', 0, 'y'}
	c := camera(
		file(20, 0, "..", 1), file(21, 0, "", 1), file(22, 0, "a/b", 1), folder(23, 0, "."), half, zero,
		file(26, 23, "below", 1), file(27, 2, "A.MP4", 9), folder(28, 0, "DCIM"), file(29, 28, "second.mp4", 4),
		file(30, 0, "视频😀", 2),
	)
	s := open(t, c)
	paths, found := scan(t, s)
	want := []string{
		"version.txt", "x\xed\xa0\x80y", "视频😀", "DCIM/empty.bin", "DCIM/100MEDIA/A.MP4", "DCIM/100MEDIA/0000001B-A.MP4",
		"DCIM/100MEDIA/B.MP4", "0000001C-DCIM/second.mp4",
	}
	if d := cmp.Diff(want, paths); d != "" {
		t.Error(d)
	}
	var skipped []string
	for _, k := range found.Skipped {
		skipped = append(skipped, k.Path+": "+k.Reason)
	}
	if d := cmp.Diff([]string{
		"object-00000015: no name for a file", "object-00000017: no name for a file", "object-00000014: no name for a file",
		"object-00000016: no name for a file", "object-00000019: no name for a file",
	}, skipped); d != "" {
		t.Error(d)
	}
	same(t, s, "DCIM/100MEDIA/0000001B-A.MP4", c.Items[13])
	same(t, s, "0000001C-DCIM/second.mp4", c.Items[15])
}

func TestStorages(t *testing.T) {
	c := camera()
	second := file(20, 0, "version.txt", 7)
	second.Storage = 0x00020001
	c.Items = append(c.Items, second)
	c.Storages = []uint32{0x00030000, 0x00020001, card}
	s := open(t, c)
	paths, found := scan(t, s)
	if len(paths) != 5 || paths[4] != "storage-00020001/version.txt" || found.Dirs != 4 {
		t.Errorf("%q, %+v", paths, found)
	}
	same(t, s, "storage-00020001/version.txt", second)
}

// A phone that is locked shows no storage. It is not an empty camera.
func TestNoStorage(t *testing.T) {
	c := camera()
	c.Storages = nil
	_, _, err := tryScan(t.Context(), open(t, c))
	wantErr(t, err, device.ErrIncomplete)
}

func TestStorageWithoutCard(t *testing.T) {
	c := camera()
	f := c.Arm(ptpsim.Fault{Kind: ptpsim.Code, Op: ptpsim.StorageInfo, Answer: 0x2013})
	c.Storages = []uint32{0x00000001, card}
	paths, found := scan(t, open(t, c))
	if len(paths) != 4 || len(found.Skipped) != 1 || found.Skipped[0].Reason != ptp.SkipStorage {
		t.Errorf("%q, %+v", paths, found)
	}
	fired(t, c, f, 1)
}

// A device that lists all at once says of each object where it lies.
func TestFlatListing(t *testing.T) {
	c := camera()
	c.Flat = true
	paths, found := scan(t, open(t, c))
	if len(paths) != 4 || paths[3] != "DCIM/100MEDIA/B.MP4" || found.Dirs != 3 || len(found.Skipped) != 0 {
		t.Errorf("%q, %+v", paths, found)
	}
}

// Folders that lie in one another are taken where they were listed.
func TestFolderLoop(t *testing.T) {
	c := camera(folder(20, 21, "in"), folder(21, 20, "out"), file(22, 21, "clip.mp4", 5), folder(23, 23, "self"), file(24, 23, "own.mp4", 5))
	c.Flat = true
	paths, _ := scan(t, open(t, c))
	want := []string{"version.txt", "DCIM/empty.bin", "DCIM/100MEDIA/A.MP4", "DCIM/100MEDIA/B.MP4", "out/clip.mp4", "self/own.mp4"}
	if len(paths) != 6 {
		t.Errorf("%q, want something like %q", paths, want)
	}
	// The folder claims the root, and lies in its own child as well.
	c = camera(folder(20, 2, "deep"))
	c.Items = append(c.Items, &ptpsim.Item{Handle: 1, Parent: 20, Name: "DCIM", Storage: card, Format: ptpsim.Folder})
	s := open(t, c)
	paths, found := scan(t, s)
	if len(paths) != 4 || len(found.Skipped) != 1 || found.Skipped[0].Reason != device.SkipLoop {
		t.Errorf("%q, %+v", paths, found.Skipped)
	}
}

func TestManyObjects(t *testing.T) {
	ptp.SetMaxObjects(t, 50)
	c := camera()
	for i := range uint32(100) {
		c.Items = append(c.Items, file(100+i, 0, fmt.Sprintf("%03d", i), 1))
	}
	paths, _, err := tryScan(t.Context(), open(t, c))
	wantErr(t, err, device.ErrIncomplete)
	if len(paths) < 40 {
		t.Errorf("%d files of those that were listed", len(paths))
	}
	if n := c.Asked(ptpsim.ObjectInfo); n > 50 {
		t.Errorf("%d objects were asked for", n)
	}
}

// An object that went away between two questions is no trouble.
func TestVanished(t *testing.T) {
	c := camera()
	f := c.Arm(ptpsim.Fault{Kind: ptpsim.Code, Op: ptpsim.ObjectInfo, After: 1, Answer: 0x2009})
	_, found := scan(t, open(t, c))
	if len(found.Skipped) != 1 || found.Skipped[0].Reason != device.SkipVanished {
		t.Errorf("%+v", found)
	}
	fired(t, c, f, 1)
}

// What one folder does not tell leaves the rest readable.
func TestFolderRefused(t *testing.T) {
	c := camera()
	f := c.Arm(ptpsim.Fault{Kind: ptpsim.Code, Op: ptpsim.ObjectHandles, After: 1, Answer: 0x200F})
	paths, _, err := tryScan(t.Context(), open(t, c))
	wantErr(t, err, device.ErrIncomplete)
	if len(paths) != 1 {
		t.Errorf("%q", paths)
	}
	fired(t, c, f, 1)
}
