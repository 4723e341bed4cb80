package ptp

import (
	"slices"
	"strings"
	"time"
)

// DeviceInfo is what a device says of itself (ISO 15740, 5.5.1). Every text is
// as the device gave it.
type DeviceInfo struct {
	VendorID   uint32
	Extensions string // such as "microsoft.com: 1.0; android.com: 1.0;"
	Operations []uint16
	Maker      string
	Model      string
	Version    string
	Serial     string
}

func parseDeviceInfo(b []byte) (DeviceInfo, error) {
	d := &decoder{b: b}
	var i DeviceInfo
	d.u16() // version of the standard
	i.VendorID = d.u32()
	d.u16() // version of the extension
	i.Extensions = d.text()
	d.u16() // functional mode
	i.Operations = d.codes()
	for range 4 { // events, properties, formats of captures and of images
		d.codes()
	}
	i.Maker = d.optionalText()
	i.Model = d.optionalText()
	i.Version = d.optionalText()
	i.Serial = d.optionalText()
	return i, d.err
}

// offers reports whether the device says that it has an operation. Codes of
// extensions mean what they do here only beside the name of the extension:
// another maker may have given 95C1 to something that writes.
func (i DeviceInfo) offers(op operation) bool {
	if op == opPartial64 && !strings.Contains(strings.ToLower(i.Extensions), "android.com") {
		return false
	}
	return slices.Contains(i.Operations, uint16(op))
}

// storageInfo is what a device says of one storage (ISO 15740, 5.5.3).
type storageInfo struct {
	Description, Label string
}

func parseStorageInfo(b []byte) (storageInfo, error) {
	d := &decoder{b: b}
	d.take(2 + 2 + 2 + 8 + 8 + 4) // kinds, access, capacity, free space
	i := storageInfo{Description: d.optionalText()}
	i.Label = d.optionalText()
	return i, d.err
}

func parseHandles(b []byte) ([]uint32, error) {
	d := &decoder{b: b}
	handles := d.words()
	return handles, d.err
}

const formatFolder = 0x3001 // of an association, which is a folder

// ObjectInfo is what a device says of one object (ISO 15740, 5.5.2).
type ObjectInfo struct {
	Storage  uint32
	Format   uint16
	Size     int64 // bytes
	Parent   uint32
	Name     string
	Captured time.Time // zero when the device does not say
	Modified time.Time // the same

	size32 uint32 // FFFFFFFF from 4 GiB on
}

func parseObjectInfo(b []byte) (ObjectInfo, error) {
	d := &decoder{b: b}
	var i ObjectInfo
	i.Storage = d.u32()
	i.Format = d.u16()
	d.u16() // protection
	i.size32 = d.u32()
	i.Size = int64(i.size32)
	d.take(2 + 4 + 4 + 4 + 4 + 4 + 4) // thumbnail, picture
	i.Parent = d.u32()
	d.take(2 + 4 + 4) // association, sequence
	i.Name = d.text()
	i.Captured = parseTime(d.optionalText())
	i.Modified = parseTime(d.optionalText())
	return i, d.err
}

// modTime is the time of the last change, else that of the recording.
func (i ObjectInfo) modTime() time.Time {
	if i.Modified.IsZero() {
		return i.Captured
	}
	return i.Modified
}

// parseTime reads YYYYMMDDThhmmss[.s][Z|±hhmm] (ISO 15740, 5.3.5.2). Without a
// zone it is the clock of the camera, taken as UTC as a mounted card's is. What
// is no such time is the zero time.
func parseTime(s string) time.Time {
	for _, layout := range []string{"20060102T150405", "20060102T150405Z0700"} {
		// Parse takes a fraction after the seconds whether the layout has one or not.
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
