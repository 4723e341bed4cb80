package usb

import (
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

func TestBoot(t *testing.T) {
	begin := time.Now()
	image := qemu.New(t, testbench.Build(t))
	t.Logf("image in %v", time.Since(begin))
	for range 2 {
		begin = time.Now()
		m := image.Boot(t)
		t.Logf("thawed in %v: %s", time.Since(begin), m.Must("uname", "-a"))
		begin = time.Now()
		t.Log(m.Must("custodock", "version"))
		t.Logf("version in %v", time.Since(begin))
		dir := t.TempDir()
		testbench.Clips(t, dir, 2, 1<<20, 1)
		img := qemu.VFAT(t, 40, "5F3A1B2C", dir)
		begin = time.Now()
		id := m.Plug(qemu.Disk{Image: img, Serial: "CAM1"})
		dev := m.Device("CAM1")
		t.Logf("disk %s in %v", dev, time.Since(begin))
		m.Mount(dev, "/media/cam", "ro")
		t.Log(m.Must("ls", "-l", "/media/cam"))
		m.Unplug(id)
		t.Log(m.Must("cat", "/proc/mounts"), m.Must("ls", "/media/cam"))
		t.Log(m.Kernel())
	}
}
