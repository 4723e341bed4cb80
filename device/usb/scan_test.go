package usb

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func scan(t testing.TB, f tree) map[string]Device {
	t.Helper()
	list, err := f.sysfs().Scan()
	must(t, err)
	devices := map[string]Device{}
	for _, d := range list {
		devices[d.Path] = d
	}
	return devices
}

// camera is a mass storage device of a common gadget driver.
func camera(path string, number int) gadget {
	return gadget{path: path, id: "0525:a4a5", number: number, serial: "123456789ABC",
		maker: "Linux", name: "File-Stor Gadget", kinds: []Kind{storage}}
}

func TestScan(t *testing.T) {
	f := newTree(t)
	f.rootHub(1, 2, 2)
	f.rootHub(2, 1, 2)
	f.plug(gadget{path: "1-1", id: "05e3:0608", class: "09", number: 2, kinds: []Kind{hub}})
	f.plug(camera("1-1.4", 7))
	f.link(dir("1-1.4")+"/1-1.4:1.0/driver", "bus/usb/drivers/usb-storage")
	f.link(dir("1-1")+"/1-1:1.0/1-1-port4/peer", dir("usb2")+"/2-1/2-1:1.0/2-1-port4")
	below := scsi("1-1.4", 0)
	f.disk(below, "sdb", "8:16", 2048)
	f.partition(below, "sdb", "sdb1", "8:17", 2000)

	got := scan(t, f)
	want := Device{
		Path: "1-1.4", Peer: "2-1.4", Bus: 1, Number: 7, Vendor: 0x0525, Product: 0xa4a5,
		Serial: "123456789ABC", Maker: "Linux", Name: "File-Stor Gadget", Speed: "480",
		Authorized: true, Configured: true,
		Interfaces: []Interface{{Config: 1, Kind: storage, Driver: "usb-storage", Authorized: true}},
		Volumes:    []Volume{{Name: "sdb1", DevID: "8:17", Size: 2000 * 512}},
	}
	if d := cmp.Diff(want, got["1-1.4"]); d != "" {
		t.Error(d)
	}
	if len(got) != 4 {
		t.Errorf("%d devices, want two root hubs, a hub and a camera", len(got))
	}
	for path, isHub := range map[string]bool{"usb1": true, "usb2": true, "1-1": true, "1-1.4": false} {
		if got[path].Hub != isHub {
			t.Errorf("%s: hub is %v", path, got[path].Hub)
		}
	}
	if got["1-1"].Peer != "2-1" || len(got["1-1"].Volumes) > 0 {
		t.Errorf("the hub has peer %q and volumes %v", got["1-1"].Peer, got["1-1"].Volumes)
	}
	if n := len(got["usb1"].Interfaces); n != 1 {
		t.Errorf("the root hub has %d interfaces", n)
	}
}

func TestVolumes(t *testing.T) {
	f := newTree(t)
	f.rootHub(1, 0, 0)
	f.plug(camera("1-2", 3))
	whole, empty, two := scsi("1-2", 0), scsi("1-2", 1), scsi("1-2", 2)
	f.disk(whole, "sdc", "8:32", 4096)
	f.put(whole+"/block/sdc/ro", "1\n")
	f.disk(empty, "sdd", "8:48", 0)
	f.disk(two, "sde", "8:64", 100000)
	f.partition(two, "sde", "sde1", "8:65", 50000)
	f.partition(two, "sde", "sde2", "8:66", 2) // holds logical partitions
	f.partition(two, "sde", "sde5", "8:69", 40000)
	f.disk(scsi("1-2", 3), "sr0", "11:0", 9000)
	card := dir("1-2") + "/1-2:1.0/rtsx_usb_sdmmc.1.auto/mmc_host/mmc0/mmc0:aaaa"
	f.disk(card, "mmcblk0", "179:0", 8192)
	f.partition(card, "mmcblk0", "mmcblk0p1", "179:1", 8000)
	f.disk("devices/pci0000:00/0000:00:1f.2/ata1", "sda", "8:0", 9999) // no USB

	want := []Volume{
		{Name: "mmcblk0p1", DevID: "179:1", Size: 8000 * 512},
		{Name: "sdc", DevID: "8:32", Size: 4096 * 512, ReadOnly: true},
		{Name: "sde1", DevID: "8:65", Size: 50000 * 512},
		{Name: "sde5", DevID: "8:69", Size: 40000 * 512},
	}
	if d := cmp.Diff(want, scan(t, f)["1-2"].Volumes); d != "" {
		t.Error(d)
	}
}

func TestUnauthorizedDeviceIsKnownByItsDescriptors(t *testing.T) {
	f := newTree(t)
	f.rootHub(1, 0, 0)
	g := gadget{path: "1-3", id: "2672:0037", number: 4, serial: "C3", unauthorized: true, kinds: []Kind{ptp, keyboard}}
	f.plug(g)
	d := scan(t, f)["1-3"]
	want := []Interface{{Config: 1, Number: 0, Kind: ptp}, {Config: 1, Number: 1, Kind: keyboard}}
	if diff := cmp.Diff(want, d.Interfaces); diff != "" {
		t.Error(diff)
	}
	if d.Authorized || d.Configured || d.Serial != "C3" {
		t.Errorf("%+v", d)
	}
}

func TestSerialStaysRaw(t *testing.T) {
	f := newTree(t)
	f.rootHub(1, 0, 0)
	raw := "a/../b\x1b[2J\n\x00\xff\n"
	g := camera("1-1", 2)
	g.serial = raw
	f.plug(g)
	if got := scan(t, f)["1-1"].Serial; got != raw {
		t.Errorf("serial %q, want %q", got, raw)
	}
}

func TestDeviceThatVanishesIsLeftOut(t *testing.T) {
	for name, vanish := range map[string]func(f tree){
		"folder": func(f tree) { must(f.t, os.RemoveAll(filepath.Join(f.root, dir("1-1")))) },
		"device": func(f tree) { must(f.t, os.Remove(filepath.Join(f.root, dir("1-1"), "idVendor"))) },
		"speed":  func(f tree) { must(f.t, os.Remove(filepath.Join(f.root, dir("1-1"), "speed"))) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newTree(t)
			f.t = t
			f.rootHub(1, 0, 0)
			f.plug(camera("1-1", 2))
			f.plug(camera("1-2", 3))
			vanish(f)
			got := scan(t, f)
			if _, there := got["1-1"]; there || len(got) != 2 {
				t.Errorf("got %v", got)
			}
			if _, ok, err := f.sysfs().Device("1-1"); ok || err != nil {
				t.Errorf("asked for alone: %v, %v", ok, err)
			}
		})
	}
}

// TestDeviceThatHangsHoldsUpNoOther has the kernel not answer for the strings of
// one device: opening a pipe that nobody writes to waits as its lock does.
func TestDeviceThatHangsHoldsUpNoOther(t *testing.T) {
	f := newTree(t)
	f.rootHub(1, 0, 0)
	f.plug(camera("1-1", 2))
	f.plug(camera("1-2", 3))
	pipe := filepath.Join(f.root, dir("1-1"), "serial")
	must(t, os.Remove(pipe))
	must(t, unix.Mkfifo(pipe, 0o644))

	got := scan(t, f)
	if d := got["1-1"]; !d.Busy || d.Serial != "" || d.Product != 0xa4a5 || len(d.Interfaces) != 1 {
		t.Errorf("the one that hangs: %+v", d)
	}
	if d := got["1-2"]; d.Busy || d.Serial != "123456789ABC" {
		t.Errorf("the other: %+v", d)
	}
	w, err := os.OpenFile(pipe, os.O_WRONLY|unix.O_NONBLOCK, 0) // an error would mean that nobody hung
	must(t, err)
	must(t, w.Close())
}

func TestNoUSB(t *testing.T) {
	got, err := Sysfs{Root: t.TempDir()}.Scan()
	if err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestPortOf(t *testing.T) {
	f := newTree(t)
	f.rootHub(1, 0, 0)
	f.plug(gadget{path: "1-1", id: "05e3:0608", class: "09", number: 2, kinds: []Kind{hub}})
	f.plug(camera("1-1.4", 7))
	f.disk(scsi("1-1.4", 0), "sdb", "8:16", 2048)
	f.partition(scsi("1-1.4", 0), "sdb", "sdb1", "8:17", 2000)
	f.disk("devices/pci0000:00/0000:00:1f.2/ata1", "sda", "8:0", 9999)
	for id, want := range map[string]string{
		"8:17": "1-1.4", "8:16": "1-1.4", "8:0": "", "8:99": "", "": "", "8": "", "../8:17": "", "8:../8:17": "",
	} {
		port, dev, ok := f.sysfs().PortOf(id)
		if port != want || dev.Path != want || ok != (want != "") {
			t.Errorf("%q: port %q, device %q, %v", id, port, dev.Path, ok)
		}
	}
}

func TestPaths(t *testing.T) {
	for s, want := range map[string]bool{
		"1-1": true, "1-1.4": true, "10-12.3.4": true, "usb1": false, "1-0:1.0": false, "1-": false, "-1": false,
		"1-1.": false, "1-01": false, "3:0:0:0": false, "1-1.x": false, "/media/cam": false, "": false,
	} {
		if IsPort(s) != want {
			t.Errorf("IsPort(%q) is %v", s, !want)
		}
	}
	for path, want := range map[string]string{"1-1.4": "1-1", "1-1": "usb1", "12-3.4.5": "12-3.4", "usb1": ""} {
		if got := Parent(path); got != want {
			t.Errorf("Parent(%q) is %q, want %q", path, got, want)
		}
	}
	if !Below("1-1.4.2", "1-1.4") || !Below("1-1.4", "1-1.4") || Below("1-1.42", "1-1.4") || Below("1-1", "1-1.4") {
		t.Error("Below does not go by whole elements")
	}
}
