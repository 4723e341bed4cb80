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

// mark is a moment on the machine's clock, and what it had to wait for this
// computer until then.
type mark struct {
	what    string
	at      time.Time
	starved time.Duration
}

func (d *dock) mark(what string) mark { d.t.Helper(); return mark{what, d.m.Now(), d.m.Starved()} }

// since is the time from one moment to another that the machine had.
func (k mark) since(from mark) time.Duration { return k.at.Sub(from.at) - (k.starved - from.starved) }

// howSoon measures the way from the plug to "you may take it", by the clock of
// the machine, whose processor is emulated, less what this computer kept it
// waiting for. The camera before it has the program translated for QEMU.
func howSoon(t *testing.T, image *qemu.Image) {
	d := newDock(t, image)
	dir, before := camera(t, 1, 256<<10, 60)
	d.m.Plug(qemu.Disk{Image: qemu.VFAT(t, 36, "5F3A1B2B", dir), Serial: "CAM0", ReadOnly: true})
	d.await(d.mount("CAM0"), "may be taken", mayTake)

	dir, files := camera(t, 3, 1<<20, 6)
	disk := qemu.VFAT(t, 40, "5F3A1B2C", dir)
	told := d.m.Uevents()
	plug := d.mark("plugged in")
	d.m.Plug(qemu.Disk{Image: disk, Serial: "CAM1", ReadOnly: true})
	told.Await(`add@\S*/block/sdb\n`)
	kernel := d.mark("the kernel has the disk")
	for _, line := range told.Lines() {
		if strings.HasPrefix(line.Text, "add@") && strings.HasSuffix(line.Text, "/block/sdb\n") {
			kernel.at = line.At
		}
	}
	point := d.mount("CAM1")
	mounted := d.mark("mounted")
	found, first := mounted, mounted
	b := d.await(point, "is read", func(b ingest.BayStatus) bool {
		first = d.mark("first byte")
		return b.Bytes > 0
	})
	found.what, found.at = "found", b.Opened
	d.await(point, "may be taken", mayTake)
	for _, k := range []mark{kernel, mounted, found, first, d.mark("safe in the store")} {
		t.Logf("measured: %-23s %5.2f s after the plug, %5.2f s after the disk", k.what, k.since(plug).Seconds(), k.since(kernel).Seconds())
	}
	if late := first.since(kernel); late > firstByteWithin {
		t.Errorf("the first byte was read %v after the kernel had the disk, want %v at most", late, firstByteWithin)
	}
	d.want(append(before, files...))
}
