package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device/usb"
)

// Guard is what the configuration lets in on USB. Who may write to sysfs runs
// it; who may not knows from it what is refused.
func Guard(cfg configs.Config) *usb.Guard {
	g := &usb.Guard{Mode: usb.Mode(cfg.USB.Guard)}
	for _, b := range cfg.Bays {
		if usb.IsPort(b.Path) {
			g.Ports = append(g.Ports, b.Path)
		}
	}
	for _, model := range cfg.USB.Vendor {
		if id, err := usb.ParseID(model); err == nil { // checked when the configuration was read
			g.Rule.Vendor = append(g.Rule.Vendor, id)
		}
	}
	return g
}

// tellRefused raises an alarm for each guarded port with a device that is not
// let in whole, and ends those of devices that were pulled out.
func (p *usbPorts) tellRefused(devices []usb.Device) {
	g := Guard(*p.s.conf())
	refused := map[string]bool{}
	for _, dev := range devices {
		if dev.Hub || !g.Guards(dev.Path) {
			continue
		}
		var reasons []string
		for _, v := range usb.Judge(dev, g.Rule) {
			if !v.Allowed && !slices.Contains(reasons, v.Reason) {
				reasons = append(reasons, v.Reason)
			}
		}
		if len(reasons) == 0 {
			continue
		}
		name, _ := p.s.bayOf(p.at(dev).seat)
		refused[name] = true
		p.s.alarms.raise("usb_refused", fmt.Errorf("bay %s: device %s is not let in as %s", name, dev.Model(), strings.Join(reasons, ", ")), p.s.now(), name)
	}
	for name := range p.refused {
		if !refused[name] {
			p.s.alarms.clear("usb_refused", name)
		}
	}
	p.refused = refused
	p.s.change.wake()
}
