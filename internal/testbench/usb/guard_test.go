package usb

import (
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/custodock/custodock/device/usb"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

// guarded: on a bay's port storage is let in and a keyboard is not; on other
// ports everything works as before, and afterwards everywhere.
func guarded(t *testing.T, image *qemu.Image) {
	m := image.Boot(t)
	m.Load("usbhid", "hid_generic")
	g := m.Start("probe", "guard", "bays", "1-1")
	g.Await(`"guarding"`)
	for _, bus := range []string{"usb1", "usb2"} { // a socket is a port on each
		if v := m.Sysfs(bus, "authorized_default"); v != "0" {
			t.Errorf("new devices on %s start with %s", bus, v)
		}
	}
	dir, _ := camera(t, 1, 256<<10, 30)
	disk := m.Plug(qemu.Disk{Image: qemu.VFAT(t, 36, "5F3A1B2C", dir), Serial: "BAY", Port: "1"})
	m.Device("BAY")
	g.Await(`"Allowed":1,"Err":"","Path":"2-1","Refused":\[\]`)
	m.Unplug(disk)
	m.Gone("BAY")

	keyboard := m.Keyboard("1")
	g.Await(`"Allowed":0,"Err":"","Path":"1-1","Refused":\["usb.hid"\]`)
	if v := m.Sysfs("1-1", "authorized"); v != "0" {
		t.Errorf("the keyboard in the bay is authorized: %s", v)
	}
	m.Keyboard("2")
	m.Await("the keyboard beside the bays has its driver", func() bool { return len(keyboards(m)) == 1 })
	if k := keyboards(m); k[0] != "1-2:1.0" {
		t.Errorf("keyboards at %v", k)
	}
	m.Unplug(keyboard)

	g.Signal(syscall.SIGTERM)
	if r := g.Wait(); r.Code != 0 {
		t.Errorf("the guard ended with %d: %s", r.Code, r.Stderr)
	}
	for _, bus := range []string{"usb1", "usb2"} {
		if v := m.Sysfs(bus, "authorized_default"); v != "1" {
			t.Errorf("after the guard new devices on %s start with %s", bus, v)
		}
	}
	m.Keyboard("1")
	m.Await("a keyboard works in the bay again", func() bool { return len(keyboards(m)) == 2 })
}

// keyboards are the interfaces that have the driver of keyboards and mice.
func keyboards(m *qemu.Machine) []string {
	bound := strings.Fields(m.Must("ls", "/sys/bus/usb/drivers/usbhid"))
	return slices.DeleteFunc(bound, func(name string) bool { return !strings.Contains(name, ":") })
}

// keyboardBeside: a device with its own vendor, product and serial that is a disk
// and a keyboard at once is a disk here.
func keyboardBeside(t *testing.T, image *qemu.Image) {
	m := image.Boot(t)
	m.Load(qemu.GadgetModules...)
	g := m.Start("probe", "guard", "all")
	g.Await(`"guarding"`)
	m.Must("dd", "if=/dev/zero", "of=/tmp/gadget.img", "bs=1M", "count=4")
	m.Gadget(qemu.Gadget{
		Vendor: 0x4255, Product: 0x0001, Serial: "100234", Maker: "Body Camera", Name: "Camera\x1b[2J", Disk: "/tmp/gadget.img", Keyboard: true,
	})
	g.Await(`"Allowed":1,"Err":"","Path":"3-1","Refused":\["usb.hid"\]`)
	m.Device("100234")
	if k := keyboards(m); len(k) != 0 {
		t.Errorf("keyboards at %v", k)
	}
	for n, want := range map[string]string{"3-1:1.0": "1", "3-1:1.1": "0"} {
		if v := m.Sysfs(n, "authorized"); v != want {
			t.Errorf("interface %s is authorized %s, want %s", n, v, want)
		}
	}
	d := scan(t, m)[slices.IndexFunc(scan(t, m), func(d usb.Device) bool { return d.Path == "3-1" })]
	if d.Vendor != 0x4255 || d.Product != 1 || d.Serial != "100234" || d.Maker != "Body Camera" || d.Name != "Camera\x1b[2J" || len(d.Volumes) != 1 {
		t.Errorf("seen is %+v", d)
	}
	m.PullGadget()
	m.Gone("100234")
}

// oneSerial: two cameras that say the same serial are two devices in two ports.
func oneSerial(t *testing.T, image *qemu.Image) {
	m := image.Boot(t)
	m.Hub("2")
	dir, _ := camera(t, 1, 256<<10, 31)
	for _, port := range []string{"2.1", "2.4"} {
		m.Plug(qemu.Disk{Image: qemu.VFAT(t, 36, "5F3A1B2C", dir), Serial: "123456789012", Port: port})
	}
	var twins []usb.Device
	m.Await("both have a disk", func() bool {
		twins = slices.DeleteFunc(scan(t, m), func(d usb.Device) bool { return d.Serial != "123456789012" || len(d.Volumes) == 0 })
		return len(twins) == 2
	})
	if twins[0].Path != "1-2.1" || twins[1].Path != "1-2.4" {
		t.Errorf("they are at %s and %s", twins[0].Path, twins[1].Path)
	}
	for _, d := range twins {
		var at struct{ Port, Serial string }
		if err := json.Unmarshal([]byte(m.Must("probe", "port", d.Volumes[0].DevID)), &at); err != nil {
			t.Fatal(err)
		}
		if at.Port != d.Path {
			t.Errorf("%s hangs at %s, want %s", d.Volumes[0].Name, at.Port, d.Path)
		}
	}
}

// scan is what package usb sees in the machine.
func scan(t *testing.T, m *qemu.Machine) []usb.Device {
	t.Helper()
	var out []usb.Device
	if err := json.Unmarshal([]byte(m.Must("probe", "scan")), &out); err != nil {
		t.Fatal(err)
	}
	return out
}
