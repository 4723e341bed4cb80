package profile

import "fmt"

// USB returns the names of the profiles whose devices may show this vendor and
// product, the highest rank first. Many devices share theirs, so a match names
// a candidate and proves nothing.
func (s Set) USB(vendor, product uint16) []string {
	id := fmt.Sprintf("%04x:%04x", vendor, product)
	var names []string
	for _, p := range s.profiles {
		for _, own := range p.Match.USB {
			if own == id {
				names = append(names, p.Name)
			}
		}
	}
	return names
}
