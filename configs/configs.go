// Package configs holds the configuration of a dock: its form, its strict
// loading, its defaults, and the facts that ship inside the binary: the device
// profiles and the list of matters that must be recorded.
//
// Loading is strict on purpose. A key that is misspelt, a value of the wrong
// type or a key that stands twice is an error with file, line and column,
// because a setting that is silently not in force is found out too late.
package configs

import (
	"embed"
	"io/fs"
	"time"
)

// The policies: when the bay says that the camera may be taken away.
const (
	PolicyDock    = "dock"    // every clip is recorded on this dock
	PolicyCentral = "central" // every clip is in central storage
)

// What becomes of a camera on USB whose files no device profile knows.
const (
	UnknownHold = "hold" // nothing is read until an admin says so
	UnknownTake = "take" // it is taken as nobody's
)

// DefaultQuiet is how long a file in a drop folder must stay unchanged before
// it is read, where the drop does not say.
const DefaultQuiet = 10 * time.Second

// DefaultMounter is the socket that custodock-mounter.service makes.
const DefaultMounter = "/run/custodock-mounter/socket"

// Duration is written like 1s, 500ms or 10m.
type Duration = time.Duration

// Config is one dock's configuration.
type Config struct {
	Log        string   `yaml:"log"`         // name of the log, fixed by init; "" makes one from the key
	Authority  string   `yaml:"authority"`   // who answers for the log; "" is the host name
	Key        string   `yaml:"key"`         // file of the private signing key; "" is key in the state folder
	Lang       string   `yaml:"lang"`        // en or zh
	Stores     []Store  `yaml:"stores"`      // central storage; none means the embedded store
	Copies     Copies   `yaml:"copies"`      // how many stores are enough
	Scrub      Scrub    `yaml:"scrub"`       // reading back what is stored
	Keep       Keep     `yaml:"keep"`        // clips that stay on the dock after they were stored
	Alarms     Alarms   `yaml:"alarms"`      // when a person is called, and how
	Access     Access   `yaml:"access"`      // who may do what through the socket
	Roots      []string `yaml:"roots"`       // folders under which mounts are cameras
	USB        USB      `yaml:"usb"`         // what is let in on USB
	Drops      []Drop   `yaml:"drops"`       // folders that files are copied into
	Bays       []Bay    `yaml:"bays"`        // names of the physical ports
	Mounter    string   `yaml:"mounter"`     // socket of the privileged helper; "" is none
	Board      string   `yaml:"board"`       // host:port of the board; "" is no board
	Policy     string   `yaml:"policy"`      // PolicyDock or PolicyCentral
	Erase      Erase    `yaml:"erase"`       // of cameras, never by default
	RereadDays int      `yaml:"reread_days"` // after so many days a known file is read again whole
	Stall      Duration `yaml:"stall"`       // a camera that says nothing for so long hangs
	Reserve    Size     `yaml:"reserve"`     // disk space kept back for the manifest
	Publish    Duration `yaml:"publish"`     // shortest time between two publishings
	TSA        []TSA    `yaml:"tsa"`         // time-stamp authorities, the first that answers stamps
	Zone       string   `yaml:"zone"`        // zone of camera times that name none: IANA name, ±hh:mm or Local
	SM3        bool     `yaml:"sm3"`         // compute SM3 beside SHA-256
	Matters    string   `yaml:"matters"`     // file with the list of matters; "" is the one that ships
	Hooks      []Hook   `yaml:"hooks"`       // programs that talk to cameras; none unless named
	Devices    []Device `yaml:"devices"`     // registered devices
	Profiles   string   `yaml:"profiles"`    // folder of the admin's own device profiles; "" is none
	Unknown    string   `yaml:"unknown"`     // UnknownHold or UnknownTake

	Witnesses   Witnesses `yaml:"witnesses"`    // who cosigns the log
	AnchorEvery Duration  `yaml:"anchor_every"` // between two time stamps of a log that grows
}

// Drop is a folder that files are copied into.
type Drop struct {
	Path  string   `yaml:"path"`
	Quiet Duration `yaml:"quiet"` // DefaultQuiet when not set
	Bay   string   `yaml:"bay"`
}

// Bay is a physical port with the name people give it.
type Bay struct {
	Name string `yaml:"name"`
	Path string `yaml:"path"` // of the USB port, such as 1-1.4, or an absolute mount point
}

// Device is a registered device.
type Device struct {
	ID         string      `yaml:"id"` // neutral, it stands in the log: c017
	Match      Match       `yaml:"match"`
	Collectors []Collector `yaml:"collectors"`
	Unit       string      `yaml:"unit"`
	Zone       string      `yaml:"zone"`    // of its clock, where it differs from the dock's
	Profile    string      `yaml:"profile"` // name of a device profile; "" lets its files decide
	Bay        string      `yaml:"bay"`
}

// Match says how a registered device is known. Every value given must agree.
type Match struct {
	FSUUID string `yaml:"fs_uuid"`
	Label  string `yaml:"label"`
	Serial string `yaml:"serial"`
	// ProfileID is the id that a device profile finds on the device itself: in a
	// file, or in a volume label that is one.
	ProfileID string `yaml:"profile_id"`
}

// Collector is a person the device is given to.
type Collector struct {
	Person string `yaml:"person"`
	Badge  string `yaml:"badge"`
	Unit   string `yaml:"unit"`
}

// Default is the configuration of a dock that has no file.
func Default() Config {
	return Config{
		Lang:       "en",
		Roots:      []string{"/media", "/run/media"},
		Mounter:    DefaultMounter,
		Board:      "127.0.0.1:8630",
		USB:        USB{Guard: GuardOff},
		Policy:     PolicyDock,
		Erase:      Erase{Mode: EraseNever},
		RereadDays: 30,
		Stall:      time.Minute,
		Reserve:    256 << 20,
		Publish:    time.Second,
		Copies:     Copies{Confirmed: 1},
		Scrub:      Scrub{Days: 30, Rate: 20 << 20},
		Keep:       Keep{Percent: 80},
		Alarms:     Alarms{QueueAge: 6 * time.Hour, Late: 24 * time.Hour, Clock: 15 * time.Second, CameraClock: 2 * time.Minute, Disk: 10},
		Access: Access{
			Officer: Members{Groups: []string{"custodock-officer"}},
			Admin:   Members{Groups: []string{"custodock-admin"}},
			Auditor: Members{Groups: []string{"custodock-auditor"}},
		},
		Zone:    "Local",
		Unknown: UnknownHold,

		AnchorEvery: time.Hour,
	}
}

//go:embed custodock.yaml
var example []byte

//go:embed matters.yaml
var matters []byte

//go:embed devices/*.yaml
var devices embed.FS

// Example returns the commented configuration file whose values are the
// defaults.
func Example() []byte { return append([]byte(nil), example...) }

// Devices returns the device profiles, one YAML file each in the root.
func Devices() fs.FS {
	sub, err := fs.Sub(devices, "devices")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}
