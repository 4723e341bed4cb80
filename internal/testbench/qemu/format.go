package qemu

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Blank makes an image of size MiB without anything in it.
func Blank(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size<<20); err != nil {
		t.Fatal(err)
	}
	return path
}

// VFAT makes an image of size MiB with this volume serial number, eight hex
// digits, and the files and folders of dir in it: FAT32 where it is large enough
// for that, else FAT16.
func VFAT(t testing.TB, size int64, serial, dir string) string {
	t.Helper()
	path := Blank(t, size)
	bits := "16"
	if size > 32 {
		bits = "32"
	}
	tool(t, "mkfs.vfat", "-F", bits, "-s", "1", "-i", serial, path)
	entries, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	// -m keeps the times of the files, in the time zone that -i of mtools has.
	tool(t, "mcopy", append([]string{"-s", "-m", "-i", path}, append(entries, "::")...)...)
	return path
}

// ExFAT makes an image of size MiB with an empty exFAT in it; Fill fills it.
func ExFAT(t testing.TB, size int64, serial string) string {
	t.Helper()
	path := Blank(t, size)
	tool(t, "mkfs.exfat", path)
	tool(t, "tune.exfat", "-I", "0x"+serial, path)
	return path
}

// Ext4 makes an image of size MiB with the files of dir in it.
func Ext4(t testing.TB, size int64, dir string) string {
	t.Helper()
	path := Blank(t, size)
	tool(t, "mkfs.ext4", "-q", "-F", "-d", dir, path)
	return path
}

// Fill writes the files of dir into an image by the kernel of the machine: for
// file systems that no tool outside a kernel can write.
func (m *Machine) Fill(image, dir string) {
	m.t.Helper()
	const at = "/tmp/fill"
	id := m.Plug(Disk{Image: image, Serial: "FILL"})
	m.Mount(m.Device("FILL"), at, "rw")
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := at + strings.TrimPrefix(path, dir)
		if e.IsDir() {
			m.Must("mkdir", "-p", name)
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		m.WriteFile(name, data)
		m.Must("touch", "-d", st.ModTime().UTC().Format("2006-01-02 15:04:05"), name)
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.Must("umount", at)
	m.Unplug(id)
}

func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "TZ=UTC")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}
