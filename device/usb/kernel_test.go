package usb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// kernel stands behind a tree and answers what a Guard writes as Linux does: a
// device that is authorised gets the folders of its interfaces, which start with
// the default of their bus, and drivers_probe binds a driver to an interface
// that is authorised.
type kernel struct {
	tree
	mu      sync.Mutex
	devices map[string]gadget
	drivers map[Kind]string
	wrote   []string // "1-1.4/authorized=1", in order
	fail    map[string]error
	gate    map[string]chan struct{} // a write that waits
}

func newKernel(f tree) *kernel {
	return &kernel{tree: f, devices: map[string]gadget{}, fail: map[string]error{}, gate: map[string]chan struct{}{},
		drivers: map[Kind]string{storage: "usb-storage", uas: "uas", hub: "hub", keyboard: "usbhid"}}
}

// come plugs a device in with the defaults of its bus.
func (k *kernel) come(g gadget) {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	bus, _, _ := strings.Cut(g.path, "-")
	g.unauthorized = k.text(dir("usb"+bus)+"/authorized_default") == "0"
	k.devices[g.path] = g
	k.plug(g)
	if !g.unauthorized {
		k.bind(g.path)
	}
}

// bind gives each authorised interface its driver.
func (k *kernel) bind(path string) {
	for i, kind := range k.devices[path].kinds {
		k.probe(interfaceName(path, i), kind)
	}
}

func (k *kernel) probe(name string, kind Kind) {
	path, _, _ := strings.Cut(name, ":")
	at := dir(path) + "/" + name
	link := filepath.Join(k.root, at, "driver")
	if driver := k.drivers[kind]; driver != "" && k.text(at+"/authorized") == "1" {
		if _, err := os.Lstat(link); err != nil {
			k.link(at+"/driver", "bus/usb/drivers/"+driver)
		}
	}
}

func (k *kernel) write(path, value string) error {
	name, err := filepath.Rel(filepath.Join(k.root, "bus/usb"), path)
	must(k.t, err)
	name = strings.TrimPrefix(name, "devices/")
	k.mu.Lock()
	gate := k.gate[name]
	k.mu.Unlock()
	if gate != nil {
		<-gate
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wrote = append(k.wrote, name+"="+value)
	if err := k.fail[name]; err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	if name == "drivers_probe" {
		return k.answerProbe(value)
	}
	if err := writeAttribute(path, value); err != nil {
		return err
	}
	if owner, attribute := filepath.Split(name); attribute == "authorized" {
		k.answer(strings.TrimSuffix(owner, "/"), value == "1")
	}
	return nil
}

func (k *kernel) answerProbe(name string) error {
	path, _, _ := strings.Cut(name, ":")
	for i, kind := range k.devices[path].kinds {
		if interfaceName(path, i) == name {
			k.probe(name, kind)
			return nil
		}
	}
	return syscall.ENODEV
}

// answer is what follows from a write to authorized.
func (k *kernel) answer(name string, on bool) {
	path, _, isInterface := strings.Cut(name, ":")
	g := k.devices[path]
	switch {
	case isInterface && !on:
		_ = os.Remove(filepath.Join(k.root, dir(path), name, "driver"))
	case isInterface:
	case on:
		bus, _, _ := strings.Cut(path, "-")
		k.configure(g, k.text(dir("usb"+bus)+"/interface_authorized_default") == "1")
		k.bind(path)
	default:
		for i := range g.kinds {
			name := interfaceName(path, i)
			must(k.t, os.Remove(filepath.Join(k.root, "bus/usb/devices", name)))
			must(k.t, os.RemoveAll(filepath.Join(k.root, dir(path), name)))
		}
	}
}

// writes returns what was written since the last call.
func (k *kernel) writes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.wrote
	k.wrote = nil
	return w
}

// state says what became of a device: "1-1.4 1: storage usb-storage".
func (k *kernel) state(path string) string {
	k.t.Helper()
	d, ok, err := k.sysfs().Device(path)
	must(k.t, err)
	if !ok {
		return "absent"
	}
	s := map[bool]string{true: "in", false: "out"}[d.Authorized]
	if !d.Configured {
		return s
	}
	for _, i := range d.Interfaces {
		s += fmt.Sprintf(" %02x:%s:%s", i.Class, map[bool]string{true: "in", false: "out"}[i.Authorized], i.Driver)
	}
	return s
}
