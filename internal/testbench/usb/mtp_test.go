package usb

import (
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

// speaksMTP: a camera that no kernel mounts is read over PTP into the store, and
// is gone when it is pulled out while it is read.
func speaksMTP(t *testing.T, image *qemu.Image) {
	d := newDock(t, image.Boot(t), "")
	dir, files := camera(t, 3, 512<<10, 40)
	id := d.m.MTP(dir, "5A1C77E0", "1")
	d.letIn("bay-01", "5A1C77E0")
	if b := d.await("bay-01", "may be taken", mayTake); b.Done != len(files) {
		t.Errorf("the bay says %+v", b)
	}
	d.m.Unplug(id)
	d.want(files)
	d.verified()

	const size = 48 << 20
	dir, _ = camera(t, 1, size, 41)
	id = d.m.MTP(dir, "5A1C77E1", "2")
	d.letIn("bay-02", "5A1C77E1")
	d.await("bay-02", "is read", func(b ingest.BayStatus) bool { return b.Bytes > 0 })
	d.m.Unplug(id)
	if b := d.await("bay-02", "is gone", func(b ingest.BayStatus) bool { return b.State == ingest.BayGone }); b.Bytes >= size {
		t.Errorf("it was read before it was unplugged: %+v", b)
	}
	d.want(files)
}

// letIn gives the daemon a device that speaks PTP once it has tried to open it, as
// the udev rule does a moment after the kernel has told everybody.
func (d *dock) letIn(bay, serial string) {
	d.t.Helper()
	d.await(bay, "is tried", func(ingest.BayStatus) bool { return true })
	d.m.Must("sh", "-c", `cd /sys/bus/usb/devices/$0 && chown 0:900 $(printf /dev/bus/usb/%03d/%03d $(cat busnum devnum)) &&
		chmod 660 $(printf /dev/bus/usb/%03d/%03d $(cat busnum devnum))`, d.m.PortOf(serial))
}
