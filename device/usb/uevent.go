package usb

import (
	"bytes"
	"errors"
	"strings"
)

// Actions of an Event that the kernel does not send.
const (
	Started = "start" // the watch has begun: what happened before is not known
	Lost    = "lost"  // events came faster than they were taken: some are missing
)

// Event is a hint that something changed. Root can write events of its own into
// the kernel's channel, so no decision rests on one: it is the reason to look.
type Event struct {
	Action    string // "add", "remove", "change", "bind", …, Started, Lost
	Subsystem string // "usb", "block", …
	DevType   string // "usb_device", "usb_interface", "disk", "partition"; empty elsewhere
	DevPath   string // below /sys, raw bytes
	DevID     string // "8:17" of a block device
	Token     string // UUID of an event that somebody asked the kernel for, or empty
}

// Rescan reports whether everything must be looked at anew.
func (e Event) Rescan() bool { return e.Action == Started || e.Action == Lost }

// Port returns the path of the USB device that the event is about or that lies
// above what it is about; empty outside USB.
func (e Event) Port() string { return lastPort(e.DevPath) }

// maxEvent is far above what the kernel sends: 2 KiB of values and a path of at
// most a page.
const maxEvent = 16 << 10

var errEvent = errors.New("no kernel event")

// parseEvent reads a message of the form of Documentation/core-api/kobject:
// "ACTION@DEVPATH", then KEY=VALUE, each ended by a zero byte. The kernel writes
// ACTION, DEVPATH and SUBSYSTEM before what drivers add, so the first value of a
// key is the one that counts.
func parseEvent(b []byte) (Event, error) {
	if len(b) == 0 || len(b) > maxEvent || b[len(b)-1] != 0 {
		return Event{}, errEvent
	}
	head, rest, _ := bytes.Cut(b, []byte{0})
	var e Event
	var major, minor string
	keys := map[string]*string{
		"ACTION": &e.Action, "DEVPATH": &e.DevPath, "SUBSYSTEM": &e.Subsystem, "DEVTYPE": &e.DevType,
		"MAJOR": &major, "MINOR": &minor, "SYNTH_UUID": &e.Token,
	}
	for len(rest) > 0 {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{0})
		key, value, ok := bytes.Cut(pair, []byte{'='})
		if !ok {
			return Event{}, errEvent
		}
		if field := keys[string(key)]; field != nil {
			*field = string(value)
			delete(keys, string(key))
		}
	}
	if e.Action == "" || !strings.HasPrefix(e.DevPath, "/") || string(head) != e.Action+"@"+e.DevPath {
		return Event{}, errEvent
	}
	if e.Subsystem == "block" && digits(major) && digits(minor) {
		e.DevID = major + ":" + minor
	}
	if e.Rescan() {
		return Event{}, errEvent // ours alone
	}
	return e, nil
}
