package configs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxText bounds a name in the configuration, in bytes.
const maxText = 200

func (c *Config) checkDevices(d *Document) error {
	ids, matches := map[string]bool{}, map[Match]string{}
	for i, dev := range c.Devices {
		at := fmt.Sprintf("devices.%d", i)
		if problem := DeviceIDProblem(dev.ID); problem != "" {
			return d.Errorf(at+".id", "%s", problem)
		}
		if ids[dev.ID] {
			return d.Errorf(at+".id", "a second device %q; an id names one device", dev.ID)
		}
		ids[dev.ID] = true
		if dev.Match == (Match{}) {
			return d.Errorf(at+".match", "device %s is known by nothing; give match a fs_uuid, a label, a serial or a profile_id", dev.ID)
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

// checkProfiles looks for the profiles that devices name, among those that ship
// and in the admin's own folder. What stands in that folder's files is checked
// by who reads them.
func (c *Config) checkProfiles(d *Document) error {
	if c.Profiles != "" {
		if fi, err := os.Stat(c.Profiles); err != nil || !fi.IsDir() {
			return d.Errorf("profiles", "no folder %q; make it, or take the key out", c.Profiles)
		}
	}
	for i, dev := range c.Devices {
		if dev.Profile != "" && !c.HasProfile(dev.Profile) {
			return d.Errorf(fmt.Sprintf("devices.%d.profile", i), "no device profile %q; see configs/devices for their names, and your folder under profiles", dev.Profile)
		}
	}
	return nil
}

// HasProfile reports whether there is a device profile of that name.
func (c *Config) HasProfile(name string) bool {
	if !plain(name) || strings.ContainsAny(name, "/") {
		return false
	}
	if _, err := fs.Stat(Devices(), name+".yaml"); err == nil {
		return true
	}
	if c.Profiles == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(c.Profiles, name+".yaml"))
	return err == nil
}

// DeviceIDProblem says what is wrong with the id of a device, "" when nothing is.
func DeviceIDProblem(id string) string {
	if deviceID.MatchString(id) {
		return ""
	}
	return fmt.Sprintf("device id %q; use a neutral name such as c017: lower-case letters, digits, - _", id)
}

// BayNameProblem says what is wrong with the name of a bay, "" when nothing is.
func BayNameProblem(name string) string {
	if shortName.MatchString(name) {
		return ""
	}
	return fmt.Sprintf("bay name %q; use lower-case letters, digits, . _ -, at most 32", name)
}

// TextProblem says what is wrong with a name of a person, a unit or a thing, ""
// when nothing is.
func TextProblem(key, value string) string {
	if value == "" || plain(value) && len(value) <= maxText {
		return ""
	}
	return fmt.Sprintf("%s %q; use at most %d bytes of printable text", key, value, maxText)
}

// ZoneProblem says what is wrong with a zone, "" when nothing is.
func ZoneProblem(zone string) string {
	if zone == "" || validZone(zone) {
		return ""
	}
	return fmt.Sprintf("unknown zone %q; use a name like Asia/Shanghai, an offset like +08:00, or Local", zone)
}

func (dev Device) check(d *Document, at string) error {
	for _, v := range []struct{ key, value string }{
		{"match.fs_uuid", dev.Match.FSUUID}, {"match.label", dev.Match.Label}, {"match.serial", dev.Match.Serial},
		{"match.profile_id", dev.Match.ProfileID},
		{"unit", dev.Unit},
	} {
		if problem := TextProblem(v.key, v.value); problem != "" {
			return d.Errorf(at+"."+v.key, "%s", problem)
		}
	}
	if problem := ZoneProblem(dev.Zone); problem != "" {
		return d.Errorf(at+".zone", "%s", problem)
	}
	if dev.Bay != "" && !shortName.MatchString(dev.Bay) {
		return d.Errorf(at+".bay", "bay %q; use lower-case letters, digits, . _ -, at most 32", dev.Bay)
	}
	for j, p := range dev.Collectors {
		here := fmt.Sprintf("%s.collectors.%d", at, j)
		if p.Person == "" && p.Badge == "" {
			return d.Errorf(here, "collector %d of %s has no name; give person or badge", j+1, dev.ID)
		}
		for _, v := range []struct{ key, value string }{{"person", p.Person}, {"badge", p.Badge}, {"unit", p.Unit}} {
			if problem := TextProblem(v.key, v.value); problem != "" {
				return d.Errorf(here+"."+v.key, "%s", problem)
			}
		}
	}
	return nil
}
