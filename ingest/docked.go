package ingest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
)

// Registry is every registered device and every camera that is docked now.
type Registry struct {
	Devices []DeviceView `json:"devices"`
	Docked  []DockedView `json:"docked"`
}

// DeviceView is a registered device.
type DeviceView struct {
	ID         string           `json:"id"`
	From       string           `json:"from"` // config or log
	Match      Match            `json:"match"`
	Profile    string           `json:"profile"`
	Unit       string           `json:"unit"`
	Zone       string           `json:"zone"`
	Bay        string           `json:"bay"` // that the configuration gives it
	Collectors []clip.Collector `json:"collectors"`
	Docked     string           `json:"docked"` // the bay it is in now, "" when it is in none
}

// DockedView is a camera in a bay. Certain says that two sources agree that it
// is the registered device.
type DockedView struct {
	Bay        string     `json:"bay"`
	Path       string     `json:"path"`
	Port       string     `json:"port"`
	USB        string     `json:"usb"` // vendor:product
	Device     string     `json:"device"`
	Registered bool       `json:"registered"`
	Certain    bool       `json:"certain"`
	State      string     `json:"state"`
	Profile    string     `json:"profile"`
	Doubt      string     `json:"doubt"` // why it is nobody's although something agrees
	Identities []Evidence `json:"identities"`
}

// Evidence is one thing a docked camera says of itself.
type Evidence struct {
	Kind       string `json:"kind"`
	Value      string `json:"value"`
	Identifies bool   `json:"identifies"` // it tells the camera from others
	Agrees     bool   `json:"agrees"`     // the registration says the same
}

// Devices tells of registered devices and docked cameras.
func (s *Station) Devices(context.Context) (Registry, error) {
	r := Registry{Devices: []DeviceView{}, Docked: []DockedView{}}
	for _, k := range s.knownDevices() {
		r.Devices = append(r.Devices, s.deviceView(k))
	}
	s.seats.mu.Lock()
	defer s.seats.mu.Unlock()
	for one := range s.seats.all {
		r.Docked = append(r.Docked, one.view())
	}
	slices.SortFunc(r.Docked, func(a, b DockedView) int {
		return cmp.Or(strings.Compare(a.Bay, b.Bay), strings.Compare(a.Path, b.Path))
	})
	return r, nil
}

func (s *Station) deviceView(k enrolled) DeviceView {
	v := DeviceView{
		ID: k.ID, From: k.from, Match: Match(k.Match), Profile: k.Profile, Unit: k.Unit, Zone: k.Zone, Bay: k.Bay, Collectors: []clip.Collector{},
	}
	for _, c := range k.Collectors {
		v.Collectors = append(v.Collectors, clip.Collector(c))
	}
	s.seats.mu.Lock()
	defer s.seats.mu.Unlock()
	for r := range s.seats.all {
		if r.self.registered && r.self.device == k.ID && r.ctx.Err() == nil {
			v.Docked = r.bayName()
		}
	}
	return v
}

// view is what is shown of a docked camera; the seats are locked.
func (r *resident) view() DockedView {
	st := r.bay.status()
	v := DockedView{
		Bay: st.Bay, Path: st.Path, Port: st.Port, USB: r.seat.usbID(), Device: cmp.Or(st.Device, r.self.device), State: st.State,
		Registered: r.self.registered, Certain: r.self.certain, Profile: r.self.profile, Identities: []Evidence{},
	}
	if r.doubt != nil {
		v.Doubt = r.doubt.Error()
	}
	all := slices.Clone(r.self.told)
	for _, id := range r.self.strong {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	for _, id := range all {
		v.Identities = append(v.Identities, Evidence{
			Kind: id.Kind, Value: printable(id.Value), Identifies: slices.Contains(r.self.strong, id),
			Agrees: r.self.registered && valueOf(r.self.match, id.Kind) == id.Value,
		})
	}
	return v
}
