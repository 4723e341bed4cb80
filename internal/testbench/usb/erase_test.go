package usb

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

// erases: the files of a registered camera go once the archive has read them back.
// A camera that is pulled out meanwhile is asked again when it comes back: each
// clip is said to be erased once, and none is lost.
func erases(t *testing.T, image *qemu.Image) {
	m := image.Boot(t)
	m.Must("mkdir", "/run/archive")
	m.Must("chown", "900:900", "/run/archive")
	d := newDock(t, m, "erase: {mode: after-confirmed}\nscrub: {rate: 1MiB}\nstores:\n  - {name: archive, url: \"file:///run/archive\"}\n", "--erase")
	d.m.Must("custodock", "--config", config, "--state", state, "device", "register", "--id", "c017", "--fs-uuid", "5F3A-1B2C", "--serial", "9F2C41D07B")

	dir, files := still(t, 8, 512<<10, 21)
	disk := qemu.Disk{Image: qemu.VFAT(t, 8, "5F3A1B2C", dir), Serial: "9F2C41D07B", Port: "1", Rate: 1 << 20}
	id := d.m.Plug(disk)
	d.await("bay-01", "is erased", func(b ingest.BayStatus) bool { return b.Erase != nil && b.Erase.Busy })
	d.m.Await("a file is gone", func() bool { return len(listing(t, disk.Image)) < len(files) })
	d.m.Unplug(id)
	d.m.Await("the bay is empty", func() bool { return len(d.status().Bays) == 0 })
	said, left := d.entries("clip.erased"), listing(t, disk.Image)
	if len(left) == 0 || len(left) == len(files) {
		t.Fatalf("the camera was not pulled out in the middle: %v are on it", left)
	}
	t.Logf("pulled out with %d of %d files on it, %d entered as erased", len(left), len(files), len(said))

	disk.Rate, disk.Port = 0, "2"
	id = d.m.Plug(disk)
	d.await("bay-02", "is empty", func(b ingest.BayStatus) bool { return b.Erase != nil && !b.Erase.Busy && b.Erase.Left == 0 })
	d.m.Unplug(id)
	if left := listing(t, disk.Image); len(left) != 0 {
		t.Errorf("on the camera are still %v", left)
	}
	d.want(files)
	d.confirmedFirst(len(files))
	d.verified()
}

// confirmedFirst wants n clips to be erased once, and none to be announced before
// as many were confirmed.
func (d *dock) confirmedFirst(n int) {
	d.t.Helper()
	confirmed := d.entries("clip.confirmed")
	begun := d.entries("erase.begun")
	for _, e := range begun {
		before := slices.IndexFunc(confirmed, func(c map[string]any) bool { return c["n"].(float64) > e["n"].(float64) })
		if before >= 0 && before < int(e["count"].(float64)) {
			d.t.Errorf("%v files are to be erased and %d clips confirmed", e["count"], before)
		}
	}
	if len(begun) < 2 {
		d.t.Errorf("the erasing began %d times", len(begun))
	}
	erased, results := map[any]bool{}, map[any]int{}
	for _, e := range d.entries("clip.erased") {
		if erased[e["clip"]] || !slices.ContainsFunc(confirmed, func(c map[string]any) bool { return c["clip"] == e["clip"] }) {
			d.t.Errorf("erased twice, or never confirmed: %v", e)
		}
		erased[e["clip"]] = true
		results[e["result"]]++
	}
	d.t.Log("entries say", results)
	if len(erased) != n {
		d.t.Errorf("%d of %d clips are entered as erased", len(erased), n)
	}
}

// still is a camera whose files say nothing of it, so that its serial counts.
func still(t *testing.T, n int, size int64, seed uint64) (string, []file) {
	t.Helper()
	dir, files := camera(t, n, size, seed)
	for i := range files {
		name := filepath.Join(dir, "DCIM", "100MEDIA", fmt.Sprintf("MVI_%04d.MP4", i+1))
		if err := os.Rename(files[i].Path, name); err != nil {
			t.Fatal(err)
		}
		files[i].Path, files[i].Name = name, filepath.Base(name)
	}
	return dir, files
}

// listing are the files in an image of a FAT.
func listing(t *testing.T, image string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "mdir", "-/", "-b", "-i", image, "::")
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("mdir: %v: %s", err, out)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool { return strings.HasSuffix(name, "/") })
}
