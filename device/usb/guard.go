package usb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/custodock/custodock/device"
)

// Mode says how far a Guard reaches.
type Mode string

// The modes.
const (
	Off  Mode = "off"  // nothing is written
	Bays Mode = "bays" // devices on bay ports are judged; on other ports everything is let in
	All  Mode = "all"  // every device on every port is judged, the keyboard too
)

// Guard authorises what Judge allows, interface by interface, by writing to
// sysfs. That needs root and a /sys that may be written (in a systemd unit
// ProtectKernelTunables=no). It is alone in this: where another program decides
// about USB devices, such as USBGuard, the mode must be Off.
//
// A bay's port stands for its socket: the peer port on the other bus, and
// whatever is plugged in behind a hub in the bay, are judged like it.
type Guard struct {
	Sysfs Sysfs
	Mode  Mode
	Ports []string // of the bays, in mode Bays: "1-1.4"; see Change
	Rule  Rule     // see Change
	Kept  string   // file that remembers the kernel's defaults across a crash, such as one in /run; "" for none

	write func(path, value string) error                 // nil writes to sysfs
	watch func(context.Context, func(Event) error) error // nil is Watch

	mu     sync.Mutex        // for what follows, Ports and Rule
	before map[string]string // what a default was before this guard; by path below the devices folder
	wrong  map[string]int    // interfaces that a wrong driver took, by name, with the number of their device
	sweep  func() error      // judges everything anew; set while Run is under way
}

// policy returns what Change may replace. The slices in it are never written to.
func (g *Guard) policy() (ports []string, rule Rule) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Ports, g.Rule
}

func checkPorts(ports []string) error {
	for _, p := range ports {
		if !IsPort(p) {
			return fmt.Errorf("guard USB port %q: want the form 1-1.4", p)
		}
	}
	return nil
}

// errUnconfigured is what the kernel itself says in its log only.
var errUnconfigured = errors.New("the kernel set no configuration: broken, or too little power on the port")

// The two defaults of a root hub, in the order in which they are set: a device
// that comes between the two writes waits for its judgement as a whole.
var defaults = []string{"authorized_default", "interface_authorized_default"}

// Start has new devices on the buses of guarded ports come unauthorised. A
// device that is there already is not touched: that is Apply's. In mode Off it
// puts back what a guard that crashed has left.
func (g *Guard) Start() error {
	if g.Mode == Off { // perhaps since a crash
		if err := g.remember(nil); err != nil {
			return err
		}
		return g.Restore()
	}
	ports, _ := g.policy()
	if err := checkPorts(ports); err != nil {
		return err
	}
	roots, err := g.roots()
	if err != nil {
		return err
	}
	if err := g.remember(roots); err != nil {
		return err
	}
	for _, root := range roots {
		for _, name := range defaults {
			if err := g.set(filepath.Join(root, name), "0"); err != nil && !gone(err) {
				return fmt.Errorf("guard USB bus %s: %w: %s", root, err, advice(err))
			}
		}
	}
	return nil
}

// roots lists the root hubs with guarded ports. In mode Bays these are the
// buses of the bays' ports and those that their sockets share.
func (g *Guard) roots() ([]string, error) {
	entries, err := os.ReadDir(g.Sysfs.path("bus/usb/devices"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list USB buses: %w", err)
	}
	var out []string
	for _, e := range entries {
		if IsRoot(e.Name()) && (g.Mode == All || g.carries(e.Name())) {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// carries reports whether a bay's port, or the peer of the root port it hangs
// on, is on the bus of root.
func (g *Guard) carries(root string) bool {
	ports, _ := g.policy()
	return slices.ContainsFunc(ports, func(port string) bool {
		for !IsRoot(Parent(port)) {
			port = Parent(port)
		}
		peer := g.Sysfs.Peer(port)
		return Parent(port) == root || peer != "" && Parent(peer) == root
	})
}

// Guards reports whether devices on the port path are judged.
func (g *Guard) Guards(path string) bool {
	if g.Mode != Bays {
		return g.Mode == All
	}
	ports, _ := g.policy()
	for p := path; IsPort(p); p = Parent(p) {
		if slices.Contains(ports, p) || slices.Contains(ports, g.Sysfs.Peer(p)) {
			return true
		}
	}
	return false
}

// Apply authorises d as far as it may be, and takes back what it may not have.
// It can be repeated. A device outside the guarded ports gets everything and no
// verdicts. The error is device.ErrGone when d went away meanwhile.
//
// Writing waits for the device: one that hangs can hold Apply up for a minute.
func (g *Guard) Apply(d Device) ([]Verdict, error) {
	if g.Mode == Off || IsRoot(d.Path) {
		return nil, nil
	}
	_, rule := g.policy()
	judge := func(d Device) []Verdict { return g.barWrong(d, Judge(d, rule)) }
	guarded := g.Guards(d.Path)
	if !guarded {
		if !g.ours(d) {
			return nil, nil
		}
		judge = everything
	}
	v, err := g.apply(d, judge, guarded)
	if gone(err) {
		return nil, fmt.Errorf("authorize USB device %s: %w", d.Path, device.ErrGone)
	}
	if err != nil {
		return v, fmt.Errorf("authorize USB device %s: %w: %s", d.Path, err, advice(err))
	}
	if !guarded {
		return nil, nil
	}
	return v, nil
}

// ours reports whether d is on a bus whose defaults this guard has changed: only
// there does it owe devices outside the bays what the kernel would have given.
func (g *Guard) ours(d Device) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.before[filepath.Join(fmt.Sprintf("usb%d", d.Bus), defaults[0])]
	return ok
}

// everything is the judgement outside the bays.
func everything(d Device) []Verdict {
	out := make([]Verdict, 0, len(d.Interfaces))
	for _, i := range d.Interfaces {
		out = append(out, Verdict{Interface: i, Allowed: true})
	}
	return out
}

func (g *Guard) apply(d Device, judge func(Device) []Verdict, guarded bool) ([]Verdict, error) {
	v := judge(d)
	if guarded && allowed(v) == 0 {
		if !d.Authorized {
			return v, nil
		}
		return v, g.set(filepath.Join(d.Path, "authorized"), "0")
	}
	if !d.Authorized {
		if err := g.set(filepath.Join(d.Path, "authorized"), "1"); err != nil {
			return v, err
		}
		// Only now does the kernel say which configuration it chose.
		var err error
		if d, err = g.again(d); err != nil {
			return v, err
		}
		if !d.Configured {
			return v, errUnconfigured
		}
		v = judge(d)
	}
	changed, err := g.interfaces(d, v)
	if err != nil || !changed || !guarded {
		return v, err
	}
	if d, err = g.again(d); err != nil {
		return v, err
	}
	return g.settle(d, judge(d))
}

// again reads d anew; another device in its place means that d is gone.
func (g *Guard) again(d Device) (Device, error) {
	now, ok, err := g.Sysfs.Device(d.Path)
	if err == nil && (!ok || now.Number != d.Number) {
		err = fs.ErrNotExist
	}
	return now, err
}

// interfaces writes what v says. All interfaces are authorised before the first
// is probed, since a driver may want several.
func (g *Guard) interfaces(d Device, v []Verdict) (changed bool, err error) {
	if !d.Configured {
		return false, nil
	}
	var probe []string
	for _, one := range v {
		name := d.InterfaceName(one.Interface)
		if one.Allowed && one.Interface.Driver == "" && wantsDriver(one.Interface.Kind) {
			probe = append(probe, name)
		}
		if one.Allowed == one.Interface.Authorized {
			continue
		}
		changed = true
		if err := g.set(filepath.Join(name, "authorized"), map[bool]string{true: "1", false: "0"}[one.Allowed]); err != nil {
			return changed, err
		}
	}
	for _, name := range probe {
		changed = true
		if err := g.put(g.Sysfs.path("bus/usb/drivers_probe"), name); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// wantsDriver is not true of PTP: it is spoken by a program, and a driver that
// took it would only be in the way.
func wantsDriver(k Kind) bool { return k.Class != ClassImage }

// settle takes an interface back from a driver that does not fit it.
func (g *Guard) settle(d Device, v []Verdict) ([]Verdict, error) {
	for n, one := range v {
		if !one.Allowed || fits(one.Interface.Kind, one.Interface.Driver) {
			continue
		}
		v[n] = refuse(one.Interface, RefusedDriver)
		name := d.InterfaceName(one.Interface)
		g.mu.Lock()
		if g.wrong == nil {
			g.wrong = map[string]int{}
		}
		g.wrong[name] = d.Number
		g.mu.Unlock()
		if err := g.set(filepath.Join(name, "authorized"), "0"); err != nil {
			return v, err
		}
	}
	return v, nil
}

// barWrong keeps what settle took back from being given again to the same driver.
func (g *Guard) barWrong(d Device, v []Verdict) []Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	for n, one := range v {
		if number, ok := g.wrong[d.InterfaceName(one.Interface)]; ok && number == d.Number && one.Allowed {
			v[n] = refuse(one.Interface, RefusedDriver)
		}
	}
	return v
}
