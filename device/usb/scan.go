package usb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Sysfs is the place where the kernel shows its devices.
type Sysfs struct {
	Root string // "" is /sys
}

func (s Sysfs) path(elem ...string) string {
	root := s.Root
	if root == "" {
		root = "/sys"
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

// device returns the folder of a device or an interface.
func (s Sysfs) device(name string) string { return s.path("bus/usb/devices", name) }

// Scan returns every USB device there is, in the order of their paths. A device
// that goes away while it is read is left out. A machine without USB has none.
func (s Sysfs) Scan() ([]Device, error) {
	names, interfaces, err := s.names()
	if err != nil {
		return nil, fmt.Errorf("list USB devices: %w", err)
	}
	blocks := s.blocks()
	words := make(map[string]<-chan words, len(names))
	for _, name := range names {
		words[name] = s.ask(name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var devices []Device
	for _, name := range names {
		d, err := s.read(ctx, name, interfaces[name], words[name])
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read USB device %s: %w", name, err)
		}
		d.Volumes = s.volumes(name, blocks)
		devices = append(devices, d)
	}
	return devices, nil
}

// Device returns one device by its path; ok is false when there is none.
func (s Sysfs) Device(path string) (d Device, ok bool, err error) {
	if !IsPort(path) && !IsRoot(path) {
		return Device{}, false, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, interfaces, err := s.names()
	if err == nil {
		d, err = s.read(ctx, path, interfaces[path], s.ask(path))
	}
	if gone(err) {
		return Device{}, false, nil
	}
	if err != nil {
		return Device{}, false, fmt.Errorf("read USB device %s: %w", path, err)
	}
	d.Volumes = s.volumes(path, s.blocks())
	return d, true, nil
}

// names lists the devices, and the folders of interfaces by device.
func (s Sysfs) names() (devices []string, interfaces map[string][]string, err error) {
	entries, err := os.ReadDir(s.path("bus/usb/devices"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	interfaces = map[string][]string{}
	for _, e := range entries {
		name := e.Name()
		if dev, _, ok := strings.Cut(name, ":"); ok {
			if root, is := strings.CutSuffix(dev, "-0"); is {
				dev = "usb" + root // the interface of usb1 is called 1-0:1.0
			}
			interfaces[dev] = append(interfaces[dev], name)
		} else if IsPort(name) || IsRoot(name) {
			devices = append(devices, name)
		}
	}
	return devices, interfaces, err
}

// gone says that what was read is no longer there: its folder has vanished, or
// the kernel has already taken the device out from under an open file.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) || errors.Is(err, syscall.ENXIO)
}

func (s Sysfs) read(ctx context.Context, name string, interfaces []string, asked <-chan words) (Device, error) {
	dir := s.device(name)
	d := Device{Path: name, Peer: s.Peer(name)}
	a := attributes{dir: dir}
	d.Vendor, d.Product = uint16(a.number("idVendor", 16, 16)), uint16(a.number("idProduct", 16, 16))
	d.Bus, d.Number = int(a.number("busnum", 10, 31)), int(a.number("devnum", 10, 31))
	d.Class = uint8(a.number("bDeviceClass", 16, 8))
	d.Speed = a.text("speed")
	if a.err != nil {
		return Device{}, a.err
	}
	d.Authorized = a.maybe("authorized") != "0" // the attribute is as old as Linux 2.6.26
	d.Hub = IsRoot(name) || d.Class == ClassHub

	if err := d.hear(ctx, asked); err != nil {
		return Device{}, err
	}
	for _, i := range interfaces {
		if f, ok := s.readInterface(i); ok {
			d.Interfaces = append(d.Interfaces, f)
		}
	}
	d.Configured = len(d.Interfaces) > 0
	raw, err := readBounded(filepath.Join(dir, "descriptors"), maxDescriptors)
	if err != nil && !gone(err) {
		return Device{}, err
	}
	d.merge(raw)
	if _, err := os.Stat(filepath.Join(dir, "idVendor")); err != nil {
		return Device{}, err // what looked absent was going away
	}
	return d, nil
}

// merge adds what only the descriptors know: all interfaces of a device that is
// not configured, and the other settings of those of one that is.
func (d *Device) merge(raw []byte) {
	parsed, err := parseDescriptors(raw)
	d.Damaged = err != nil
	if !d.Configured {
		d.Interfaces = parsed.interfaces
		return
	}
	for i := range d.Interfaces {
		have := &d.Interfaces[i]
		for _, p := range parsed.interfaces {
			if p.Config == have.Config && p.Number == have.Number {
				for _, k := range append([]Kind{p.Kind}, p.Others...) {
					have.also(k)
				}
			}
		}
	}
}

// readInterface reads a folder such as 1-1.4:1.0; ok is false when it went away.
func (s Sysfs) readInterface(name string) (f Interface, ok bool) {
	_, place, _ := strings.Cut(name, ":")
	config, _, _ := strings.Cut(place, ".")
	value, err := strconv.ParseUint(config, 10, 8)
	if err != nil {
		return Interface{}, false
	}
	a := attributes{dir: s.device(name)}
	f.Config = uint8(value)
	f.Number = uint8(a.number("bInterfaceNumber", 16, 8))
	f.Class = uint8(a.number("bInterfaceClass", 16, 8))
	f.SubClass = uint8(a.number("bInterfaceSubClass", 16, 8))
	f.Protocol = uint8(a.number("bInterfaceProtocol", 16, 8))
	f.Label = a.maybe("interface")
	f.Authorized = a.maybe("authorized") != "0"
	if driver, err := os.Readlink(filepath.Join(a.dir, "driver")); err == nil {
		f.Driver = filepath.Base(driver)
	}
	return f, a.err == nil
}

// Peer returns the port that shares its socket with the port path, or "". It
// asks the hub, so that nothing need be plugged in.
func (s Sysfs) Peer(path string) string {
	hub := Parent(path)
	if hub == "" {
		return ""
	}
	port := path[strings.LastIndexAny(path, "-.")+1:]
	links, _ := filepath.Glob(filepath.Join(s.device(hub), "*:*", hub+"-port"+port, "peer"))
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue
		}
		name := filepath.Base(target) // usb2-port1, or 2-1-port4
		i := strings.LastIndex(name, "-port")
		if i < 0 {
			continue
		}
		hub, port := name[:i], name[i+len("-port"):]
		if bus, root := strings.CutPrefix(hub, "usb"); root {
			return bus + "-" + port
		}
		return hub + "." + port
	}
	return ""
}
