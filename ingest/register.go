package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// ErrRegistry is wrapped when a registration or the name of a bay cannot be
// taken as it was asked for.
var ErrRegistry = errors.New("not registered")

// RegisterRequest asks for a device to be registered: the camera that is docked
// in a bay or has a neutral id, or one that Match says all of.
type RegisterRequest struct {
	Camera     string           `json:"camera"`
	Match      Match            `json:"match"`
	ID         string           `json:"id"` // "" is the one it has in entries, or the next
	Profile    string           `json:"profile"`
	Unit       string           `json:"unit"`
	Zone       string           `json:"zone"`
	Collectors []clip.Collector `json:"collectors"`
	Actor      string           `json:"actor"`
}

// ForgetRequest asks for a registration to end.
type ForgetRequest struct {
	Device string `json:"device"`
	Actor  string `json:"actor"`
}

// Register enters a device. Its camera is that device from its next docking on,
// or at once where it is held.
func (s *Station) Register(ctx context.Context, r RegisterRequest) (DeviceView, error) {
	rec := registered{Match: r.Match, Profile: r.Profile, Unit: r.Unit, Zone: r.Zone, Collectors: r.Collectors}
	if err := s.checkRegistration(r); err != nil {
		return DeviceView{}, err
	}
	if r.Camera != "" {
		d, err := s.docked(r.Camera)
		if err != nil {
			return DeviceView{}, err
		}
		if r.Match == (Match{}) {
			rec.Match = d.match()
		}
		if r.ID == "" && !d.self.registered {
			r.ID = d.bay.status().Device
		}
	}
	if err := identifying(rec.Match); err != nil {
		return DeviceView{}, err
	}
	id := ""
	record, err := manifest.NewRecord(rec)
	if err != nil {
		return DeviceView{}, err
	}
	err = s.commit(ctx, func(tx *ledger.Tx) (err error) {
		if id, err = s.freeID(tx.Bolt(), r.ID, rec.Match); err != nil {
			return err
		}
		_, err = s.append(tx, manifest.Draft{Type: "device.registered", Actor: r.Actor, Record: record, Fields: manifest.Object{"device": id}})
		return err
	})
	if err != nil {
		return DeviceView{}, err
	}
	s.registryChanged(ctx)
	for _, k := range s.knownDevices() {
		if k.ID == id {
			return s.deviceView(k), nil
		}
	}
	return DeviceView{}, fmt.Errorf("register device %s: %w: the log does not show it", id, ErrRegistry)
}

// Forget enters that a device is registered no more.
func (s *Station) Forget(ctx context.Context, r ForgetRequest) error {
	if s.configured(r.Device) {
		return fmt.Errorf("forget device %s: %w by an entry: take it out of devices: in the configuration", r.Device, ErrRegistry)
	}
	err := s.commit(ctx, func(tx *ledger.Tx) error {
		if tx.Bolt().Bucket(deviceBucket).Get([]byte(r.Device)) == nil {
			return fmt.Errorf("forget device %q: %w: see custodock device list", r.Device, ErrRegistry)
		}
		_, err := s.append(tx, manifest.Draft{Type: "device.forgotten", Actor: r.Actor, Fields: manifest.Object{"device": r.Device}})
		return err
	})
	if err == nil {
		s.registryChanged(ctx)
	}
	return err
}

// registryChanged has held cameras looked at again, and the log published.
func (s *Station) registryChanged(ctx context.Context) {
	s.markDirty()
	s.seats.changed.wake()
	s.change.wake()
	if s.o.Daemon {
		return
	}
	if err := s.publishNow(ctx); err != nil {
		s.logger.Warn("publish", "stage", "publish", "err", err)
	}
}

func (s *Station) checkRegistration(r RegisterRequest) error {
	problems := []string{configs.ZoneProblem(r.Zone), configs.TextProblem("unit", r.Unit)}
	if r.ID != "" {
		problems = append(problems, configs.DeviceIDProblem(r.ID))
	}
	for _, c := range r.Collectors {
		if c.Person == "" && c.Badge == "" {
			problems = append(problems, "a collector has no name; give person or badge")
		}
		problems = append(problems, configs.TextProblem("person", c.Person), configs.TextProblem("badge", c.Badge), configs.TextProblem("unit", c.Unit))
	}
	for _, kind := range identityKinds {
		problems = append(problems, configs.TextProblem(kind, valueOf(configs.Match(r.Match), kind)))
	}
	if r.Profile != "" && s.profiles.Load().Named(r.Profile) == nil {
		problems = append(problems, fmt.Sprintf("no device profile %q; see custodock device probe", r.Profile))
	}
	if r.Camera == "" && r.Match == (Match{}) {
		problems = append(problems, "nothing says which camera; name the bay it is docked in, or give --fs-uuid, --serial or --profile-id")
	}
	for _, p := range problems {
		if p != "" {
			return fmt.Errorf("register device: %w: %s", ErrRegistry, p)
		}
	}
	return nil
}

// identifying refuses what every unit of a model says of itself.
func identifying(m Match) error {
	if m.Serial != "" && !identifies(device.Identity{Kind: device.USBSerial, Value: m.Serial}) {
		return fmt.Errorf("register device: %w: serial %q is a filler that whole product lines share: leave it out and give --fs-uuid or --profile-id", ErrRegistry, m.Serial)
	}
	if m.FSUUID == "" && m.Serial == "" && m.ProfileID == "" {
		if m.Label == "" {
			return fmt.Errorf("register device: %w: the camera says nothing of itself that tells it from others: give --fs-uuid, --serial or --profile-id", ErrRegistry)
		}
		return fmt.Errorf("register device: %w: label %q is no identity, any card can have it: give --fs-uuid, --serial or --profile-id beside it", ErrRegistry, m.Label)
	}
	return nil
}

// freeID makes sure that nobody else has the identities, and returns the id
// under which the device is registered: the one asked for, else the next.
func (s *Station) freeID(tx *bbolt.Tx, id string, m Match) (string, error) {
	if other, kind := owner(s.knownIn(tx), configs.Match(m)); other != "" {
		return "", fmt.Errorf("register device: %w: its %s is that of device %s: forget that one, or name what this one alone has with --fs-uuid, --serial or --profile-id",
			ErrRegistry, words([]string{kind}), other)
	}
	taken := s.taken(tx)
	if id != "" && taken(id) {
		return "", fmt.Errorf("register device %s: %w: that id is registered already: choose another, or forget it first", id, ErrRegistry)
	}
	for id == "" || taken(id) {
		n, err := tx.Bucket(sourceBucket).NextSequence()
		if err != nil {
			return "", err
		}
		id = fmt.Sprintf("c%03d", n)
	}
	return id, nil
}

// docked finds the camera that is in a bay or has a neutral id.
func (s *Station) docked(name string) (*resident, error) {
	s.seats.mu.Lock()
	defer s.seats.mu.Unlock()
	var found []*resident
	for r := range s.seats.all {
		st := r.bay.status()
		if r.ctx.Err() == nil && (st.Bay == name || st.Port == name || st.Device != "" && st.Device == name) {
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("find camera %q: %w: no camera is docked there: dock it, see custodock device list", name, ErrRegistry)
	case len(found) > 1 && !found[0].seat.same(found[1].seat):
		return nil, fmt.Errorf("find camera %q: %w: several are docked under that name: take the others out, or name the bay", name, ErrRegistry)
	case found[0].self.profile == "":
		return nil, fmt.Errorf("find camera %q: %w: it is still being looked at: try again in a moment", name, ErrRegistry)
	}
	slices.SortFunc(found, func(a, b *resident) int { return strings.Compare(a.seat.devID, b.seat.devID) })
	one := *found[0] // as it is now: the seats change
	return &one, nil
}

// match is by what a docked camera can be known again.
func (r *resident) match() Match {
	var m Match
	for _, id := range r.self.strong {
		if configs.TextProblem(id.Kind, id.Value) != "" {
			continue
		}
		switch id.Kind {
		case device.FSUUID:
			m.FSUUID = id.Value
		case device.USBSerial:
			m.Serial = id.Value
		case device.ByProfile:
			m.ProfileID = id.Value
		}
	}
	if r.self.label {
		m.Label = m.ProfileID
	}
	return m
}
