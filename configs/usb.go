package configs

import (
	"fmt"
	"regexp"
)

// How far the guard of USB ports reaches.
const (
	GuardOff  = "off"  // every device is let in, as without a dock
	GuardBays = "bays" // on the ports that are bays only cameras are let in
	GuardAll  = "all"  // on every port, the keyboard's too
)

// USB says what is let in on USB.
type USB struct {
	Guard  string   `yaml:"guard"`  // GuardOff, GuardBays or GuardAll
	Vendor []string `yaml:"vendor"` // models whose vendor-specific functions may be opened: 0603:8611
}

var usbID = regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{4}$`)

func (c *Config) checkUSB(d *Document) error {
	switch c.USB.Guard {
	case GuardOff, GuardBays, GuardAll:
	default:
		return d.Errorf("usb.guard", "guard %q; use %s, %s or %s", c.USB.Guard, GuardOff, GuardBays, GuardAll)
	}
	for i, id := range c.USB.Vendor {
		if !usbID.MatchString(id) {
			return d.Errorf(fmt.Sprintf("usb.vendor.%d", i), "model %q; write vendor:product in small hexadecimal digits, such as 0603:8611", id)
		}
	}
	return nil
}
