package usb

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree is a sysfs made of files. Devices lie nested in it as in the real one,
// and bus/usb/devices, class/block and dev/block hold links.
type tree struct {
	t    testing.TB
	root string
}

func newTree(t testing.TB) tree {
	f := tree{t, t.TempDir()}
	for _, d := range []string{"bus/usb/devices", "class/block", "dev/block", "devices"} {
		must(t, os.MkdirAll(filepath.Join(f.root, d), 0o755))
	}
	f.put("bus/usb/drivers_probe", "")
	return f
}

func (f tree) sysfs() Sysfs { return Sysfs{Root: f.root} }

func (f tree) put(path, text string) {
	f.t.Helper()
	path = filepath.Join(f.root, path)
	must(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(f.t, os.WriteFile(path, []byte(text), 0o644))
}

func (f tree) text(path string) string {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.root, path))
	must(f.t, err)
	return strings.TrimSuffix(string(b), "\n")
}

// link makes a relative link as sysfs has them.
func (f tree) link(from, to string) {
	f.t.Helper()
	from = filepath.Join(f.root, from)
	rel, err := filepath.Rel(filepath.Dir(from), filepath.Join(f.root, to))
	must(f.t, err)
	must(f.t, os.MkdirAll(filepath.Dir(from), 0o755))
	must(f.t, os.Symlink(rel, from))
}

// dir is where the device really lies: devices/pci/usb1/1-1/1-1.4.
func dir(path string) string {
	if IsRoot(path) {
		return "devices/pci0000:00/0000:00:14.0/" + path
	}
	return dir(Parent(path)) + "/" + path
}

// gadget says what a device of a tree is.
type gadget struct {
	path, id, class     string // "1-1.4", "0525:a4a5"
	number              int
	serial, maker, name string
	unauthorized        bool
	kinds               []Kind // its interfaces, in configuration 1
}

var (
	storage  = Kind{ClassStorage, 0x06, 0x50}
	uas      = Kind{ClassStorage, 0x06, 0x62}
	keyboard = Kind{ClassHID, 0x01, 0x01}
	hub      = Kind{ClassHub, 0x00, 0x00}
	ptp      = Kind{ClassImage, 0x01, 0x01}
	vendor   = Kind{ClassVendor, 0xff, 0x00}
)

// plug puts a device into the tree. One that is not authorised has descriptors
// and no folders of interfaces.
func (f tree) plug(g gadget) {
	f.t.Helper()
	d := dir(g.path)
	if g.class == "" {
		g.class = "00"
	}
	vendor, product, _ := strings.Cut(g.id, ":")
	f.put(d+"/idVendor", vendor+"\n")
	f.put(d+"/idProduct", product+"\n")
	f.put(d+"/bDeviceClass", g.class+"\n")
	bus, _, _ := strings.Cut(strings.TrimPrefix(g.path, "usb"), "-")
	f.put(d+"/busnum", bus+"\n")
	f.put(d+"/devnum", fmt.Sprintln(g.number))
	f.put(d+"/speed", "480\n")
	for name, v := range map[string]string{"serial": g.serial, "manufacturer": g.maker, "product": g.name} {
		if v != "" {
			f.put(d+"/"+name, v+"\n")
		}
	}
	f.put(d+"/descriptors", string(encode(g)))
	f.put(d+"/authorized", map[bool]string{true: "0\n", false: "1\n"}[g.unauthorized])
	if IsRoot(g.path) {
		f.put(d+"/authorized_default", "1\n")
		f.put(d+"/interface_authorized_default", "1\n")
	}
	f.link("bus/usb/devices/"+g.path, d)
	if !g.unauthorized {
		f.configure(g, true)
	}
}

// configure adds the folders of interfaces, as the kernel does when a device is
// authorised.
func (f tree) configure(g gadget, authorized bool) {
	f.t.Helper()
	for i, k := range g.kinds {
		name := interfaceName(g.path, i)
		d := dir(g.path) + "/" + name
		f.put(d+"/bInterfaceNumber", fmt.Sprintf("%02x\n", i))
		f.put(d+"/bInterfaceClass", fmt.Sprintf("%02x\n", k.Class))
		f.put(d+"/bInterfaceSubClass", fmt.Sprintf("%02x\n", k.SubClass))
		f.put(d+"/bInterfaceProtocol", fmt.Sprintf("%02x\n", k.Protocol))
		f.put(d+"/authorized", map[bool]string{true: "1\n", false: "0\n"}[authorized])
		f.link("bus/usb/devices/"+name, d)
	}
}

func interfaceName(path string, i int) string {
	if bus, ok := strings.CutPrefix(path, "usb"); ok {
		path = bus + "-0"
	}
	return fmt.Sprintf("%s:1.%d", path, i)
}

// encode is the binary form of a device's descriptors.
func encode(g gadget) []byte {
	var id, product uint16
	_, _ = fmt.Sscanf(g.id, "%x:%x", &id, &product)
	var class uint8
	_, _ = fmt.Sscanf(g.class, "%x", &class)
	b := []byte{18, typeDevice, 0, 2, class, 0, 0, 64}
	b = binary.LittleEndian.AppendUint16(b, id)
	b = binary.LittleEndian.AppendUint16(b, product)
	b = append(b, 0, 1, 1, 2, 3, 1)
	b = append(b, 9, typeConfiguration, 9, 0, uint8(len(g.kinds)), 1, 0, 0x80, 50)
	for i, k := range g.kinds {
		b = append(b, setting(uint8(i), 0, k)...)
		b = append(b, 7, 5, 0x81, 2, 0, 2, 0) // an endpoint
	}
	return b
}

func setting(number, alternate uint8, k Kind) []byte {
	return []byte{9, typeInterface, number, alternate, 1, k.Class, k.SubClass, k.Protocol, 0}
}

// disk puts a block device below an interface of a device; below says where.
func (f tree) disk(below, name, devID string, sectors int) {
	f.t.Helper()
	d := below + "/block/" + name
	f.block(d, name, devID, sectors)
}

// partition puts one below a disk.
func (f tree) partition(below, disk, name, devID string, sectors int) {
	f.t.Helper()
	d := below + "/block/" + disk + "/" + name
	f.block(d, name, devID, sectors)
	f.put(d+"/partition", "1\n")
}

func (f tree) block(d, name, devID string, sectors int) {
	f.t.Helper()
	f.put(d+"/dev", devID+"\n")
	f.put(d+"/size", fmt.Sprintln(sectors))
	f.put(d+"/ro", "0\n")
	f.link("class/block/"+name, d)
	f.link("dev/block/"+devID, d)
}

// scsi is the folder between an interface and its disk.
func scsi(path string, lun int) string {
	return dir(path) + "/" + interfaceName(path, 0) + "/host3/target3:0:0/3:0:0:" + fmt.Sprint(lun)
}

// rootHub plugs one and the ports it has, each with a peer on another bus.
func (f tree) rootHub(bus, peer int, ports int) {
	f.t.Helper()
	name := fmt.Sprintf("usb%d", bus)
	f.plug(gadget{path: name, id: "1d6b:0002", class: "09", number: 1, kinds: []Kind{hub}})
	for p := 1; p <= ports && peer > 0; p++ {
		f.link(fmt.Sprintf("%s/%d-0:1.0/usb%d-port%d/peer", dir(name), bus, bus, p),
			fmt.Sprintf("%s/%d-0:1.0/usb%d-port%d", dir(fmt.Sprintf("usb%d", peer)), peer, peer, p))
	}
}
