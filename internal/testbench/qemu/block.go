package qemu

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/custodock/custodock/internal/testbench/qemu/wire"
)

// Device waits until the kernel has the disk of a USB serial and gives the
// device of its first partition, or of the whole disk when it has none.
func (m *Machine) Device(serial string) string {
	m.t.Helper()
	var device string
	m.Await("the kernel has the disk "+serial, func() bool {
		device = m.find(serial)
		return device != ""
	})
	return device
}

// find looks for the disk whose USB device has this serial, in sysfs as it is
// now. A disk of no size is one the kernel has not asked yet.
func (m *Machine) find(serial string) string {
	m.t.Helper()
	out := m.Run("sh", "-c", `cd /sys/block && for d in sd*; do
		s=$(readlink -f $d/device) && [ "$(cat $d/size)" != 0 ] &&
		echo $d $(ls -d $d/$d? | head -n 1) "$(cat ${s%%/host*}/../serial)"; done`).Stdout
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if n := len(f); n >= 2 && f[n-1] == serial {
			return "/dev/" + path.Base(f[n-2])
		}
	}
	return ""
}

// Gone waits until the kernel has let go of the disk of a USB serial, which is
// a moment after Unplug.
func (m *Machine) Gone(serial string) {
	m.t.Helper()
	m.Await("the kernel has let go of the disk "+serial, func() bool { return m.find(serial) == "" })
}

// PortOf gives the port path of the USB device with a serial, such as 1-2.1, and
// "" when there is none.
func (m *Machine) PortOf(serial string) string {
	m.t.Helper()
	out := m.Run("sh", "-c", `cd /sys/bus/usb/devices && grep -lxF "$0" */serial`, serial).Stdout
	port, _, _ := strings.Cut(out, "/")
	return port
}

// Mount mounts a device of the machine by busybox, as an automounter would.
func (m *Machine) Mount(device, point, options string) {
	m.t.Helper()
	m.Must("mkdir", "-p", point)
	m.Must("mount", "-o", options, device, point)
}

// Await looks until cond holds.
func (m *Machine) Await(what string, cond func() bool) {
	m.t.Helper()
	ctx, cancel := m.bounded()
	defer cancel()
	if err := poll(ctx, cond); err != nil {
		said := m.Kernel()
		m.t.Fatalf("waited in vain until %s: %v; the kernel says …%s", what, err, said[max(0, len(said)-2000):])
	}
}

func poll(ctx context.Context, cond func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Kernel is what the kernel of the machine has said.
func (m *Machine) Kernel() string {
	m.t.Helper()
	return m.Run("dmesg").Stdout
}

// Sysfs reads a file of the USB device at a port path, such as 1-2.1.
func (m *Machine) Sysfs(port, name string) string {
	m.t.Helper()
	return strings.TrimSpace(string(m.ReadFile(path.Join("/sys/bus/usb/devices", port, name))))
}

// WriteSysfs writes a file of a USB device and reports what the kernel says to it.
func (m *Machine) WriteSysfs(port, name, value string) error {
	m.t.Helper()
	ctx, cancel := m.bounded()
	defer cancel()
	file := path.Join("/sys/bus/usb/devices", port, name)
	if _, err := m.agent.do(ctx, wire.Request{Op: wire.Write, Path: file, Data: []byte(value)}); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
