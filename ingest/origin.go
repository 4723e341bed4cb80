package ingest

import (
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/tag"
)

// origin is where a docking's clips come from, as far as the folder itself and
// the configuration tell.
type origin struct {
	source     clip.Source
	shown      string // absolute path of the folder, for display
	device     string // neutral id, "" until the log gives one
	bay        string
	profile    string // named by the configuration
	label      string
	fat        bool
	assignment *tag.Assignment
}

// sharedSerials are constants that whole product lines have for a serial.
var sharedSerials = []string{"123456789ABC", "0123456789ABCDEF", "0123456789ABCDEF0123456789ABCDEF", "000000000000"}

// identifies reports whether an identity tells two devices apart. A volume
// label does not: every unit of a model has the same.
func identifies(id device.Identity) bool {
	if id.Kind == device.USBSerial {
		return !slices.Contains(sharedSerials, strings.ToUpper(id.Value))
	}
	return id.Kind == device.FSUUID || id.Kind == device.ByProfile
}

// originOf says whose folder this is: a registered device, else a filesystem
// by its UUID, else nothing but a path.
func (s *Station) originOf(folder device.Tree, shown, bay string) (origin, []device.Identity) {
	o := origin{source: clip.Source{Kind: "folder", ID: shown}, shown: shown, bay: bay}
	var strong []device.Identity
	told := map[string]string{}
	for _, id := range folder.Identities() {
		told[id.Kind] = id.Value
		if identifies(id) {
			strong = append(strong, id)
		}
	}
	o.label = told[device.Label]
	if uuid := told[device.FSUUID]; uuid != "" && folder.MountRoot() {
		o.source = clip.Source{Kind: "fs", ID: uuid}
	}
	o.fat = folder.Coarse()
	for _, dev := range s.conf().Devices {
		if matches(dev.Match, told) {
			o.register(dev)
			break
		}
	}
	return o, strong
}

// matches reports whether all that the configuration says of a device agrees.
func matches(m configs.Match, told map[string]string) bool {
	given := 0
	for kind, want := range map[string]string{device.FSUUID: m.FSUUID, device.Label: m.Label, device.USBSerial: m.Serial} {
		if want == "" {
			continue
		}
		given++
		if told[kind] != want {
			return false
		}
	}
	return given > 0
}

func (o *origin) register(dev configs.Device) {
	o.source = clip.Source{Kind: "device", ID: dev.ID}
	o.device, o.profile = dev.ID, dev.Profile
	if o.bay == "" {
		o.bay = dev.Bay
	}
	o.assignment = &tag.Assignment{ID: dev.ID, Unit: dev.Unit, Zone: dev.Zone}
	for _, c := range dev.Collectors {
		o.assignment.Collectors = append(o.assignment.Collectors, clip.Collector(c))
	}
}

// configured reports whether the configuration gives id to a device.
func (s *Station) configured(id string) bool {
	return slices.ContainsFunc(s.conf().Devices, func(d configs.Device) bool { return d.ID == id })
}

// idFileLimit bounds what is read of a file that may hold a device's id.
const idFileLimit = 64 << 10

// identify picks the profile and looks for the id the device keeps in a file.
func (d *docking) identify() {
	paths := make([]string, len(d.files))
	for i, f := range d.files {
		paths[i] = f.Path
	}
	d.profile = d.s.profiles.Named(d.origin.profile)
	if d.profile == nil {
		d.profile = d.s.profiles.Match(paths, d.origin.label)
	}
	id := d.profile.LabelDevice(d.origin.label)
	for _, rule := range d.profile.IDFiles() {
		for _, path := range paths {
			if id != "" || !rule.Match(path) {
				continue
			}
			id = rule.Find(d.beginning(path))
		}
	}
	d.identities = slices.DeleteFunc(d.identities, func(i device.Identity) bool { return i.Kind == device.ByProfile })
	if id != "" {
		d.identities = append(d.identities, device.Identity{Kind: device.ByProfile, Value: id})
	}
}

func (d *docking) beginning(path string) []byte {
	f, err := d.folder.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, idFileLimit))
	if err != nil {
		return nil
	}
	return b
}

// bayOf names the bay of a mount point on the board: as configured, else by the
// last element of the path, which is often a person's or a unit's and so never
// goes into an entry.
func (s *Station) bayOf(point string) (name string, configured bool) {
	for _, b := range s.conf().Bays {
		if b.Path == point {
			return b.Name, true
		}
	}
	return printable(filepath.Base(point)), false
}
