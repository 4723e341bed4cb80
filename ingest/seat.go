package ingest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/usb"
)

// Port is where on USB a camera hangs, and what it says of its model.
type Port struct {
	Path            string // of the port, such as "1-1.4"
	Peer            string // the same socket on the bus of another speed, "" where there is none
	Vendor, Product uint16
}

// portOf asks sysfs for the port of a block device.
func portOf(devID string) (Port, bool) {
	path, dev, ok := usb.Sysfs{}.PortOf(devID)
	return Port{Path: path, Peer: dev.Peer, Vendor: dev.Vendor, Product: dev.Product}, ok
}

// is reports whether path names the socket of p, by the bus of either speed: a
// bay is a bay whatever is put into it.
func (p Port) is(path string) bool {
	return p.Path != "" && (p.Path == path || p.Peer == path)
}

// seat is where a camera sits: a mount point, a USB port, or both.
type seat struct {
	point string // where its files are mounted
	devID string // of its block device, "major:minor"
	port  Port   // no Path when it is not on USB
}

func (at seat) usbID() string {
	if at.port.Path == "" {
		return ""
	}
	return fmt.Sprintf("%04x:%04x", at.port.Vendor, at.port.Product)
}

// same reports whether two seats are of one piece of hardware: two views of a
// file system, or two volumes of a camera.
func (at seat) same(other seat) bool {
	return at.devID != "" && at.devID == other.devID || at.port.Path != "" && at.port.Path == other.port.Path
}

// seatOf looks up the port of what is mounted.
func (s *Station) seatOf(point, devID string) seat {
	at := seat{point: point, devID: devID}
	if port, ok := s.o.PortOf(devID); ok {
		at.port = port
	}
	return at
}

// unplugged reports whether a camera that came over USB is on no port any more,
// although its mount may still be there.
func (s *Station) unplugged(at seat) bool {
	if at.port.Path == "" || at.devID == "" {
		return false
	}
	port, ok := s.o.PortOf(at.devID)
	return !ok || port != at.port
}

// bayOf names the bay of a seat: as configured by mount point or port, else as
// bound by an entry, else by the last element of the path, which is often a
// person's or a unit's and so never goes into an entry.
func (s *Station) bayOf(at seat) (name string, public bool) {
	bays := s.conf().Bays
	for _, here := range []func(path string) bool{func(path string) bool { return path == at.point }, at.port.is} {
		if i := slices.IndexFunc(bays, func(b configs.Bay) bool { return here(b.Path) }); i >= 0 {
			return bays[i].Name, true
		}
	}
	bound := s.boundBays()
	for _, path := range []string{at.port.Path, at.port.Peer} {
		for name, port := range bound {
			if path != "" && port == path {
				return name, true
			}
		}
	}
	if at.point == "" {
		return at.port.Path, false
	}
	return printable(filepath.Base(at.point)), false
}

// boundBays are the ports of the bays that entries name, without those that the
// configuration names too.
func (s *Station) boundBays() map[string]string {
	out := map[string]string{}
	_ = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bayBucket).ForEach(func(k, v []byte) error {
			if !s.configuredBay(string(k)) {
				out[string(k)] = string(v)
			}
			return nil
		})
	})
	return out
}

func (s *Station) configuredBay(name string) bool {
	return slices.ContainsFunc(s.conf().Bays, func(b configs.Bay) bool { return b.Name == name })
}

// resident is a camera in its bay, from when it comes until it is taken out.
type resident struct {
	ctx  context.Context // ends when it is taken out
	bay  *bay
	seat seat

	// Guarded by the mutex of the seats.
	admitted bool // it may be read
	reading  bool // its journey is under way
	doubt    error
	self     stay
}

// stay is what the dock found out about a camera that is docked.
type stay struct {
	device     string // its id in entries, "" before it has one
	registered bool
	certain    bool          // beyond doubt
	match      configs.Match // by which it is registered
	told       []device.Identity
	strong     []device.Identity
	profile    string
	label      bool // is its id
}

// seats are the cameras that are docked.
type seats struct {
	mu      sync.Mutex
	all     map[*resident]bool
	changed broadcast // somebody came or went, or is known by another name
}

func (s *Station) sit(ctx context.Context, b *bay, at seat) *resident {
	r := &resident{ctx: ctx, bay: b, seat: at}
	s.seats.mu.Lock()
	s.seats.all[r] = true
	s.seats.mu.Unlock()
	return r
}

// rise ends what is said of a camera that was taken out.
func (s *Station) rise(r *resident) {
	s.seats.mu.Lock()
	delete(s.seats.all, r)
	s.seats.mu.Unlock()
	for _, al := range s.alarms.list() {
		if al.Code == "device_differs" && al.Args[0] == r.bayName() {
			s.alarms.clear(al.Code, al.Args...)
		}
	}
	s.seats.changed.wake()
	s.change.wake()
}

func (r *resident) bayName() string { return r.bay.status().Bay }

// journeying notes whether a journey reads the camera.
func (s *Station) journeying(r *resident, on bool) {
	s.seats.mu.Lock()
	r.reading = on
	s.seats.mu.Unlock()
	s.seats.changed.wake()
}

// in says that a docking is that of a camera in a bay.
func (d *docking) in(r *resident) *docking {
	d.self = r
	if port := r.seat.port; port.Path != "" {
		serial := ""
		if i := slices.IndexFunc(d.told, func(id device.Identity) bool { return id.Kind == device.USBSerial }); i >= 0 {
			serial = d.told[i].Value
		}
		d.usb = factsOf(port.Path, port.Vendor, port.Product, serial)
	}
	return d
}

// seat is where the camera of a docking sits; nowhere for a folder.
func (d *docking) seat() seat {
	if d.self == nil {
		return seat{}
	}
	return d.self.seat
}
