package ingest

import (
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
)

// identityKinds are the kinds of identities in the order in which they are told.
var identityKinds = []string{device.FSUUID, device.USBSerial, device.ByProfile, device.Label}

// gadgets are USB ids that whoever builds a device on Linux gets for nothing.
// Neither they nor the serials behind them say which device it is.
var gadgets = []string{"0525:a4a5", "1d6b:0104"}

// madeUp reports whether a serial is one that product lines have for want of
// another: too short, one character over and over, or the digits in their order.
func madeUp(serial string) bool {
	s := strings.ToUpper(serial)
	if len(s) < 4 {
		return true
	}
	repeated, counted := true, true
	for i := 1; i < len(s); i++ {
		repeated = repeated && s[i] == s[0]
		const digits = "0123456789ABCDEF0"
		next := strings.IndexByte(digits, s[i-1])
		counted = counted && next >= 0 && (digits[next+1] == s[i] || s[i-1:i+1] == "90")
	}
	return repeated || counted
}

// identifies reports whether an identity tells two devices apart. A volume
// label does not: every unit of a model has the same.
func identifies(id device.Identity) bool {
	if id.Kind == device.USBSerial {
		return !madeUp(id.Value)
	}
	return id.Kind == device.FSUUID || id.Kind == device.ByProfile
}

// valueOf is what a registration says of a kind of identity, "" for nothing.
func valueOf(m configs.Match, kind string) string {
	switch kind {
	case device.FSUUID:
		return m.FSUUID
	case device.USBSerial:
		return m.Serial
	case device.ByProfile:
		return m.ProfileID
	case device.Label:
		return m.Label
	}
	return ""
}

// comparison is a registration beside what a camera tells of itself.
type comparison struct {
	sources []string // kinds that agree and tell devices apart, each counted once
	agree   []string // kinds that agree, also those that every unit has
	differ  []string // kinds of which the camera says something else
	absent  []string // kinds of which the camera says nothing
}

// compare holds m against what a camera tells; strong are those of it that tell
// devices apart. A label that is the device's id is the same source as that id.
func compare(m configs.Match, told, strong []device.Identity) comparison {
	var c comparison
	for _, kind := range identityKinds {
		want := valueOf(m, kind)
		i := slices.IndexFunc(told, func(id device.Identity) bool { return id.Kind == kind })
		switch {
		case want == "":
		case i < 0:
			c.absent = append(c.absent, kind)
		case told[i].Value != want:
			c.differ = append(c.differ, kind)
		default:
			c.agree = append(c.agree, kind)
			source := kind
			if kind == device.Label && m.Label == m.ProfileID {
				source = device.ByProfile
			}
			if (source != kind || slices.Contains(strong, told[i])) && !slices.Contains(c.sources, source) {
				c.sources = append(c.sources, source)
			}
		}
	}
	return c
}

// fits reports whether the camera is that device: nothing it says is otherwise,
// and what agrees is enough. The configuration wants all it names to agree.
func (c comparison) fits(k enrolled) bool {
	if len(c.differ) > 0 || len(c.agree) == 0 {
		return false
	}
	if k.from == fromConfig {
		return len(c.absent) == 0
	}
	return len(c.sources) > 0
}

// verdict is whose a camera is.
type verdict struct {
	device  *enrolled // nil when it is nobody's
	sources []string  // that agree with the registration
	doubt   error     // why it is nobody's although something agrees
	suspect string    // the device it may be, where there is doubt
}

// judge finds the registered device that a camera is. Where one source says yes
// and another no, or two devices are meant at once, it is nobody's: clips under
// the wrong person's name are worse than clips under none.
func judge(devices []enrolled, told, strong []device.Identity) verdict {
	var v verdict
	for i, k := range devices {
		c := compare(k.Match, told, strong)
		switch {
		case !c.fits(k):
			if len(c.sources) > 0 && len(c.differ) > 0 && v.doubt == nil {
				v.suspect = k.ID
				v.doubt = fmt.Errorf("it is registered device %s by its %s, and its %s is another: taken as nobody's; register it anew if it was changed",
					k.ID, words(c.sources), words(c.differ))
			}
		case v.device == nil:
			v.device, v.sources = &devices[i], c.sources
		case len(c.sources) > 0 && len(v.sources) > 0:
			return verdict{suspect: k.ID, doubt: fmt.Errorf("it is registered device %s by its %s and %s by its %s: taken as nobody's; forget one of them",
				v.device.ID, words(v.sources), k.ID, words(c.sources))}
		}
	}
	if v.device != nil {
		v.doubt, v.suspect = nil, ""
	}
	return v
}

// words names kinds of identities for a person.
func words(kinds []string) string {
	names := map[string]string{device.FSUUID: "file system", device.USBSerial: "USB serial", device.ByProfile: "own id", device.Label: "label"}
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = names[k]
	}
	return strings.Join(out, " and ")
}

// settleOwner says whose the camera is by all that is known of it so far.
func (d *docking) settleOwner() {
	v := d.ownerNow()
	d.origin, d.verdict = d.base, v
	if v.device != nil {
		d.origin.register(v.device.Device)
	}
}

// ownerNow is whose the camera is by the registrations of this moment.
func (d *docking) ownerNow() verdict {
	told := slices.Clone(d.told)
	for _, id := range d.identities {
		if id.Kind == device.ByProfile {
			told = append(told, id)
		}
	}
	return judge(d.s.knownDevices(), told, d.identities)
}

// certain reports whether the camera is beyond doubt the registered device it
// is taken for: two independent sources agree with the registration and none
// contradicts. Only then may anything be removed from it. A registration that
// ended or became another's since the docking began does not count any more.
func (d *docking) certain() bool {
	now := d.ownerNow()
	return d.verdict.certain() && now.certain() && now.device.ID == d.verdict.device.ID
}

func (v verdict) certain() bool { return v.device != nil && v.doubt == nil && len(v.sources) >= 2 }

// acquisition finds the clip that a file of this docking already is. What was
// taken from the same file system before its camera was registered is known too.
func (d *docking) acquisition(tx *bbolt.Tx, path string, digest clip.Digest) int64 {
	n := catalog{tx}.acquisition(d.origin.source, path, digest)
	if n < 0 && slices.Contains(d.verdict.sources, device.FSUUID) {
		n = catalog{tx}.acquisition(d.base.source, path, digest)
	}
	return n
}
