// Package usb finds USB devices, tells when they come and go, and decides which
// of their interfaces may be used. It needs no C library: all it knows comes from
// sysfs, whose root is handed in.
//
// The kernel's events are hints (Watch); what sysfs shows is the truth
// (Sysfs.Scan). Names, serials and descriptors are said by the device: they may
// hold any byte, may lie, and identify nothing alone.
//
// # Authorisation
//
// The kernel lets a program decide about each device and each interface
// (Documentation/usb/authorization.rst and Documentation/ABI/testing/sysfs-bus-usb):
//
//   - usbN/authorized_default is what a new device on the bus of that root hub
//     starts with: 1 authorised, 0 not, 2 only on ports that firmware calls
//     internal. A device that is there already is not changed by it.
//   - DEVICE/authorized is 1 or 0. A device that is not authorised has been
//     asked for its descriptors and strings, but has no configuration: it shows
//     no interface folders, and no driver can bind.
//   - usbN/interface_authorized_default, 1 or 0, is the same for the interfaces
//     that appear when a device is configured.
//   - INTERFACE/authorized is 1 or 0. An interface that is not authorised can
//     be neither probed by a driver nor claimed by a program. Writing 1 does
//     not probe: for that the name of the interface is written to
//     /sys/bus/usb/drivers_probe. A driver may need several interfaces, so all
//     are authorised before the first is probed. Writing 0 takes the driver off.
//
// A USB 3 socket is two ports, one on a USB 2 bus and one on a USB 3 bus, and a
// device chooses which of them it shows up on. The kernel links the two as peers
// (the peer link of a port's folder); what holds for a port must hold for its peer.
package usb

import (
	"strconv"
	"strings"
)

// Classes of devices and interfaces, from the list of USB-IF class codes.
const (
	ClassAudio       = 0x01
	ClassComm        = 0x02
	ClassHID         = 0x03
	ClassImage       = 0x06
	ClassPrinter     = 0x07
	ClassStorage     = 0x08
	ClassHub         = 0x09
	ClassCommData    = 0x0a
	ClassSmartCard   = 0x0b
	ClassVideo       = 0x0e
	ClassAudioVideo  = 0x10
	ClassWireless    = 0xe0
	ClassMisc        = 0xef
	ClassApplication = 0xfe
	ClassVendor      = 0xff
)

// Device is one USB device as sysfs shows it.
type Device struct {
	Path            string // sysfs name: "1-1.4" is the physical port; "usb1" is a root hub
	Peer            string // the other port of the same socket, "2-1.4"; empty where there is none
	Bus, Number     int
	Class           uint8 // of the device; 0 leaves it to the interfaces
	Vendor, Product uint16
	Serial          string // raw bytes, like Maker and Name; empty where the device says none
	Maker, Name     string
	Speed           string // Mb/s: "1.5", "12", "480", "5000", …
	Authorized      bool
	Configured      bool // it has interfaces that drivers can use
	Busy            bool // the kernel is resetting it: Serial, Maker and Name are not known now
	Damaged         bool // its descriptors do not hold together
	Hub             bool // a root hub, or of class 09
	Interfaces      []Interface
	Volumes         []Volume
}

// Interface is one function of a device. While a device has no configuration
// the interfaces of all its configurations are listed, from its descriptors.
type Interface struct {
	Config     uint8 // bConfigurationValue of the configuration it belongs to
	Number     uint8
	Kind              // in its current setting
	Others     []Kind // what its other settings say it is, where that differs
	Label      string // its own name, raw bytes; empty while unconfigured
	Driver     string // the kernel driver that has it, or empty
	Authorized bool
}

// Kind is what an interface says it is.
type Kind struct {
	Class, SubClass, Protocol uint8
}

// Volume is a block device that can hold a file system.
type Volume struct {
	Name     string // "sdb1"
	DevID    string // "8:17"
	Size     int64  // bytes
	ReadOnly bool   // a write protect switch, or a disk that cannot write
}

// IsPort reports whether s has the form of a port path, such as "1-1.4".
func IsPort(s string) bool {
	bus, rest, ok := strings.Cut(s, "-")
	if !ok || !number(bus) {
		return false
	}
	for n := range strings.SplitSeq(rest, ".") {
		if !number(n) {
			return false
		}
	}
	return true
}

// number accepts what the kernel prints for a bus or a port: 1 to 9999999.
func number(s string) bool {
	if s == "" || len(s) > 7 || s[0] == '0' {
		return false
	}
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// IsRoot reports whether s names a root hub, such as "usb1".
func IsRoot(s string) bool {
	bus, ok := strings.CutPrefix(s, "usb")
	return ok && number(bus)
}

// Parent returns the hub that the port path is on: "1-1" of "1-1.4", "usb1" of
// "1-1", and "" of a root hub.
func Parent(path string) string {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i]
	}
	if bus, _, ok := strings.Cut(path, "-"); ok {
		return "usb" + bus
	}
	return ""
}

// Below reports whether path is the port, or lies behind a hub that is plugged
// into it.
func Below(path, port string) bool {
	return path == port || strings.HasPrefix(path, port+".")
}

// InterfaceName returns what sysfs calls an interface of d: "1-1.4:1.0".
func (d Device) InterfaceName(i Interface) string {
	return d.Path + ":" + strconv.Itoa(int(i.Config)) + "." + strconv.Itoa(int(i.Number))
}
