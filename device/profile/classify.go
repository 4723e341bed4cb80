package profile

import (
	"slices"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/tag"
)

// Facts is what a path says of a file. Every text in it is printable.
type Facts struct {
	tag.Name
	Role      clip.Role // never empty, unless Ignore
	Guessed   bool      // no rule knows the name: a sidecar, unless its contents are a recording
	Ignore    bool      // written by a computer, not by the device
	Protected bool      // the camera was told to keep it
}

// Classify says what a file is from its path on the device, slash-separated
// raw bytes. It never panics and never fails: what it does not know is zero.
func (p *Profile) Classify(path string) Facts {
	f := Facts{Role: clip.Sidecar, Guessed: true}
	for _, t := range p.roles {
		if role, ok := t.find(path); ok {
			f.Role, f.Guessed = role, false
			break
		}
	}
	if f.Role == ignored {
		return Facts{Ignore: true}
	}
	for _, n := range p.patterns {
		if n.read(path, &f) {
			break
		}
	}
	f.Protected = slices.ContainsFunc(p.protected, func(g glob) bool { return g.match(path) })
	return f
}
