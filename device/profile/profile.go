// Package profile holds what is known of devices by their files alone: which
// device a folder comes from, what each file is to a recording, and what its
// name says. The facts are YAML files in configs/devices; this package reads
// them strictly and applies them.
//
// A profile has these keys:
//
//	name      the profile's name, which is its file's name without .yaml
//	vendor    who makes the device
//	rank      of two profiles that fit a folder, the higher rank wins
//	match     paths: globs each of which must match a file; label: the volume label; usb: ids such as
//	          "2672:0042". Any of the three is enough to choose a profile, and none says which camera it is
//	serials   "shared" where every unit of the model has the same USB serial, which then identifies nothing
//	roles     globs under main, still, proxy, sidecar, log and ignore
//	names     what the names of files say, see Pattern
//	ids       files that hold the device's id, see IDFile
//	logs      logs that the device keeps of its own recordings, see LogFile
//	label_id  regular expression of a volume label that is the device's id
//	factory   regular expression of a number that means "never set"; zeros when not given
//	protected globs of files the camera was told to keep
//
// Globs know *, ?, [a-z] and **, and are compared without case. One without a
// slash is held against the last element of a path, one with a slash against
// the whole path. Paths are raw bytes and may be any bytes at all.
package profile

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
)

// usbID is the form of a USB id.
var usbID = regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{4}$`)

// genericName is the profile of last resort.
const genericName = "generic"

// Profile is what is known of one kind of device.
type Profile struct {
	Name      string    `yaml:"name"`
	Vendor    string    `yaml:"vendor"`
	Rank      int       `yaml:"rank"`
	Match     Match     `yaml:"match"`
	Serials   string    `yaml:"serials"`
	Roles     Roles     `yaml:"roles"`
	Names     []Pattern `yaml:"names"`
	IDs       []IDFile  `yaml:"ids"`
	Logs      []LogFile `yaml:"logs"`
	LabelID   string    `yaml:"label_id"`
	Factory   string    `yaml:"factory"`
	Protected []string  `yaml:"protected"`

	paths     []glob
	label     *regexp.Regexp
	labelID   *regexp.Regexp
	factory   *regexp.Regexp
	protected []glob
	roles     []roleTable // own, then generic
	patterns  []*Pattern  // own, then the distinct ones of other profiles
}

// Match says which folders a profile fits.
type Match struct {
	Paths []string `yaml:"paths"`
	Label string   `yaml:"label"`
	USB   []string `yaml:"usb"` // vendor:product in four hexadecimal digits each
}

// Roles are globs for each role.
type Roles struct {
	Ignore  []string `yaml:"ignore"`
	Proxy   []string `yaml:"proxy"`
	Sidecar []string `yaml:"sidecar"`
	Log     []string `yaml:"log"`
	Still   []string `yaml:"still"`
	Main    []string `yaml:"main"`
}

// ignored is the role of files that no camera wrote.
const ignored clip.Role = "ignore"

// rule is the globs of one role.
type rule struct {
	role  clip.Role
	globs []string
}

// rules lists the roles in the order in which they are tried.
func (r Roles) rules() []rule {
	return []rule{
		{ignored, r.Ignore}, {clip.Proxy, r.Proxy}, {clip.Sidecar, r.Sidecar},
		{clip.Log, r.Log}, {clip.Still, r.Still}, {clip.Main, r.Main},
	}
}

// Generic reports whether p is the profile of what no other one knows.
func (p *Profile) Generic() bool { return p.Name == genericName }

// SharedSerials reports whether the USB serial of such a device is that of every
// unit of its model.
func (p *Profile) SharedSerials() bool { return p.Serials == sharedSerials }

// sharedSerials is the only thing a profile may say of serials.
const sharedSerials = "shared"

func (p *Profile) fits(paths []string, label, usb string) bool {
	if usb != "" && slices.Contains(p.Match.USB, usb) {
		return true
	}
	if p.label != nil && p.label.MatchString(label) {
		return true
	}
	for _, g := range p.paths {
		if !slices.ContainsFunc(paths, g.match) {
			return false
		}
	}
	return len(p.paths) > 0
}

func parse(file string, data []byte) (*Profile, error) {
	p := &Profile{}
	d, err := configs.Decode(file, data, p)
	if err != nil {
		return nil, err
	}
	if want := strings.TrimSuffix(path.Base(file), ".yaml"); p.Name != want {
		return nil, d.Errorf("name", "name %q; a profile is named after its file: %q", p.Name, want)
	}
	if err := p.compile(d); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Profile) compile(d *configs.Document) (err error) {
	if p.paths, err = compileGlobs(d, "match.paths", p.Match.Paths); err != nil {
		return err
	}
	if p.protected, err = compileGlobs(d, "protected", p.Protected); err != nil {
		return err
	}
	for i, id := range p.Match.USB {
		if !usbID.MatchString(id) {
			return d.Errorf(fmt.Sprintf("match.usb.%d", i), "usb id %q; write vendor and product in four lower-case hexadecimal digits each, such as \"2672:0042\"", id)
		}
	}
	if p.Serials != "" && p.Serials != sharedSerials {
		return d.Errorf("serials", "serials %q; write %s, or leave the key out", p.Serials, sharedSerials)
	}
	if p.Factory == "" {
		p.Factory = "0+"
	}
	for _, r := range []struct {
		key, text string
		into      **regexp.Regexp
	}{{"match.label", p.Match.Label, &p.label}, {"label_id", p.LabelID, &p.labelID}, {"factory", p.Factory, &p.factory}} {
		if r.text == "" {
			continue
		}
		if *r.into, err = compileWhole(r.text); err != nil {
			return d.Errorf(r.key, "%v", err)
		}
	}
	table, err := compileRoles(d, p.Roles)
	if err != nil {
		return err
	}
	p.roles = []roleTable{table}
	for i := range p.Names {
		p.Names[i].factory, p.Names[i].format = p.factory, p.Name
		if err := p.Names[i].compile(d, fmt.Sprintf("names.%d", i)); err != nil {
			return err
		}
	}
	for i := range p.IDs {
		p.IDs[i].factory = p.factory
		if err := p.IDs[i].compile(d, fmt.Sprintf("ids.%d", i)); err != nil {
			return err
		}
	}
	for i := range p.Logs {
		if err := p.Logs[i].compile(d, fmt.Sprintf("logs.%d", i)); err != nil {
			return err
		}
	}
	return nil
}

// compileWhole compiles an expression that must match all of a text, without
// regard to case or to what . means at a newline.
func compileWhole(expr string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(expr); err != nil {
		return nil, fmt.Errorf("%w; see the syntax of Go regular expressions", err)
	}
	return regexp.Compile(`(?is)\A(?:` + expr + `)\z`)
}
