package qemu

import (
	"fmt"
	"strings"
)

// Disk is a USB disk to plug in.
type Disk struct {
	Image    string  // raw image file
	Serial   string  // of the USB device; "" is QEMU's default, which all share
	Port     string  // "1" to "8", behind a hub "2.1"; "" takes the next free one
	ReadOnly bool    // the disk's own switch
	Rate     int64   // bytes a second, 0 for no limit
	Bad      []int64 // sectors of 512 bytes that answer with an error
}

// plugged is what has to go with a device.
type plugged struct{ nodes, objects []string }

// Plug plugs the disk in and gives the id to unplug it by.
func (m *Machine) Plug(d Disk) string {
	m.t.Helper()
	id := m.id("disk")
	var p plugged
	node := func(name string, args map[string]any) string {
		args["node-name"] = id + "-" + name
		m.qemu("blockdev-add", args)
		p.nodes = append(p.nodes, id+"-"+name)
		return id + "-" + name
	}
	top := node("file", map[string]any{"driver": "file", "filename": d.Image, "read-only": d.ReadOnly})
	if len(d.Bad) > 0 {
		var faults []any
		for _, sector := range d.Bad {
			faults = append(faults, map[string]any{"event": "none", "iotype": "read", "errno": 5, "sector": sector, "once": false})
		}
		top = node("bad", map[string]any{"driver": "blkdebug", "image": top, "inject-error": faults, "read-only": d.ReadOnly})
	}
	if d.Rate > 0 {
		group := id + "-rate"
		m.qemu("object-add", map[string]any{"qom-type": "throttle-group", "id": group, "limits": map[string]any{"bps-total": d.Rate}})
		p.objects = append(p.objects, group)
		top = node("slow", map[string]any{"driver": "throttle", "throttle-group": group, "file": top, "read-only": d.ReadOnly})
	}
	top = node("raw", map[string]any{"driver": "raw", "file": top, "read-only": d.ReadOnly})
	args := map[string]any{"driver": "usb-storage", "id": id, "drive": top, "bus": "xhci.0", "removable": true}
	if d.Serial != "" {
		args["serial"] = d.Serial
	}
	if d.Port != "" {
		args["port"] = d.Port
	}
	m.plugged[id] = p
	m.qemu("device_add", args)
	return id
}

// Hub plugs in a hub with eight ports, named after it: port "2" has "2.1".
func (m *Machine) Hub(port string) string {
	m.t.Helper()
	id := m.id("hub")
	m.qemu("device_add", map[string]any{"driver": "usb-hub", "id": id, "bus": "xhci.0", "port": port})
	m.plugged[id] = plugged{}
	return id
}

// MTP plugs in a camera that speaks MTP and shows a folder of this machine.
func (m *Machine) MTP(dir, serial, port string) string {
	m.t.Helper()
	id := m.id("mtp")
	args := map[string]any{
		"driver": "usb-mtp", "id": id, "bus": "xhci.0", "rootdir": dir, "readonly": true, "serial": serial, "desc": "camera",
	}
	if port != "" {
		args["port"] = port
	}
	m.qemu("device_add", args)
	m.plugged[id] = plugged{}
	return id
}

// Keyboard plugs in what no camera is.
func (m *Machine) Keyboard(port string) string {
	m.t.Helper()
	id := m.id("keyboard")
	m.qemu("device_add", map[string]any{"driver": "usb-kbd", "id": id, "bus": "xhci.0", "port": port})
	m.plugged[id] = plugged{}
	return id
}

// Unplug pulls a device out, whatever is under way, and returns when it is gone.
func (m *Machine) Unplug(id string) {
	m.t.Helper()
	p, found := m.plugged[id]
	if !found {
		m.t.Fatalf("unplug %s: it is not plugged in", id)
	}
	delete(m.plugged, id)
	m.qemu("device_del", map[string]any{"id": id})
	ctx, cancel := m.bounded()
	defer cancel()
	// The event names the device where it had an id that QEMU still knows, and
	// its path else.
	err := m.qmp.await(ctx, func(e event) bool {
		return e.Name == "DEVICE_DELETED" && (e.has("device", id) || e.has("path", "/machine/peripheral/"+id))
	})
	if err != nil {
		m.t.Fatalf("unplug %s: %v", id, err)
	}
	for i := len(p.nodes) - 1; i >= 0; i-- {
		m.qemu("blockdev-del", map[string]any{"node-name": p.nodes[i]})
	}
	for _, o := range p.objects {
		m.qemu("object-del", map[string]any{"id": o})
	}
}

func (m *Machine) id(kind string) string {
	m.last++
	return fmt.Sprintf("%s%d", kind, m.last)
}

// qemu runs one command of QEMU's that must succeed.
func (m *Machine) qemu(command string, args map[string]any) {
	m.t.Helper()
	ctx, cancel := m.bounded()
	defer cancel()
	if err := m.qmp.do(ctx, command, args, nil); err != nil {
		m.t.Fatalf("%v; the machine said %s", err, strings.TrimSpace(m.Log()))
	}
}
