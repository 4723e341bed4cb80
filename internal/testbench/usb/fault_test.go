package usb

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

// resumes: a camera that is pulled out while it is read is gone, and nothing of
// the clip under way is recorded. In another bay that clip is read on where it
// was broken off, and in the end each is there once.
func resumes(t *testing.T, image *qemu.Image) {
	const size, rate = 12 << 20, 4 << 20
	dir, files := camera(t, 2, size, 3)
	d := newDock(t, image.Boot(t), "")
	disk := qemu.Disk{Image: qemu.VFAT(t, 40, "5F3A1B2C", dir), Serial: "CAM1", Port: "1", Rate: rate}
	before := digest(t, disk.Image)
	id := d.m.Plug(disk)
	d.await("bay-01", "is read", func(b ingest.BayStatus) bool { return b.Bytes > size+size/8 })
	d.unlisted("CAM1")
	d.m.Unplug(id)
	b := d.await("bay-01", "is gone", func(b ingest.BayStatus) bool { return b.State == ingest.BayGone })
	if b.MayTake || b.Done == len(files) {
		t.Fatalf("the camera was not unplugged in mid-read: %+v", b)
	}
	for _, c := range d.clips() {
		if !slices.ContainsFunc(files, func(f file) bool { return f.SHA256 == c.SHA256 }) {
			t.Errorf("clip %s is of no file of the camera: %s, %d bytes", c.Clip, c.SHA256, c.Size)
		}
	}
	if !d.alarmed("device_gone") {
		t.Errorf("nobody is told; the alarms are %v", d.status().Alarms)
	}

	disk.Rate, disk.Port = 0, "2"
	id = d.m.Plug(disk)
	d.await("bay-02", "may be taken", mayTake)
	d.want(files)
	d.verified()
	if at := d.resumed(); slices.Max(at) < 4<<20 || slices.Max(at) >= size {
		t.Errorf("the clips were read on at %v", at)
	}
	if ends := d.ends(); !slices.Equal(ends, []string{"gone", "complete"}) {
		t.Errorf("the dockings ended as %v", ends)
	}
	d.m.Unplug(id)
	if digest(t, disk.Image) != before {
		t.Error("the disk is not as it was")
	}
}

// ends is how each docking ended, as the log has it.
func (d *dock) ends() []string {
	d.t.Helper()
	var out []string
	for _, e := range d.entries("docking.closed") {
		out = append(out, fmt.Sprint(e["end"]))
	}
	return out
}

// staleMount: the file system of a disk that is gone lists as empty, without an
// error. That is never a camera with nothing on it. The dock has no helper here
// and takes what others mount.
func staleMount(t *testing.T, image *qemu.Image) {
	const elsewhere, point = "/tmp/elsewhere", "/media/bay"
	dir, files := camera(t, 2, 256<<10, 4)
	d := newDockOf(t, image.Boot(t), "mounter: \"\"\n")
	disk := qemu.Disk{Image: qemu.VFAT(t, 8, "5F3A1B2C", dir), Serial: "CAM1", ReadOnly: true}
	id := d.m.Plug(disk)
	d.m.Mount(d.m.Device("CAM1"), elsewhere, "ro")
	d.m.Unplug(id)
	d.m.Gone("CAM1")
	if r := d.m.Run("ls", elsewhere); r.Code != 0 || r.Stdout != "" {
		t.Fatalf("the mount does not lie: %d %q %q", r.Code, r.Stdout, r.Stderr)
	}
	d.m.Must("mkdir", point)
	d.m.Must("mount", "-o", "bind", elsewhere, point)
	b := d.await("bay", "is finished with", func(b ingest.BayStatus) bool { return !b.Closed.IsZero() || b.MayTake })
	if b.State != ingest.BayGone || b.MayTake {
		t.Errorf("the bay says %+v", b)
	}
	d.m.Must("umount", point)
	d.m.Must("umount", elsewhere)
	d.m.Plug(disk)
	d.m.Mount(d.m.Device("CAM1"), point, "ro,nosuid,nodev,noexec")
	d.await("bay", "may be taken", mayTake)
	d.want(files)
}

// badSector: what cannot be read fails and stays on the camera; the clips
// beside it are stored.
func badSector(t *testing.T, image *qemu.Image) {
	dir, files := camera(t, 3, 1<<20, 5)
	disk := qemu.VFAT(t, 8, "5F3A1B2C", dir)
	sector := sectorOf(t, disk, files[1])
	d := newDock(t, image.Boot(t), "")
	d.m.Plug(qemu.Disk{Image: disk, Serial: "CAM1", Port: "1", ReadOnly: true, Bad: []int64{sector}})
	b := d.await("bay-01", "is finished with", func(b ingest.BayStatus) bool { return !b.Closed.IsZero() && b.Stored == 2 })
	if b.State != ingest.BayError || b.Failed != 1 || b.Remaining != 1 {
		t.Errorf("the bay says %+v", b)
	}
	fired := regexp.MustCompile(`(I/O|medium) error, dev sd[a-z]+, sector \d+`)
	if hits := fired.FindAllString(d.m.Kernel(), -1); len(hits) == 0 {
		t.Errorf("sector %d was never read; the kernel says %s", sector, d.m.Kernel())
	}
	d.want([]file{files[0], files[2]})
	d.verified()
	if closed := d.entries("docking.closed"); len(closed) != 1 || fmt.Sprint(closed[0]["failed"]) != "1" {
		t.Errorf("the docking was closed as %v", closed)
	}
}

// sectorOf finds the sector of an image that holds the middle of a file.
func sectorOf(t *testing.T, image string, f file) int64 {
	t.Helper()
	disk, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	middle := len(data) / 2
	at := bytes.Index(disk, data[middle:middle+512])
	if at < 0 || at%512 != 0 {
		t.Fatalf("%s stands at %d of the image", f.Name, at)
	}
	return int64(at / 512)
}
