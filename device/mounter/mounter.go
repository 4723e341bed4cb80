// Package mounter lets an unprivileged daemon read cameras that only root may
// mount. The server is the privileged helper; the client belongs to the daemon.
//
// One connection to the helper's unix socket is one volume. Requests and replies
// are lines of JSON of at most 64 KiB; unknown keys are refused. Bytes of the
// device (paths, labels) travel as base64, for they need not be UTF-8.
//
//	→ {"op":"mount","dev":"8:17"}
//	← {"volume":{"dev":"8:17","fs":"vfat","uuid":"5F3A-1B2C","label":"QTEx"}}
//	→ {"op":"erase","path":"RENJTS8xLk1QNA==","size":4096,"sha256":"…"}
//	← {"erased":true}
//	← {"error":{"code":"changed","text":"…"}}
//
// The reply to mount carries two descriptors (SCM_RIGHTS, unix(7)): the root
// directory, open for reading, and the mount itself. The mount is detached: it
// has no place in any mount table, and it goes when the last descriptor of it
// does. A client that ends, however it ends, leaves nothing mounted.
//
// The block device is read-only before the file system is looked at and stays
// so but for the moment of an erase; until the camera is pulled out nothing else
// on the machine can write to it either.
package mounter

import (
	"errors"
	"fmt"

	"github.com/custodock/custodock/device"
)

// DefaultSocket is where the helper listens unless it is told otherwise.
const DefaultSocket = "/run/custodock-mounter/socket"

// Errors a caller branches on.
var (
	// ErrNoMounter says that nothing listens on the socket, or that the helper
	// went away.
	ErrNoMounter = errors.New("no mounter answers; start custodock-mounter.service")

	// ErrNotAllowed says that the helper will not do this: the peer is not the
	// daemon's user, the device is no USB disk, or the file is protected.
	ErrNotAllowed = errors.New("the mounter refuses")

	// ErrBusy says that somebody else uses the volume: it is mounted, or is
	// swap, or part of a larger volume.
	ErrBusy = errors.New("the volume is in use; unmount it elsewhere")

	// ErrFilesystem says that the volume holds no file system that can be
	// read: an unknown one, a damaged one, or one this kernel has no module for.
	ErrFilesystem = errors.New("the file system cannot be read")

	// ErrGone says that the device is no longer there.
	ErrGone = device.ErrGone

	// ErrChanged, ErrReadOnly and ErrProtected are those of the device.
	ErrChanged   = device.ErrChanged
	ErrReadOnly  = device.ErrReadOnly
	ErrProtected = device.ErrProtected
)

// EraseRequest names a file of a mounted volume and what must be in it.
type EraseRequest = device.EraseRequest

// maxLine is the longest request or reply, in bytes. Linux has no path longer
// than 4 KiB that one call can open, and no label longer than 256 bytes.
const maxLine = 64 << 10

// maxPath is the longest path that is asked for, in bytes; it fits a line.
const maxPath = maxLine / 2

// The operations.
const (
	opMount = "mount"
	opErase = "erase"
)

type request struct {
	Op     string `json:"op"`
	Dev    string `json:"dev,omitempty"`
	Path   []byte `json:"path,omitempty"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"` // lower-case hex
}

type reply struct {
	Volume *volumeReply `json:"volume,omitempty"`
	Erased bool         `json:"erased,omitempty"`
	Error  *errorReply  `json:"error,omitempty"`
}

type volumeReply struct {
	Dev   string   `json:"dev"`
	FS    string   `json:"fs"`
	UUID  string   `json:"uuid,omitempty"`
	Label []byte   `json:"label,omitempty"`
	Notes []string `json:"notes,omitempty"` // what this kernel could not do
}

type errorReply struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// codes are the errors that keep their meaning over the socket. The first that
// fits is sent.
var codes = []struct {
	code string
	err  error
}{
	{"gone", ErrGone},
	{"not_allowed", ErrNotAllowed},
	{"unsafe", device.ErrUnsafe},
	{"busy", ErrBusy},
	{"filesystem", ErrFilesystem},
	{"changed", ErrChanged},
	{"read_only", ErrReadOnly},
	{"protected", ErrProtected},
}

// codeFailed is any other error.
const codeFailed = "failed"

func encodeError(err error) *errorReply {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return &errorReply{Code: c.code, Text: err.Error()}
		}
	}
	return &errorReply{Code: codeFailed, Text: err.Error()}
}

// remoteError is an error that the helper told, in the helper's words.
type remoteError struct {
	text string
	kind error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }

func decodeError(r *errorReply) error {
	for _, c := range codes {
		if c.code == r.Code {
			return &remoteError{text: r.Text, kind: c.err}
		}
	}
	return fmt.Errorf("the mounter says: %s", r.Text)
}
