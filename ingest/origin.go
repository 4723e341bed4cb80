package ingest

import (
	"io"
	"slices"

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

// originOf says what the folder itself tells: its source is a filesystem by its
// UUID, else nothing but a path. Whose it is, is settled afterwards.
func originOf(folder device.Tree, shown, bay string) (o origin, told []device.Identity) {
	o = origin{source: clip.Source{Kind: "folder", ID: shown}, shown: shown, bay: bay, fat: folder.Coarse()}
	told = folder.Identities()
	for _, id := range told {
		switch {
		case id.Kind == device.Label:
			o.label = id.Value
		case id.Kind == device.FSUUID && folder.MountRoot():
			o.source = clip.Source{Kind: "fs", ID: id.Value}
		}
	}
	return o, told
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

// identify picks the profile, looks for the id the device keeps in a file, and
// settles with it whose the camera is. A registration that is known by that id
// alone may name another profile, which is tried once.
func (d *docking) identify() {
	paths := make([]string, len(d.files))
	for i, f := range d.files {
		paths[i] = f.Path
	}
	d.readProfile(paths)
	if named := d.origin.profile; named != "" && d.profile.Name != named {
		d.readProfile(paths)
	}
}

func (d *docking) readProfile(paths []string) {
	profiles, usb := d.s.profiles.Load(), d.seat().usbID()
	d.profile = profiles.Named(d.origin.profile)
	if d.profile == nil {
		d.profile = profiles.Match(paths, d.origin.label, usb)
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
	d.identities = nil
	for _, told := range d.told {
		shared := told.Kind == device.USBSerial && (d.profile.SharedSerials() || slices.Contains(gadgets, usb))
		if identifies(told) && !shared {
			d.identities = append(d.identities, told)
		}
	}
	if id != "" {
		d.identities = append(d.identities, device.Identity{Kind: device.ByProfile, Value: id})
	}
	d.settleOwner()
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
