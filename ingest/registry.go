package ingest

import (
	"encoding/json"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/manifest"
)

// Where a registration or a bay's name comes from.
const (
	fromConfig = "config"
	fromLog    = "log"
)

// The buckets of what entries say of devices and bays: a registration under the
// id of its device, a port under the name of its bay.
var (
	deviceBucket = []byte("device")
	bayBucket    = []byte("bay")
)

// Match is by what a registered device is known.
type Match struct {
	FSUUID    string `json:"fs_uuid,omitempty"`
	Label     string `json:"label,omitempty"`
	Serial    string `json:"serial,omitempty"`
	ProfileID string `json:"profile_id,omitempty"`
}

// registered is the record of a device.registered entry, and what the state
// keeps of it.
type registered struct {
	Match      Match            `json:"match"`
	Profile    string           `json:"profile,omitempty"`
	Unit       string           `json:"unit,omitempty"`
	Zone       string           `json:"zone,omitempty"`
	Collectors []clip.Collector `json:"collectors,omitempty"`
}

// bound is the record of a bay.bound entry.
type bound struct {
	Port string `json:"port"`
}

func (c catalog) applyRegistered(e manifest.Entry, record []byte) error {
	id := []byte(e.Fields.Str("device"))
	if record == nil {
		return c.tx.Bucket(deviceBucket).Delete(id) // erased: nobody knows it any more
	}
	var rec registered
	if err := json.Unmarshal(record, &rec); err != nil {
		return fmt.Errorf("read record of entry %d: %w", e.N, err)
	}
	if err := c.passed(string(id)); err != nil {
		return err
	}
	return c.put(deviceBucket, id, rec)
}

func (c catalog) applyForgotten(e manifest.Entry) error {
	return c.tx.Bucket(deviceBucket).Delete([]byte(e.Fields.Str("device")))
}

// applyBound gives a bay its port. A port is one bay: who had it has none now.
func (c catalog) applyBound(e manifest.Entry, record []byte) error {
	name, b := e.Fields.Str("bay"), c.tx.Bucket(bayBucket)
	var rec bound
	if record != nil {
		if err := json.Unmarshal(record, &rec); err != nil {
			return fmt.Errorf("read record of entry %d: %w", e.N, err)
		}
	}
	var had [][]byte
	err := b.ForEach(func(k, v []byte) error {
		if string(v) == rec.Port || string(k) == name {
			had = append(had, slices.Clone(k))
		}
		return nil
	})
	for _, k := range had {
		if err == nil {
			err = b.Delete(k)
		}
	}
	if err != nil || rec.Port == "" {
		return err
	}
	return b.Put([]byte(name), []byte(rec.Port))
}

// enrolled is a registered device and where it is registered.
type enrolled struct {
	configs.Device
	from string
}

// knownDevices are all registered devices: those of the configuration, then
// those of the log that have an id of their own.
func (s *Station) knownDevices() []enrolled {
	var out []enrolled
	_ = s.db.View(func(tx *bbolt.Tx) error {
		out = s.knownIn(tx)
		return nil
	})
	return out
}

func (s *Station) knownIn(tx *bbolt.Tx) []enrolled {
	var out []enrolled
	for _, d := range s.conf().Devices {
		out = append(out, enrolled{d, fromConfig})
	}
	_ = tx.Bucket(deviceBucket).ForEach(func(k, v []byte) error {
		var rec registered
		if decode(v, &rec) != nil || s.configured(string(k)) {
			return nil
		}
		d := configs.Device{ID: string(k), Match: configs.Match(rec.Match), Profile: rec.Profile, Unit: rec.Unit, Zone: rec.Zone}
		for _, c := range rec.Collectors {
			d.Collectors = append(d.Collectors, configs.Collector(c))
		}
		out = append(out, enrolled{d, fromLog})
		return nil
	})
	return out
}

// taken reports whether a registered device has that id, in the configuration or
// in the log.
func (s *Station) taken(tx *bbolt.Tx) func(id string) bool {
	return func(id string) bool { return s.configured(id) || tx.Bucket(deviceBucket).Get([]byte(id)) != nil }
}

// owner finds a registered device that has one of the identities in m, and says
// which.
func owner(devices []enrolled, m configs.Match) (id, kind string) {
	for _, k := range devices {
		for _, kind := range identityKinds {
			v := valueOf(m, kind)
			shared := kind == device.Label && m.Label != m.ProfileID
			if v != "" && !shared && valueOf(k.Match, kind) == v {
				return k.ID, kind
			}
		}
	}
	return "", ""
}
