package usb

import (
	"os"
	"path/filepath"
	"strings"
)

// block is one block device that hangs on a USB device.
type block struct {
	name, dir string
	usb       string // path of the device it hangs on
}

// blocks lists the block devices behind USB, disks and partitions alike, by
// where their links lead. So the kind of driver between does not matter: SCSI
// disks of usb-storage and uas, and cards of a reader that shows MMC devices.
func (s Sysfs) blocks() []block {
	entries, _ := os.ReadDir(s.path("class/block")) // a kernel without block devices has none
	var out []block
	for _, e := range entries {
		dir := s.path("class/block", e.Name())
		if port := s.portOf(dir); port != "" {
			out = append(out, block{name: e.Name(), dir: dir, usb: port})
		}
	}
	return out
}

// portOf returns the path of the USB device that the folder behind link is part
// of: the last element of its real path that is a port. Hubs stand before it.
func (s Sysfs) portOf(link string) string {
	target, err := os.Readlink(link)
	if err != nil {
		return ""
	}
	return lastPort(target)
}

func lastPort(path string) string {
	port := ""
	for elem := range strings.SplitSeq(path, "/") {
		if IsPort(elem) {
			port = elem
		}
	}
	return port
}

// volumes returns what can hold a file system on the device at path, by name:
// partitions, or a whole disk that has none. A disk shows up an instant before
// its partitions do; the event that follows them is the time to scan again.
func (s Sysfs) volumes(path string, blocks []block) []Volume {
	parted := map[string]bool{} // disks by name
	var found []block
	for _, b := range blocks {
		if b.usb != path || optical(b.name) {
			continue
		}
		found = append(found, b)
		if disk, ok := b.disk(); ok {
			parted[disk] = true
		}
	}
	var out []Volume
	for _, b := range found {
		if v, ok := b.volume(); ok && !parted[b.name] {
			out = append(out, v)
		}
	}
	return out
}

// optical tells the pretended CD with a maker's software on it: no camera keeps
// clips there.
func optical(name string) bool { return strings.HasPrefix(name, "sr") }

// disk returns the disk that b is a partition of.
func (b block) disk() (string, bool) {
	if _, err := os.Stat(filepath.Join(b.dir, "partition")); err != nil {
		return "", false
	}
	target, err := os.Readlink(b.dir)
	return filepath.Base(filepath.Dir(target)), err == nil
}

// volume is not ok for a reader without a card, for the container of logical
// partitions, which Linux shows as two sectors, and for what went away.
func (b block) volume() (Volume, bool) {
	a := attributes{dir: b.dir}
	sectors := a.number("size", 10, 54) // of 512 bytes, whatever the disk's are
	v := Volume{
		Name: b.name, DevID: a.text("dev"), Size: int64(sectors) * 512,
		ReadOnly: a.text("ro") != "0",
	}
	return v, a.err == nil && sectors > 2
}

// PortOf returns the port of the USB device that the block device "8:17" hangs
// on, and that device; ok is false for a block device that is not on USB, or gone.
func (s Sysfs) PortOf(devID string) (port string, dev Device, ok bool) {
	major, minor, found := strings.Cut(devID, ":")
	if !found || !digits(major) || !digits(minor) {
		return "", Device{}, false
	}
	port = s.portOf(s.path("dev/block", devID))
	dev, ok, err := s.Device(port)
	if err != nil || !ok {
		return "", Device{}, false
	}
	return port, dev, true
}

// digits keeps what is asked for inside its folder.
func digits(s string) bool { return s == "0" || number(s) }
