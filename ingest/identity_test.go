package ingest

import (
	"slices"
	"strings"
	"testing"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
)

func ids(pairs ...string) []device.Identity {
	var out []device.Identity
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, device.Identity{Kind: pairs[i], Value: pairs[i+1]})
	}
	return out
}

func TestMadeUpSerials(t *testing.T) {
	for serial, want := range map[string]bool{
		"123456789ABC": true, "0123456789ABCDEF": true, "0123456789abcdef0123456789abcdef": true, "000000000000": true,
		"1234567890": true, "FFFFFFFF": true, "": true, "1": true, "AB1": true,
		"C3331325": false, "1234567809AB": false, "20071114173400000": false, "5F3A1B2C": false,
	} {
		if got := madeUp(serial); got != want {
			t.Errorf("%q: made up %v", serial, got)
		}
	}
}

// TestJudge: a camera is a registered device when nothing contradicts, nobody's
// when one source says yes and another no, and never a mixture of two.
func TestJudge(t *testing.T) {
	log := func(id string, m configs.Match) enrolled { return enrolled{configs.Device{ID: id, Match: m}, fromLog} }
	conf := func(id string, m configs.Match) enrolled {
		return enrolled{configs.Device{ID: id, Match: m}, fromConfig}
	}
	full := log("c1", configs.Match{FSUUID: "U1", Serial: "SN17001", ProfileID: "P1"})
	for _, c := range []struct {
		name    string
		devices []enrolled
		told    []device.Identity
		want    string
		sources int
		doubt   string
	}{
		{"all agree", []enrolled{full}, ids(device.FSUUID, "U1", device.USBSerial, "SN17001", device.ByProfile, "P1"), "c1", 3, ""},
		{"some say nothing", []enrolled{full}, ids(device.USBSerial, "SN17001"), "c1", 1, ""},
		{"none says anything", []enrolled{full}, nil, "", 0, ""},
		{"all differ", []enrolled{full}, ids(device.FSUUID, "U2", device.USBSerial, "SN17002"), "", 0, ""},
		{"the card was formatted", []enrolled{full}, ids(device.FSUUID, "U2", device.USBSerial, "SN17001"), "", 0, "device c1 by its USB serial, and its file system is another"},
		{"the card of another camera", []enrolled{full}, ids(device.FSUUID, "U1", device.ByProfile, "P2"), "", 0, "by its file system, and its own id is another"},
		{"a serial that all units have", []enrolled{log("c1", configs.Match{FSUUID: "U1", Serial: "123456789ABC"})},
			ids(device.FSUUID, "U2", device.USBSerial, "123456789ABC"), "", 0, ""},
		{"that serial beside the file system", []enrolled{log("c1", configs.Match{FSUUID: "U1", Serial: "123456789ABC"})},
			ids(device.FSUUID, "U1", device.USBSerial, "123456789ABC"), "c1", 1, ""},
		{"a label is no identity", []enrolled{log("c1", configs.Match{Label: "CARD"})}, ids(device.Label, "CARD"), "", 0, ""},
		{"a label that is the id counts once", []enrolled{log("c1", configs.Match{Label: "C0042", ProfileID: "C0042"})},
			ids(device.Label, "C0042", device.ByProfile, "C0042"), "c1", 1, ""},
		{"a label that is the id, before its profile is known", []enrolled{log("c1", configs.Match{Label: "C0042", ProfileID: "C0042"})},
			ids(device.Label, "C0042"), "c1", 1, ""},
		{"the configuration may go by a label", []enrolled{conf("c1", configs.Match{Label: "CARD"})}, ids(device.Label, "CARD"), "c1", 0, ""},
		{"the configuration wants all of it", []enrolled{conf("c1", configs.Match{FSUUID: "U1", Serial: "SN17001"})}, ids(device.FSUUID, "U1"), "", 0, ""},
		{"another unit with the same label", []enrolled{conf("c1", configs.Match{Label: "CARD", Serial: "SN17001"})},
			ids(device.Label, "CARD", device.USBSerial, "SN17002"), "", 0, ""},
		{"two devices at once", []enrolled{log("c1", configs.Match{FSUUID: "U1"}), log("c2", configs.Match{Serial: "SN17001"})},
			ids(device.FSUUID, "U1", device.USBSerial, "SN17001"), "", 0, "c1 by its file system and c2 by its USB serial"},
		{"told apart by an admin", []enrolled{full, log("c2", configs.Match{FSUUID: "U2"})}, ids(device.FSUUID, "U2", device.USBSerial, "SN17001"), "c2", 1, ""},
	} {
		strong := slices.DeleteFunc(slices.Clone(c.told), func(id device.Identity) bool { return !identifies(id) })
		v := judge(c.devices, c.told, strong)
		got := ""
		if v.device != nil {
			got = v.device.ID
		}
		doubt := ""
		if v.doubt != nil {
			doubt = v.doubt.Error()
		}
		if got != c.want || len(v.sources) != c.sources || !strings.Contains(doubt, c.doubt) || (c.doubt == "") != (doubt == "") {
			t.Errorf("%s: device %q by %v, doubt %q", c.name, got, v.sources, doubt)
		}
	}
}

// TestTwinsAreToldApart: what two cameras share makes them one, unless an admin
// has said which is which.
func TestTwinsAreToldApart(t *testing.T) {
	one := ids(device.USBSerial, "SN17001", device.FSUUID, "U1")
	same, serial := ids(device.USBSerial, "SN17001", device.FSUUID, "U1"), ids(device.USBSerial, "SN17001", device.FSUUID, "U2")
	registered := func(id string, strong []device.Identity, m configs.Match) stay {
		return stay{device: id, registered: true, strong: strong, match: m}
	}
	for _, c := range []struct {
		name        string
		there, came stay
		want        string
	}{
		{"strangers", stay{strong: one}, stay{strong: ids(device.FSUUID, "U9")}, ""},
		{"one serial", stay{strong: one}, stay{strong: serial}, "same USB serial"},
		{"all the same", stay{strong: one}, stay{strong: same}, "same USB serial and file system"},
		{"one device twice", registered("c1", one, configs.Match{}), registered("c1", serial, configs.Match{}), "device c1"},
		{"two devices", registered("c1", one, configs.Match{}), registered("c2", serial, configs.Match{}), ""},
		{"known by what they share", registered("c1", one, configs.Match{Serial: "SN17001"}), stay{strong: serial}, "same USB serial"},
		{"known by what they do not share", registered("c1", one, configs.Match{FSUUID: "U1"}), stay{strong: serial}, ""},
		{"the one that comes is named", stay{strong: one}, registered("c2", serial, configs.Match{FSUUID: "U2"}), ""},
	} {
		if got := twins(c.there, c.came); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		a, b seat
		want bool
	}{
		{seat{devID: "8:17"}, seat{devID: "8:17"}, true},
		{seat{devID: "8:17"}, seat{devID: "8:33"}, false},
		{seat{}, seat{}, false},
		{seat{devID: "8:17", port: Port{Path: "1-1"}}, seat{devID: "8:18", port: Port{Path: "1-1"}}, true},
	} {
		if c.a.same(c.b) != c.want {
			t.Errorf("%+v and %+v are one piece: %v", c.a, c.b, !c.want)
		}
	}
}
