package profile

import (
	"fmt"
	"regexp"

	"github.com/custodock/custodock/configs"
)

// usbID is how a profile writes vendor and product.
var usbID = regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{4}$`)

// checkUSB refuses vendor and product in any other form, since nothing would
// ever match it.
func (p *Profile) checkUSB(d *configs.Document) error {
	for i, id := range p.Match.USB {
		if !usbID.MatchString(id) {
			return d.Errorf(fmt.Sprintf("match.usb.%d", i), "usb %q; write vendor and product in lower-case hex digits: 2672:0042", id)
		}
	}
	return nil
}

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
