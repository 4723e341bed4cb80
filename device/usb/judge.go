package usb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ID names a model of USB device.
type ID struct {
	Vendor, Product uint16
}

// ParseID reads "0603:8611".
func ParseID(s string) (ID, error) {
	vendor, product, _ := strings.Cut(s, ":")
	v, err1 := strconv.ParseUint(vendor, 16, 16)
	p, err2 := strconv.ParseUint(product, 16, 16)
	if len(vendor) != 4 || len(product) != 4 || err1 != nil || err2 != nil {
		return ID{}, fmt.Errorf("USB id %q: want vendor:product, four hexadecimal digits each", s)
	}
	return ID{uint16(v), uint16(p)}, nil
}

// Rule is what a dock allows beyond storage, cameras that speak PTP, and hubs.
type Rule struct {
	Video  bool // audio and video interfaces
	Vendor []ID // devices whose vendor-specific interfaces may be opened
}

// Verdict is what may be done with one interface, and why not.
type Verdict struct {
	Interface Interface
	Allowed   bool
	Code      Code   // empty when allowed
	Reason    string // the code in English; nothing of the device is in it
}

// Code names a reason for refusing an interface. The words for it stand in
// internal/message under the same key.
type Code string

// The reasons.
const (
	RefusedHID       Code = "usb.hid"
	RefusedNetwork   Code = "usb.network"
	RefusedModem     Code = "usb.modem"
	RefusedHub       Code = "usb.hub"
	RefusedPrinter   Code = "usb.printer"
	RefusedVideo     Code = "usb.video"
	RefusedSmartCard Code = "usb.smartcard"
	RefusedWireless  Code = "usb.wireless"
	RefusedStorage   Code = "usb.storage"
	RefusedImage     Code = "usb.image"
	RefusedVendor    Code = "usb.vendor"
	RefusedUnknown   Code = "usb.unknown"
	RefusedDamaged   Code = "usb.damaged"
	RefusedEmpty     Code = "usb.empty"
	RefusedDriver    Code = "usb.driver"
)

var reasons = map[Code]string{
	RefusedHID:       "a keyboard, mouse or other input device",
	RefusedNetwork:   "a network adapter",
	RefusedModem:     "a modem or serial line",
	RefusedHub:       "a hub and something else in one",
	RefusedPrinter:   "a printer",
	RefusedVideo:     "a webcam, microphone or loudspeaker",
	RefusedSmartCard: "a smart card reader",
	RefusedWireless:  "a radio, such as Bluetooth",
	RefusedStorage:   "storage of a kind that is not read",
	RefusedImage:     "a camera or scanner of a kind that is not read",
	RefusedVendor:    "a function of the maker's own, which no profile allows",
	RefusedUnknown:   "a function that a camera has no need of",
	RefusedDamaged:   "its descriptors do not hold together",
	RefusedEmpty:     "it has no function at all",
	RefusedDriver:    "a driver took it that does not fit what it says it is",
}

func refuse(i Interface, code Code) Verdict {
	return Verdict{Interface: i, Code: code, Reason: reasons[code]}
}

// Judge decides about each interface of d by what it says it is. What is not
// known to be needed is refused. An interface with several settings must be
// harmless in all of them. A device that can be refused only as a whole gives
// one verdict with an empty Interface.
func Judge(d Device, r Rule) []Verdict {
	if len(d.Interfaces) == 0 {
		code := RefusedEmpty
		if d.Damaged {
			code = RefusedDamaged
		}
		return []Verdict{refuse(Interface{}, code)}
	}
	out := make([]Verdict, 0, len(d.Interfaces))
	for _, i := range d.Interfaces {
		out = append(out, judge(d, i, r))
	}
	return out
}

func judge(d Device, i Interface, r Rule) Verdict {
	if d.Damaged {
		return refuse(i, RefusedDamaged)
	}
	for _, k := range append([]Kind{i.Kind}, i.Others...) {
		if code := r.refusal(d, k); code != "" {
			return refuse(i, code)
		}
	}
	return Verdict{Interface: i, Allowed: true}
}

// refusal returns why an interface of kind k is not allowed on d, or "".
func (r Rule) refusal(d Device, k Kind) Code {
	if isHub := d.Hub; isHub || k.Class == ClassHub {
		if isHub && k.Class == ClassHub {
			return ""
		}
		return RefusedHub
	}
	switch k.Class {
	case ClassStorage:
		if readable(k) {
			return ""
		}
		return RefusedStorage
	case ClassImage:
		if k.SubClass == 1 && k.Protocol == 1 { // PTP, and MTP where it says so
			return ""
		}
		return RefusedImage
	case ClassAudio, ClassVideo, ClassAudioVideo:
		if r.Video {
			return ""
		}
		return RefusedVideo
	case ClassVendor: // MTP devices that are no cameras, too: ff/ff/00
		if slices.Contains(r.Vendor, ID{d.Vendor, d.Product}) {
			return ""
		}
		return RefusedVendor
	}
	return never(k)
}

// readable tells SCSI commands over bulk transfers (BBB, 50) and UAS (62), both
// of which Linux makes a disk of.
func readable(k Kind) bool {
	switch k.SubClass {
	case 0x06: // SCSI
		return k.Protocol == 0x50 || k.Protocol == 0x62
	case 0x02, 0x05: // MMC-5 and SFF-8070i, which old recorders say
		return k.Protocol == 0x50
	}
	return false
}

// never names what no rule allows.
func never(k Kind) Code {
	switch k.Class {
	case ClassHID:
		return RefusedHID
	case ClassComm:
		// ACM is a modem (02), unless its protocol is the maker's own: RNDIS.
		if k.SubClass == 0x02 && k.Protocol != 0xff {
			return RefusedModem
		}
		return RefusedNetwork
	case ClassCommData:
		return RefusedNetwork
	case ClassPrinter:
		return RefusedPrinter
	case ClassSmartCard:
		return RefusedSmartCard
	case ClassWireless:
		if k.SubClass == 0x01 && k.Protocol == 0x03 { // RNDIS
			return RefusedNetwork
		}
		return RefusedWireless
	case ClassMisc:
		if k.SubClass == 0x04 || k.SubClass == 0x01 { // RNDIS, ActiveSync
			return RefusedNetwork
		}
	}
	return RefusedUnknown
}

// fits reports whether driver may have an interface of kind k. Drivers also take
// devices by vendor and product alone, whatever the interface says it is, and
// these are what the device says: so what took it is looked at afterwards.
func fits(k Kind, driver string) bool {
	if driver == "" || driver == "usbfs" { // nobody, or a program such as ours
		return true
	}
	switch k.Class {
	case ClassHub:
		return driver == "hub"
	case ClassStorage:
		return driver == "usb-storage" || driver == "uas" || strings.HasPrefix(driver, "ums-")
	case ClassImage:
		return false
	}
	return true // a rule allows it
}

// allowed counts what v lets through.
func allowed(v []Verdict) int {
	n := 0
	for _, one := range v {
		if one.Allowed {
			n++
		}
	}
	return n
}
