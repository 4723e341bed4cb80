package usb

import (
	"fmt"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

// foundExFAT: a camera is found in its bay, mounted for the daemon alone, stored,
// and left as it was.
func foundExFAT(t *testing.T, image *qemu.Image) {
	dir, files := camera(t, 3, 1<<20, 2)
	disk := qemu.ExFAT(t, 16, "5F3A1B2D")
	m := image.Boot(t)
	m.Fill(disk, dir)
	d := newDock(t, m, "")
	before := digest(t, disk)
	id := d.m.Plug(qemu.Disk{Image: disk, Serial: "CAM1", Port: "1"})
	if b := d.await("bay-01", "may be taken", mayTake); b.Port != "2-1" || b.Device == "" {
		t.Errorf("the bay says %+v", b)
	}
	d.unlisted("CAM1")
	d.want(files)
	d.verified()
	d.m.Unplug(id)
	if digest(t, disk) != before {
		t.Error("the disk is not as it was")
	}
}

// sixAtOnce: six cameras behind one hub, each stored whole, none mixed up, each
// shown at its port.
func sixAtOnce(t *testing.T, image *qemu.Image) {
	d := newDock(t, image.Boot(t), "")
	d.m.Hub("3")
	cameras := map[string][]testbench.File{}
	for i := range 6 {
		port := fmt.Sprintf("3.%d", i+1)
		dir, files := camera(t, 2, 512<<10, uint64(10+i))
		cameras["1-"+port] = files
		d.m.Plug(qemu.Disk{Image: qemu.VFAT(t, 4, fmt.Sprintf("5F3A100%d", i), dir), Serial: fmt.Sprintf("CAM%d", i+1), Port: port, ReadOnly: true})
	}
	devices := map[string]bool{}
	for port, files := range cameras {
		b := d.await(port, "may be taken", mayTake)
		devices[b.Device] = true
		if b.Done != len(files) || b.Port != port {
			t.Errorf("port %s: %+v", port, b)
		}
	}
	if len(devices) != 6 {
		t.Errorf("six cameras are the devices %v", devices)
	}
	d.want(all(cameras))
	d.verified()
}

// twins: of two cameras with one identity the second is held, and nothing of it
// is read before the first was taken out.
func twins(t *testing.T, image *qemu.Image) {
	d := newDock(t, image.Boot(t), "")
	dir, files := camera(t, 1, 256<<10, 31)
	first := d.m.Plug(qemu.Disk{Image: qemu.VFAT(t, 4, "5F3A1B2C", dir), Serial: "9F2C41D07B", Port: "1", ReadOnly: true})
	d.await("bay-01", "may be taken", mayTake)
	dir, others := camera(t, 1, 256<<10, 32)
	d.m.Plug(qemu.Disk{Image: qemu.VFAT(t, 4, "5F3A1B2C", dir), Serial: "9F2C41D07B", Port: "2", ReadOnly: true})
	b := d.await("bay-02", "is held", func(b ingest.BayStatus) bool { return b.State == ingest.BayHeld })
	if b.Hold != ingest.HoldSame || b.MayTake || b.Bytes != 0 || !d.alarmed(ingest.HoldSame) {
		t.Errorf("the bay says %+v", b)
	}
	d.want(files)
	if opened := d.entries("docking.opened"); len(opened) != 1 {
		t.Errorf("dockings opened: %v", opened)
	}
	d.m.Unplug(first)
	d.await("bay-02", "may be taken", mayTake)
	if d.alarmed(ingest.HoldSame) {
		t.Error("the alarm did not end")
	}
	d.want(append(files, others...))
}
