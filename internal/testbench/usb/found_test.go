package usb

import (
	"fmt"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

func foundVFAT(t *testing.T, image *qemu.Image) {
	dir, files := camera(t, 3, 1<<20, 1)
	d := newDock(t, image)
	d.m.Plug(qemu.Disk{Image: qemu.VFAT(t, 40, "5F3A1B2C", dir), Serial: "CAM1", ReadOnly: true})
	d.await(d.mount("CAM1"), "may be taken", mayTake)
	d.want(files)
	d.verified()
}

func foundEXFAT(t *testing.T, image *qemu.Image) {
	dir, files := camera(t, 3, 1<<20, 2)
	d := newDock(t, image)
	disk := qemu.ExFAT(t, 16, "5F3A1B2D")
	d.m.Fill(disk, dir)
	d.m.Plug(qemu.Disk{Image: disk, Serial: "CAM1", ReadOnly: true})
	d.await(d.mount("CAM1"), "may be taken", mayTake)
	d.want(files)
	d.verified()
}

// sixAtOnce: six cameras behind one hub, each stored whole, none mixed up.
func sixAtOnce(t *testing.T, image *qemu.Image) {
	d := newDock(t, image)
	d.m.Hub("1")
	cameras := map[string][]testbench.File{}
	for i := range 6 {
		serial := fmt.Sprintf("CAM%d", i+1)
		dir, files := camera(t, 2, 512<<10, uint64(10+i))
		cameras[serial] = files
		d.m.Plug(qemu.Disk{
			Image: qemu.VFAT(t, 36, fmt.Sprintf("5F3A100%d", i), dir), Serial: serial, Port: fmt.Sprintf("1.%d", i+1), ReadOnly: true,
		})
	}
	points := map[string]string{}
	for serial := range cameras {
		points[serial] = d.mount(serial)
	}
	devices := map[string]bool{}
	for serial, files := range cameras {
		b := d.await(points[serial], "may be taken", mayTake)
		devices[b.Device] = true
		if b.Done != len(files) {
			t.Errorf("%s: %d of %d clips done", serial, b.Done, len(files))
		}
	}
	if len(devices) != 6 {
		t.Errorf("six cameras are the devices %v", devices)
	}
	d.want(all(cameras))
	d.verified()
}
