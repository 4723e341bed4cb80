package device

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Identities returns what the device says of itself: the UUID and the label of
// its file system and the serial number of the USB device it hangs on. They are
// the file system's, so a folder below the mount's root, or a bind mount of such
// a folder, has none. They are read anew at each call, since links in /dev/disk
// come later than the mount.
func (f *Folder) Identities() []Identity {
	if !f.mountRoot || f.block == "" || f.mount != nil && f.mount.Root != "/" {
		return nil
	}
	v := Superblock{
		UUID:  f.host.diskLink("by-uuid", f.block),
		Label: f.host.diskLink("by-label", f.block),
	}
	if v.UUID == "" || v.Label == "" {
		own := f.host.superblock(f.block)
		if v.UUID == "" {
			v.UUID = own.UUID
		}
		if v.Label == "" {
			v.Label = own.Label
		}
	}
	var ids []Identity
	for _, id := range []Identity{{FSUUID, v.UUID}, {Label, v.Label}, {USBSerial, f.host.usbSerial(f.block)}} {
		if id.Value != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// diskLink finds the name udev gave a block device in a folder of /dev/disk.
func (h host) diskLink(kind, block string) string {
	dir := filepath.Join(h.dev, "disk", kind)
	entries, _ := os.ReadDir(dir) // absent without udev
	for _, e := range entries {
		if id, ok := blockNumber(filepath.Join(dir, e.Name())); ok && id == block {
			return unhex(e.Name())
		}
	}
	return ""
}

// unhex undoes udev's \xhh.
func unhex(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], `\x`) && i+4 <= len(s) {
			if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// superblock reads the block device itself, which only root and members of the
// group disk may; for others it is empty.
func (h host) superblock(block string) Superblock {
	uevent, _ := os.ReadFile(filepath.Join(h.sysfs(block), "uevent"))
	name := ""
	for line := range strings.Lines(string(uevent)) {
		if v, ok := strings.CutPrefix(line, "DEVNAME="); ok {
			name = strings.TrimSuffix(v, "\n")
		}
	}
	path := filepath.Join(h.dev, name)
	if id, ok := blockNumber(path); name == "" || !ok || id != block {
		return Superblock{}
	}
	dev, err := os.Open(path)
	if err != nil {
		return Superblock{}
	}
	defer func() { _ = dev.Close() }()
	return ReadSuperblock(dev)
}

// usbSerial walks up from the block device to the USB device it belongs to. The
// serial is free text of the device: it may hold any byte, and many models say
// the same on every unit.
func (h host) usbSerial(block string) string {
	dir, err := filepath.EvalSymlinks(h.sysfs(block))
	if err != nil {
		return ""
	}
	for ; len(dir) > len(h.sys); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "idVendor")); err == nil {
			serial, _ := os.ReadFile(filepath.Join(dir, "serial")) // a device need not have one
			return strings.TrimSuffix(string(serial), "\n")
		}
	}
	return ""
}
