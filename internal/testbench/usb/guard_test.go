package usb

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/custodock/custodock/device/usb"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

// guarded: in a bay storage is let in and a keyboard is not, whether it comes
// alone or beside the storage of one device; on other ports everything works as
// without a dock, and everywhere once the helper has ended.
func guarded(t *testing.T, image *qemu.Image) {
	m := image.Boot(t)
	m.Load(qemu.GadgetModules...)
	d := newDock(t, m, "usb: {guard: bays}\n")
	wantDefault(t, m, "0")
	dir, files := camera(t, 1, 256<<10, 30)
	m.Keyboard("1")
	m.Await("the keyboard in bay-01 is refused", func() bool { return d.refused("bay-01") })
	if v := m.Sysfs("1-1", "authorized"); v != "0" {
		t.Errorf("the keyboard in the bay is authorized: %s", v)
	}
	m.Plug(qemu.Disk{Image: qemu.VFAT(t, 4, "5F3A1B2C", dir), Serial: "CAM1", Port: "2"})
	d.await("bay-02", "may be taken", mayTake)
	m.Keyboard("3")
	m.Await("the keyboard beside the bays has its driver", func() bool { return slices.Equal(keyboards(m), []string{"1-3:1.0"}) })
	d.want(append(files, d.gadget()...))

	d.mounter.Signal(syscall.SIGTERM)
	if r := d.mounter.Wait(); r.Code != 0 {
		t.Errorf("the helper ended with %d: %s", r.Code, r.Stderr)
	}
	wantDefault(t, m, "1")
	m.Keyboard("4")
	m.Await("a new keyboard has its driver", func() bool { return slices.Contains(keyboards(m), "1-4:1.0") })
}

// gadget docks a device with a vendor, product and name of its own that is a disk
// and a keyboard at once.
func (d *dock) gadget() []file {
	d.t.Helper()
	const disk = "/tmp/gadget.img"
	dir, files := camera(d.t, 1, 256<<10, 33)
	image, err := os.ReadFile(qemu.VFAT(d.t, 4, "5F3A1B2D", dir))
	if err != nil {
		d.t.Fatal(err)
	}
	d.m.WriteFile(disk, image)
	d.m.Gadget(qemu.Gadget{
		Vendor: 0x4255, Product: 0x0001, Serial: "100234", Maker: "Body Camera", Name: "Camera\x1b[2J", Disk: disk, Keyboard: true,
	})
	d.await("bay-03", "may be taken", mayTake)
	if !d.refused("bay-03") {
		d.t.Errorf("nobody is told of the keyboard: %+v", d.status().Alarms)
	}
	if k := keyboards(d.m); slices.ContainsFunc(k, func(name string) bool { return strings.HasPrefix(name, "3-1") }) {
		d.t.Errorf("keyboards at %v", k)
	}
	for n, want := range map[string]string{"3-1:1.0": "1", "3-1:1.1": "0"} {
		if v := d.m.Sysfs(n, "authorized"); v != want {
			d.t.Errorf("interface %s is authorized %s, want %s", n, v, want)
		}
	}
	all := scan(d.t, d.m)
	i := slices.IndexFunc(all, func(d usb.Device) bool { return d.Path == "3-1" })
	if i < 0 || all[i].Serial != "100234" || all[i].Maker != "Body Camera" || all[i].Name != "Camera\x1b[2J" || len(all[i].Volumes) != 1 {
		d.t.Errorf("seen is %+v", all)
	}
	var known ingest.Registry
	if err := json.Unmarshal([]byte(d.ask("devices", "{}")), &known); err != nil {
		d.t.Fatal(err)
	}
	if !slices.ContainsFunc(known.Docked, func(c ingest.DockedView) bool { return c.Bay == "bay-03" && c.USB == "4255:0001" && c.Port == "3-1" }) {
		d.t.Errorf("docked are %+v", known.Docked)
	}
	return files
}

// refused reports whether the alarm stands that a device in the bay is not let in.
func (d *dock) refused(bay string) bool {
	d.t.Helper()
	return slices.ContainsFunc(d.status().Alarms, func(a ingest.Alarm) bool {
		return a.Code == "usb_refused" && slices.Equal(a.Args, []string{bay})
	})
}

// wantDefault wants new devices on the buses of the bays to start so.
func wantDefault(t *testing.T, m *qemu.Machine, want string) {
	t.Helper()
	for _, bus := range []string{"usb1", "usb2", "usb3"} { // a socket is a port on two of them
		if v := m.Sysfs(bus, "authorized_default"); v != want {
			t.Errorf("new devices on %s start with %s, want %s", bus, v, want)
		}
	}
}

// keyboards are the interfaces that have the driver of keyboards and mice.
func keyboards(m *qemu.Machine) []string {
	bound := strings.Fields(m.Must("ls", "/sys/bus/usb/drivers/usbhid"))
	return slices.DeleteFunc(bound, func(name string) bool { return !strings.Contains(name, ":") })
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
