package device

import (
	"errors"

	"github.com/custodock/custodock/clip"
)

// What a Tree that can erase says of a file it did not erase. Nothing was touched
// then.
var (
	// ErrChanged says that the bytes on the device are not those that were to
	// be erased.
	ErrChanged = errors.New("the file on the device differs; nothing was erased")

	// ErrReadOnly says that the device cannot be written: its lock is set, or
	// its file system must not be.
	ErrReadOnly = errors.New("the device cannot be written; nothing was erased")

	// ErrProtected says that the file system protects this one file.
	ErrProtected = errors.New("the file is protected on the device; nothing was erased")
)

// EraseRequest names a file of a device and what must be in it.
type EraseRequest struct {
	Path   string // relative to the root of the tree, raw bytes
	Size   int64  // bytes
	SHA256 clip.Digest
}
