package usb

import (
	"testing"

	"github.com/custodock/custodock/internal/testbench/qemu"
)

// readOverMTP: a device that no kernel mounts is read over PTP, and is gone when
// it is pulled out while it is read.
func readOverMTP(t *testing.T, image *qemu.Image) {
	m := image.Boot(t)
	dir, files := camera(t, 3, 512<<10, 40)
	id := m.MTP(dir, "MTP1", "3")
	port := await(m, "MTP1")
	s := look(t, m.Start("probe", "ptp", port))
	s.holds(t, files)
	t.Log(s.FS, s.Identities)
	m.Unplug(id)

	dir, _ = camera(t, 1, 48<<20, 41)
	id = m.MTP(dir, "MTP2", "3")
	port = await(m, "MTP2")
	j := m.Start("probe", "ptp", port)
	j.Await("open")
	m.Unplug(id)
	if s := look(t, j); s.Scan != "gone" && (len(s.Files) != 1 || s.Files[0].Err != "gone") {
		t.Errorf("a camera pulled out while it is read: %+v", s)
	}
}

// await waits for a USB device by its serial and gives its port.
func await(m *qemu.Machine, serial string) string {
	port := ""
	m.Await("there is a USB device "+serial, func() bool {
		port = m.PortOf(serial)
		return port != ""
	})
	return port
}
