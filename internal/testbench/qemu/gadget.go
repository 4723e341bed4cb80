package qemu

import (
	"fmt"
	"path"
)

// Gadget is a USB device that the machine itself plays, on a port of its own
// (Documentation/usb/gadget_configfs.rst).
type Gadget struct {
	Vendor, Product     uint16
	Serial, Maker, Name string
	Disk                string // file of the machine that is its storage
	Keyboard            bool   // a keyboard beside the storage
}

// The place where the kernel takes gadgets from, and the port they are on.
const (
	gadgetRoot = "/sys/kernel/config/usb_gadget/bench"
	gadgetUDC  = "dummy_udc.0"
)

// reportOfKeys is the report descriptor of a keyboard with one key (HID 1.11).
var reportOfKeys = []byte{0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19, 0x04, 0x29, 0x04, 0x15, 0, 0x25, 1, 0x75, 1, 0x95, 8, 0x81, 2, 0xc0}

// Gadget plugs a gadget in. A machine has one at a time.
func (m *Machine) Gadget(g Gadget) {
	m.t.Helper()
	m.Load(GadgetModules...)
	m.Must("sh", "-c", "mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config")
	put := func(name, value string) {
		m.t.Helper()
		m.Must("mkdir", "-p", path.Join(gadgetRoot, path.Dir(name)))
		m.WriteFile(path.Join(gadgetRoot, name), []byte(value))
	}
	put("idVendor", fmt.Sprintf("%#04x", g.Vendor))
	put("idProduct", fmt.Sprintf("%#04x", g.Product))
	put("strings/0x409/serialnumber", g.Serial)
	put("strings/0x409/manufacturer", g.Maker)
	put("strings/0x409/product", g.Name)
	put("functions/mass_storage.0/stall", "0")
	put("functions/mass_storage.0/lun.0/removable", "1")
	put("functions/mass_storage.0/lun.0/file", g.Disk)
	put("configs/c.1/MaxPower", "100")
	use := func(function string) {
		m.t.Helper()
		m.Must("ln", "-s", path.Join(gadgetRoot, "functions", function), path.Join(gadgetRoot, "configs/c.1", function))
	}
	use("mass_storage.0")
	if g.Keyboard {
		put("functions/hid.0/protocol", "1")
		put("functions/hid.0/subclass", "1")
		put("functions/hid.0/report_length", "1")
		put("functions/hid.0/report_desc", string(reportOfKeys))
		use("hid.0")
	}
	put("UDC", gadgetUDC)
}

// PullGadget pulls the gadget out.
func (m *Machine) PullGadget() {
	m.t.Helper()
	m.WriteFile(path.Join(gadgetRoot, "UDC"), []byte("\n"))
}
