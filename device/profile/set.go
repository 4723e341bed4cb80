package profile

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Set is all known profiles. The zero Set knows none.
type Set struct {
	profiles []*Profile // highest rank first, generic aside
	generic  *Profile
}

// Load reads every *.yaml in the root of fsys and then in the folder dir, "" for
// none. A profile of the folder takes the place of one with its name. Mistakes
// in a file are *configs.Error, with file, line and column.
func Load(fsys fs.FS, dir string) (Set, error) {
	found := map[string]*Profile{}
	if err := read(fsys, "", found); err != nil {
		return Set{}, err
	}
	if dir != "" {
		if _, err := os.ReadDir(dir); err != nil {
			return Set{}, fmt.Errorf("read device profiles: %w: make the folder, or take profiles: out of the configuration", err)
		}
		if err := read(os.DirFS(dir), dir, found); err != nil {
			return Set{}, err
		}
	}
	s := Set{generic: found[genericName]}
	for name, p := range found {
		if name != genericName {
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

// read parses the profiles in the root of fsys, which is at dir, into found.
func read(fsys fs.FS, dir string, found map[string]*Profile) error {
	files, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return fmt.Errorf("list device profiles: %w", err)
	}
	for _, file := range files {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return fmt.Errorf("read device profile: %w", err)
		}
		p, err := parse(path.Join(dir, file), data)
		if err != nil {
			return err
		}
		found[p.Name] = p
	}
	return nil
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
		return s.Match(nil, "", "")
	}
	for _, p := range s.profiles {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Match returns the profile of highest rank that fits a folder with these
// paths, this volume label and this USB id ("" when it has none), else the
// generic one. It is never nil.
func (s Set) Match(paths []string, label, usb string) *Profile {
	for _, p := range s.profiles {
		if p.fits(paths, label, usb) {
			return p
		}
	}
	if s.generic == nil {
		return &Profile{Name: genericName}
	}
	return s.generic
}
