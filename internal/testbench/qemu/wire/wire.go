// Package wire is what the bench and the agent in its machine say to each
// other over a virtio-serial port: one JSON object a line, many requests under
// way at once.
package wire

import "time"

// PortName is the name of the port, as both sides of the machine know it.
const PortName = "custodock.agent"

// Order is the file of the initrd that names the modules to load at boot, and
// Modules the folder they are in.
const (
	Modules = "/modules"
	Order   = Modules + "/order"
)

// The requests.
const (
	Ping    = "ping"    // answers with the time
	Load    = "load"    // loads the modules in Args, in that order
	Run     = "run"     // runs Args as user Number; its output streams
	Signal  = "signal"  // sends Number to the process of request To
	Read    = "read"    // answers with the bytes of Path
	Write   = "write"   // puts Data into Path, at its end when Append is set
	Ask     = "ask"     // Args[0] Args[1] with body Data over the unix socket Path; its answer streams
	Uevents = "uevents" // streams what the kernel tells of devices, a line each with its time
)

// Request asks the agent for something.
type Request struct {
	ID     int64    `json:"id"`
	Op     string   `json:"op"`
	Args   []string `json:"args,omitempty"`
	Path   string   `json:"path,omitempty"`
	Data   []byte   `json:"data,omitempty"`
	Append bool     `json:"append,omitempty"`
	To     int64    `json:"to,omitempty"`
	Number int      `json:"number,omitempty"`
}

// Reply is one of perhaps many answers to a request. Done marks the last.
type Reply struct {
	ID     int64     `json:"id"`
	Stdout []byte    `json:"stdout,omitempty"`
	Stderr []byte    `json:"stderr,omitempty"`
	Done   bool      `json:"done,omitempty"`
	Code   int       `json:"code,omitempty"` // exit status, -1 when a signal ended it
	Error  string    `json:"error,omitempty"`
	At     time.Time `json:"at"` // by the clock of the machine
}
