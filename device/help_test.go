package device

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, path string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte("clip"), 0o644))
}

// mountAt mounts and always unmounts, however the test ends.
func mountAt(t testing.TB, source, point, fstype string, flags uintptr, data string) {
	t.Helper()
	must(t, os.MkdirAll(point, 0o755))
	must(t, unix.Mount(source, point, fstype, flags, data))
	t.Cleanup(func() {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			t.Errorf("unmount %s: %v", point, err)
		}
	})
}

func detach(t testing.TB, point string) {
	t.Helper()
	must(t, unix.Unmount(point, unix.MNT_DETACH))
}

// ext4 mounts a fresh file system on a loop device and returns the device.
func ext4(t testing.TB, point string, mkfs ...string) (loop string) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk.img")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 8<<20))
	run(t, "mkfs.ext4", append(mkfs, "-q", image)...)
	loop = strings.TrimSpace(run(t, "losetup", "--find", "--show", image))
	t.Cleanup(func() { run(t, "losetup", "--detach", loop) })
	run(t, "blockdev", "--setrw", loop) // a lock outlives the disk that was behind the device
	mountAt(t, loop, point, "ext4", 0, "")
	return loop
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

func openFolder(t testing.TB, path string) *Folder {
	t.Helper()
	f, err := Open(path)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}
