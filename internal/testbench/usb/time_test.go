package usb

import (
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

// firstByteWithin is how soon a camera must be read once the kernel has its disk.
const firstByteWithin = 2 * time.Second

// howSoon measures the way from the plug to "you may take it" for the first
// camera of a daemon that has come to rest, by the clock of the machine. It is
// emulated: the time for which other work kept it from the computer's processors
// is taken off, and since such work slows it in other ways too, what is kept in
// one of three fresh machines is kept.
func howSoon(t *testing.T, image *qemu.Image) {
	dir, files := camera(t, 3, 1<<20, 6)
	disk := qemu.Disk{Image: qemu.VFAT(t, 8, "5F3A1B2C", dir), Serial: "CAM1", Port: "1", ReadOnly: true}
	for range 3 {
		m := image.Boot(t)
		d := newDock(t, m, "")
		d.rest()
		late := d.measure(disk)
		d.want(files)
		m.End()
		if late <= firstByteWithin {
			return
		}
	}
	t.Errorf("in no machine was the first byte read within %v of the kernel having the disk", firstByteWithin)
}

// rest waits until the daemon has used no processor for a second.
func (d *dock) rest() {
	d.t.Helper()
	pid := d.status().PID
	since, spent := d.m.Now(), d.processor(pid)
	d.m.Await("the daemon is at rest", func() bool {
		now := d.processor(pid)
		if now != spent {
			since, spent = d.m.Now(), now
		}
		return d.m.Now().Sub(since) > time.Second
	})
}

// measure docks a camera and gives the time from the kernel's having its disk to
// the first byte of a clip, without that for which the machine stood still.
func (d *dock) measure(disk qemu.Disk) time.Duration {
	d.t.Helper()
	told := d.m.Uevents()
	plug := d.m.Now()
	d.m.Plug(disk)
	told.Await(`add@\S*/block/sda\n`)
	kept := d.m.Kept()
	var kernel, first time.Time
	for _, line := range told.Lines() {
		if strings.HasPrefix(line.Text, "add@") && strings.HasSuffix(line.Text, "/block/sda\n") {
			kernel = line.At
		}
	}
	b := d.await("bay-01", "is read", func(b ingest.BayStatus) bool {
		first = d.m.Now()
		return b.Bytes > 0
	})
	kept = d.m.Kept() - kept
	d.await("bay-01", "may be taken", mayTake)
	safe := d.m.Now()
	for _, k := range []struct {
		what string
		at   time.Time
	}{{"the kernel has the disk", kernel}, {"found", b.Opened}, {"first byte", first}, {"safe in the store", safe}} {
		d.t.Logf("measured: %-23s %5.2f s after the plug, %5.2f s after the disk", k.what, k.at.Sub(plug).Seconds(), k.at.Sub(kernel).Seconds())
	}
	d.t.Logf("measured: from the disk to the first byte the machine waited %.2f s for a processor", kept.Seconds())
	return first.Sub(kernel) - kept
}
