package configs

import (
	"fmt"
	"io/fs"
)

// maxText bounds a name in the configuration, in bytes.
const maxText = 200

func (c *Config) checkDevices(d *Document) error {
	ids, matches := map[string]bool{}, map[Match]string{}
	for i, dev := range c.Devices {
		at := fmt.Sprintf("devices.%d", i)
		if !deviceID.MatchString(dev.ID) {
			return d.Errorf(at+".id", "device id %q; use a neutral name such as c017: lower-case letters, digits, - _", dev.ID)
		}
		if ids[dev.ID] {
			return d.Errorf(at+".id", "a second device %q; an id names one device", dev.ID)
		}
		ids[dev.ID] = true
		if dev.Match == (Match{}) {
			return d.Errorf(at+".match", "device %s is known by nothing; give match a fs_uuid, a label or a serial", dev.ID)
		}
		if other, ok := matches[dev.Match]; ok {
			return d.Errorf(at+".match", "devices %s and %s match the same; give one of them a fs_uuid", other, dev.ID)
		}
		matches[dev.Match] = dev.ID
		if err := dev.check(d, at); err != nil {
			return err
		}
	}
	return nil
}

func (dev Device) check(d *Document, at string) error {
	for _, v := range []struct{ key, value string }{
		{"match.fs_uuid", dev.Match.FSUUID}, {"match.label", dev.Match.Label}, {"match.serial", dev.Match.Serial},
		{"unit", dev.Unit},
	} {
		if v.value != "" && (!plain(v.value) || len(v.value) > maxText) {
			return d.Errorf(at+"."+v.key, "%s %q; use at most %d bytes of printable text", v.key, v.value, maxText)
		}
	}
	if dev.Zone != "" && !validZone(dev.Zone) {
		return d.Errorf(at+".zone", "unknown zone %q; use a name like Asia/Shanghai, an offset like +08:00, or Local", dev.Zone)
	}
	if dev.Bay != "" && !shortName.MatchString(dev.Bay) {
		return d.Errorf(at+".bay", "bay %q; use lower-case letters, digits, . _ -, at most 32", dev.Bay)
	}
	if dev.Profile != "" {
		if _, err := fs.Stat(Devices(), dev.Profile+".yaml"); err != nil {
			return d.Errorf(at+".profile", "no device profile %q; see configs/devices for their names", dev.Profile)
		}
	}
	for j, p := range dev.Collectors {
		here := fmt.Sprintf("%s.collectors.%d", at, j)
		if p.Person == "" && p.Badge == "" {
			return d.Errorf(here, "collector %d of %s has no name; give person or badge", j+1, dev.ID)
		}
		for _, v := range []struct{ key, value string }{{"person", p.Person}, {"badge", p.Badge}, {"unit", p.Unit}} {
			if v.value != "" && (!plain(v.value) || len(v.value) > maxText) {
				return d.Errorf(here+"."+v.key, "%s %q; use at most %d bytes of printable text", v.key, v.value, maxText)
			}
		}
	}
	return nil
}
