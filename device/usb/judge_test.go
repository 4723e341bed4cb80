package usb

import (
	"testing"

	"github.com/custodock/custodock/internal/message"
)

func TestJudgeKinds(t *testing.T) {
	video := Rule{Video: true}
	maker := Rule{Vendor: []ID{{0x0525, 0xa4a5}}}
	other := Rule{Vendor: []ID{{0x0525, 0xa4a6}, {0x0526, 0xa4a5}}}
	for _, tt := range []struct {
		kind Kind
		rule Rule
		want Code
	}{
		{storage, Rule{}, ""},
		{uas, Rule{}, ""},
		{Kind{ClassStorage, 0x05, 0x50}, Rule{}, ""},
		{Kind{ClassStorage, 0x06, 0x00}, Rule{}, RefusedStorage},
		{Kind{ClassStorage, 0x04, 0x50}, Rule{}, RefusedStorage},
		{ptp, Rule{}, ""},
		{Kind{ClassImage, 0x01, 0x02}, Rule{}, RefusedImage},
		{keyboard, Rule{Video: true, Vendor: maker.Vendor}, RefusedHID},
		{Kind{ClassHID, 0, 0}, Rule{}, RefusedHID},
		{hub, Rule{}, RefusedHub},
		{Kind{ClassComm, 0x06, 0x00}, Rule{}, RefusedNetwork}, // ECM
		{Kind{ClassComm, 0x0d, 0x00}, Rule{}, RefusedNetwork}, // NCM
		{Kind{ClassComm, 0x0e, 0x00}, Rule{}, RefusedNetwork}, // MBIM
		{Kind{ClassComm, 0x02, 0xff}, Rule{}, RefusedNetwork}, // RNDIS of Linux gadgets
		{Kind{ClassComm, 0x02, 0x01}, Rule{}, RefusedModem},
		{Kind{ClassCommData, 0, 0}, Rule{}, RefusedNetwork},
		{Kind{ClassWireless, 0x01, 0x01}, Rule{}, RefusedWireless},
		{Kind{ClassWireless, 0x01, 0x03}, Rule{}, RefusedNetwork},
		{Kind{ClassMisc, 0x04, 0x01}, Rule{}, RefusedNetwork},
		{Kind{ClassMisc, 0x02, 0x01}, Rule{}, RefusedUnknown},
		{Kind{ClassPrinter, 0x01, 0x02}, Rule{}, RefusedPrinter},
		{Kind{ClassSmartCard, 0, 0}, Rule{}, RefusedSmartCard},
		{Kind{ClassAudio, 0x01, 0}, Rule{}, RefusedVideo},
		{Kind{ClassVideo, 0x01, 0}, Rule{}, RefusedVideo},
		{Kind{ClassVideo, 0x01, 0}, video, ""},
		{Kind{ClassAudioVideo, 0x01, 0}, video, ""},
		{vendor, Rule{}, RefusedVendor},
		{vendor, other, RefusedVendor},
		{vendor, maker, ""},
		{Kind{ClassApplication, 0x01, 0x01}, maker, RefusedUnknown},
		{Kind{}, maker, RefusedUnknown},
	} {
		d := Device{Vendor: 0x0525, Product: 0xa4a5, Interfaces: []Interface{{Config: 1, Kind: tt.kind}}}
		got := Judge(d, tt.rule)
		if len(got) != 1 || got[0].Code != tt.want || got[0].Allowed != (tt.want == "") || (got[0].Reason == "") != (tt.want == "") {
			t.Errorf("%02x with %+v: %+v, want %q", tt.kind, tt.rule, got, tt.want)
		}
	}
}

func TestJudgeDevices(t *testing.T) {
	one := func(k Kind, others ...Kind) Interface { return Interface{Config: 1, Kind: k, Others: others} }
	for name, tt := range map[string]struct {
		dev  Device
		want []Code
	}{
		"storage beside a keyboard": {Device{Interfaces: []Interface{one(storage), one(keyboard)}}, []Code{"", RefusedHID}},
		"storage that can be uas":   {Device{Interfaces: []Interface{one(storage, uas)}}, []Code{""}},
		"storage that can be a key": {Device{Interfaces: []Interface{one(storage, uas, keyboard)}}, []Code{RefusedHID}},
		"a hub":                     {Device{Hub: true, Class: ClassHub, Interfaces: []Interface{one(hub, Kind{ClassHub, 0, 2})}}, []Code{""}},
		"a hub with keys":           {Device{Hub: true, Class: ClassHub, Interfaces: []Interface{one(hub), one(keyboard)}}, []Code{"", RefusedHub}},
		"a hub that is a disk":      {Device{Hub: true, Class: ClassHub, Interfaces: []Interface{one(storage)}}, []Code{RefusedHub}},
		"nothing":                   {Device{}, []Code{RefusedEmpty}},
		"nothing understood":        {Device{Damaged: true}, []Code{RefusedDamaged}},
		"half understood":           {Device{Damaged: true, Interfaces: []Interface{one(storage)}}, []Code{RefusedDamaged}},
	} {
		got := Judge(tt.dev, Rule{})
		if len(got) != len(tt.want) {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		for i := range got {
			if got[i].Code != tt.want[i] {
				t.Errorf("%s: interface %d: %q, want %q", name, i, got[i].Code, tt.want[i])
			}
		}
	}
}

func TestReasonsHaveWords(t *testing.T) {
	for code, english := range reasons {
		if got := message.T(message.English, string(code)); got != english {
			t.Errorf("%s: %q in the log, %q for people", code, english, got)
		}
		if !message.Has(string(code)) {
			t.Errorf("%s has no words", code)
		}
	}
}

func TestFits(t *testing.T) {
	for _, tt := range []struct {
		kind   Kind
		driver string
		want   bool
	}{
		{storage, "", true}, {storage, "usb-storage", true}, {storage, "ums-realtek", true}, {uas, "uas", true},
		{storage, "r8152", false}, {storage, "usbhid", false}, {hub, "hub", true}, {hub, "usbhid", false},
		{ptp, "", true}, {ptp, "usbfs", true}, {ptp, "usb-storage", false}, {vendor, "rtsx_usb", true},
	} {
		if fits(tt.kind, tt.driver) != tt.want {
			t.Errorf("%02x with driver %q: %v", tt.kind, tt.driver, !tt.want)
		}
	}
}

func TestParseID(t *testing.T) {
	if id, err := ParseID("0603:8611"); err != nil || id != (ID{0x0603, 0x8611}) {
		t.Errorf("%v, %v", id, err)
	}
	for _, s := range []string{"", "0603", "603:8611", "0603:861", "0603:8611:1", "0603:86g1", "+603:8611"} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}
