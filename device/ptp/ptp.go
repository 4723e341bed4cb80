// Package ptp reads cameras that speak PTP (ISO 15740) or its child MTP 1.1 over
// USB instead of showing a disk.
//
// The initiator asks, the responder answers, one transaction at a time: a
// command container, perhaps data containers, a response container (ISO 15740
// annex D: 12 bytes of length, type, code and transaction, all little-endian).
// Only operations that read are compiled in, see operations.
//
// A camera is not trusted: every length is bounded, every answer is checked
// against the question, and whatever breaks the protocol ends, after a bounded
// number of recoveries, with an error. Nothing waits for ever: each transfer has
// a time limit, and a device that left the bus is device.ErrGone at once and
// from then on.
//
// Handles of objects live as long as a session does. Where a session had to be
// opened anew, the device is listed again before an object is touched.
package ptp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/custodock/custodock/device"
)

// Errors a caller branches on.
var (
	// ErrStall is what a Pipe returns when an endpoint is halted.
	ErrStall = errors.New("the endpoint is halted")

	// ErrProtocol says that the device broke the protocol and could not be
	// brought back to it.
	ErrProtocol = errors.New("the camera does not keep to PTP; dock it again")

	// ErrHangs says that the device is there and does not answer.
	ErrHangs = errors.New("the camera does not answer; dock it again")

	// ErrChanged says that an object is no longer what was opened.
	ErrChanged = errors.New("the file changed on the camera; dock it again")

	// ErrNoLibrary is returned by Dial in a program built without cgo.
	ErrNoLibrary = errors.New("this build has no USB library; use a build with cgo and libusb")
)

// errFault marks answers that break the protocol.
var errFault = errors.New("broken answer")

func faultf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errFault}, args...)...)
}

// Pipe is the still-image interface of one USB device. The bulk methods are
// called by one goroutine at a time, Present by any. Errors are ErrStall, that
// of the context, an error that is device.ErrGone when the device left the bus,
// or any other for a failed transfer. A transfer ends when the context does.
type Pipe interface {
	// PacketSize is the size of a full bulk packet in bytes.
	PacketSize() int
	// Write sends p as one bulk transfer.
	Write(ctx context.Context, p []byte) (int, error)
	// Read receives one bulk transfer. It ends with a packet that is not full
	// or when p is; len(p) is a multiple of the packet size. None and no error
	// is a packet of no bytes.
	Read(ctx context.Context, p []byte) (int, error)
	// ClearHalt brings both bulk endpoints back to their first state, on the
	// side of the host too.
	ClearHalt(ctx context.Context) error
	// Status is the class request Get Device Status; the code is a response's.
	Status(ctx context.Context) (uint16, error)
	// Cancel is the class request Cancel for a transaction.
	Cancel(ctx context.Context, transaction uint32) error
	// Reset is the class request Device Reset: the session ends.
	Reset(ctx context.Context) error
	// Present is nil while the device is on the bus, busy or not.
	Present(ctx context.Context) error
	// Close lets the interface go.
	Close() error
}

// Options say how a session is held. The zero value has the limits of real
// cameras.
type Options struct {
	Port    string        // "BUS-PORT", for display: the tree's path is "ptp:" and this
	Serial  string        // of the USB descriptor, raw
	Timeout time.Duration // of one transfer; 0 is 20 s
	List    time.Duration // for the start of the listing of a folder; 0 is 60 s
	Quiet   time.Duration // how long a recovery listens for what still comes; 0 is 100 ms
}

func (o Options) filled() Options {
	if o.Timeout <= 0 {
		o.Timeout = 20 * time.Second
	}
	if o.List <= 0 {
		o.List = time.Minute // a folder of thousands of files takes a camera long
	}
	if o.Quiet <= 0 {
		o.Quiet = 100 * time.Millisecond
	}
	return o
}

// Bounds of what a device may send. Reaching one is never silent.
const (
	maxDataset = 1 << 20 // bytes of one dataset
	maxHandles = 1 << 20 // of one folder
	maxDepth   = 4096    // levels of folders
	maxNames   = 64 << 20
)

// maxObjects bounds one listing; tests lower it.
var maxObjects = 1 << 20

var (
	_ device.Tree   = (*Session)(nil)
	_ device.Reader = (*Reader)(nil)
)
