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
//	match     paths: globs each of which must match a file; label: the volume label. Either is enough;
//	          usb: vendor:product that its devices may show, which proves nothing by itself
//	roles     globs under main, still, proxy, sidecar, log and ignore
//	names     what the names of files say, see Pattern
//	ids       files that hold the device's id, see IDFile
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
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
)

// genericName is the profile of last resort.
const genericName = "generic"

// Profile is what is known of one kind of device.
type Profile struct {
	Name      string    `yaml:"name"`
	Vendor    string    `yaml:"vendor"`
	Rank      int       `yaml:"rank"`
	Match     Match     `yaml:"match"`
	Roles     Roles     `yaml:"roles"`
	Names     []Pattern `yaml:"names"`
	IDs       []IDFile  `yaml:"ids"`
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
	USB   []string `yaml:"usb"` // vendor:product; see Set.USB
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

// Set is all known profiles. The zero Set knows none.
type Set struct {
	profiles []*Profile // highest rank first, generic aside
	generic  *Profile
}

// Load reads every *.yaml in the root of fsys. Mistakes in a file are
// *configs.Error, with file, line and column.
func Load(fsys fs.FS) (Set, error) {
	files, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return Set{}, fmt.Errorf("list device profiles: %w", err)
	}
	var s Set
	for _, file := range files {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return Set{}, fmt.Errorf("read device profile: %w", err)
		}
		p, err := parse(file, data)
		if err != nil {
			return Set{}, err
		}
		if p.Name == genericName {
			s.generic = p
		} else {
			s.profiles = append(s.profiles, p)
		}
	}
	if s.generic == nil {
		return Set{}, fmt.Errorf("device profiles lack %s.yaml; add it, it has the roles every profile falls back on", genericName)
	}
	slices.SortFunc(s.profiles, func(a, b *Profile) int {
		if a.Rank != b.Rank {
			return b.Rank - a.Rank
		}
		return strings.Compare(a.Name, b.Name)
	})
	s.link()
	return s, nil
}

// link gives each profile the roles of the generic one and the patterns of
// others that cannot be mistaken, because files of many devices meet in a drop
// folder.
func (s *Set) link() {
	all := append(slices.Clone(s.profiles), s.generic)
	for _, p := range all {
		if p != s.generic {
			p.roles = append(p.roles, s.generic.roles[0])
		}
		for i := range p.Names {
			p.patterns = append(p.patterns, &p.Names[i])
		}
		for _, other := range s.profiles {
			for i := range other.Names {
				if other != p && other.Names[i].Distinct {
					p.patterns = append(p.patterns, &other.Names[i])
				}
			}
		}
	}
}

// Named returns the profile with that name, or nil.
func (s Set) Named(name string) *Profile {
	if name == genericName {
		return s.Match(nil, "")
	}
	for _, p := range s.profiles {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Match returns the profile of highest rank that fits a folder with these
// paths and this volume label ("" when it has none), else the generic one. It
// is never nil.
func (s Set) Match(paths []string, label string) *Profile {
	for _, p := range s.profiles {
		if p.fits(paths, label) {
			return p
		}
	}
	if s.generic == nil {
		return &Profile{Name: genericName}
	}
	return s.generic
}

func (p *Profile) fits(paths []string, label string) bool {
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
	if err := p.checkUSB(d); err != nil {
		return err
	}
	if p.paths, err = compileGlobs(d, "match.paths", p.Match.Paths); err != nil {
		return err
	}
	if p.protected, err = compileGlobs(d, "protected", p.Protected); err != nil {
		return err
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
		p.Names[i].factory = p.factory
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
