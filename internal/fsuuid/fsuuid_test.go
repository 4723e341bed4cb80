package fsuuid

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// disk is the head of a file system as its formatter wrote it and, for exFAT,
// the first sector of its root directory.
type disk struct {
	head, root []byte
	rootAt     int64
}

func (d disk) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case off == 0:
		return copy(p, d.head), nil
	case d.rootAt != 0 && off == d.rootAt:
		return copy(p, d.root), nil
	}
	return 0, io.EOF
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSuperblock(t *testing.T) {
	for _, tt := range []struct {
		kind, uuid, label string
		ok                bool
		change            func([]byte)
	}{
		{kind: "ext4", uuid: "0a1b2c3d-0000-1111-2222-333344445555", label: "ext label", ok: true},
		{kind: "xfs", uuid: "11111111-2222-3333-4444-555555555555", label: "xlabel", ok: true},
		{kind: "fat16", uuid: "1A2B-3C4D", label: "BWC 01", ok: true},
		{kind: "fat32", uuid: "0000-CAFE", ok: true},
		{kind: "exfat", uuid: "EF8B-6C11", label: "执法记录仪", ok: true},
		{kind: "fat16", change: func(b []byte) { b[0x26] = 0 }},
		{kind: "fat16", change: func(b []byte) { b[510] = 0 }},
		{kind: "ext4", change: func(b []byte) { b[1024+0x38] = 0 }},
		{kind: "exfat", uuid: "EF8B-6C11", ok: true, change: func(b []byte) { b[0x6c] = 200 }},
		{kind: "exfat", uuid: "EF8B-6C11", ok: true, change: func(b []byte) { b[0x60] = 1 }},
	} {
		t.Run(fmt.Sprint(tt.kind, tt.change != nil), func(t *testing.T) {
			d := disk{head: testdata(t, tt.kind+".head"), root: testdata(t, "exfat.root"), rootAt: exfatRoot}
			if tt.change != nil {
				tt.change(d.head)
			}
			uuid, label, ok := superblock(d)
			if diff := cmp.Diff([]any{tt.uuid, tt.label, tt.ok}, []any{uuid, label, ok}); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, _, ok := superblock(bytes.NewReader(make([]byte, 4095))); ok {
		t.Error("a disk of 4095 bytes has a file system")
	}
}

// exfatRoot is where the root directory of testdata/exfat.head stands.
const exfatRoot = 2162688

func FuzzSuperblock(f *testing.F) {
	root := testdata(f, "exfat.root")
	for _, kind := range []string{"ext4", "xfs", "fat16", "fat32", "exfat"} {
		f.Add(testdata(f, kind+".head"), root)
	}
	f.Fuzz(func(t *testing.T, head, root []byte) {
		d := disk{head: head, root: root, rootAt: exfatRoot}
		if uuid, _, ok := superblock(d); ok != (len(uuid) == 36 || len(uuid) == 9) {
			t.Errorf("%q %v", uuid, ok)
		}
	})
}

func TestOfMountedFileSystem(t *testing.T) {
	const uuid = "0a1b2c3d-0000-1111-2222-333344445555"
	dir := t.TempDir()
	image, mnt := filepath.Join(dir, "image"), filepath.Join(dir, "mnt")
	run(t, "truncate", "-s", "8M", image)
	run(t, "mkfs.ext4", "-q", "-U", uuid, "-L", "archive", image)
	if err := os.Mkdir(mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", "loop", image, mnt)
	t.Cleanup(func() { run(t, "umount", mnt) })

	gotUUID, gotLabel, err := Of(mnt)
	if err != nil || gotUUID != uuid || gotLabel != "archive" {
		t.Errorf("%q %q %v", gotUUID, gotLabel, err)
	}

	// The same with a /dev that udev keeps, where other names lead elsewhere.
	f, err := os.Open(mnt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	node, err := system{dev: "/dev", sys: "/sys"}.node(st.Dev)
	if err != nil {
		t.Fatal(err)
	}
	_ = node.Close()
	udev := system{dev: t.TempDir(), sys: "/sys"}
	for link, target := range map[string]string{
		"by-uuid/AAAA-AAAA": "/dev/null", "by-uuid/BBBB-BBBB": node.Name(), "by-uuid/0000-0000": "gone",
		"by-label/other": "/dev/null", `by-label/a\x20b\xe8\xaf\x81`: node.Name(),
	} {
		link = filepath.Join(udev.dev, "disk", link)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	gotUUID, gotLabel, err = udev.of(f)
	if err != nil || gotUUID != "BBBB-BBBB" || gotLabel != "a b证" {
		t.Errorf("%q %q %v", gotUUID, gotLabel, err)
	}

	// A kernel name that leads to another device is not read.
	sys := t.TempDir()
	number := filepath.Join(sys, "dev/block", fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err := os.MkdirAll(number, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"null", "../etc/passwd", ""} {
		if err := os.WriteFile(filepath.Join(number, "uevent"), []byte("MAJOR=7\nDEVNAME="+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := (system{dev: "/dev", sys: sys}).of(f); !errors.Is(err, ErrUnknown) {
			t.Errorf("device name %q: %v", name, err)
		}
	}
}

func TestOfUnknown(t *testing.T) {
	if u, l, err := Of("/proc"); !errors.Is(err, ErrUnknown) {
		t.Errorf("/proc: %q %q %v", u, l, err)
	}
	if _, _, err := Of("/nowhere/at/all"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing path: %v", err)
	}
}

func TestLong(t *testing.T) {
	b, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f")
	if got := long(b); got != "00010203-0405-0607-0809-0a0b0c0d0e0f" {
		t.Error(got)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s (this test mounts a disk and needs root)", name, args, err, out)
	}
}
