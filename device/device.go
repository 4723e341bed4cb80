// Package device reads the folders that cameras show: a mounted card, a drop
// folder, a directory handed over a socket.
//
// Nothing in such a folder is trusted. It is held by one open directory handle,
// every path is resolved beneath that handle with openat2(2), no symbolic link
// is followed, no other mount is entered and nothing but a regular file with one
// link is opened. Names are raw bytes: they are never cleaned, decoded or
// compared in another form than the device gave.
//
// A device can vanish while it is read, and the kernel may then answer with an
// empty listing instead of an error. So a listing or an early end of file is
// believed only if Folder.Alive still holds afterwards.
package device

import (
	"errors"
	"time"
)

// Errors a caller branches on.
var (
	// ErrGone says that the device behind a folder is no longer there. Nothing
	// read since the last successful Folder.Alive may be believed.
	ErrGone = errors.New("the device is gone; dock it again")

	// ErrHangs says that a device does not answer. It may still be there.
	ErrHangs = errors.New("the camera hangs; take it out and dock it again")

	// ErrUnsafe says that a path is not a plain file or folder of this folder:
	// a link, a node, a second name of a file, another mount, or a way out.
	ErrUnsafe = errors.New("not a plain file of this folder")

	// ErrIncomplete says that part of a folder could not be listed. The files
	// that were listed are real; the absence of others means nothing.
	ErrIncomplete = errors.New("listing incomplete")
)

// The kinds of Identity.
const (
	FSUUID    = "fs_uuid"
	Label     = "label"
	USBSerial = "usb_serial"
	ByProfile = "profile" // read out of a file by a device profile, never by this package
)

// Identity is one thing a device says of itself. The value is as the device gave
// it and must be quoted before it is shown.
type Identity struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// File is one regular file with one link, as the listing saw it.
type File struct {
	Path       string    // relative to the folder, slash-separated, raw bytes
	Size       int64     // bytes
	ModTime    time.Time // as the file system gave it, in UTC
	ChangeTime time.Time // inode change, in UTC; set by the kernel, never by a program
	Ino        uint64
}

// Scan is what a listing found besides the files it reported.
type Scan struct {
	Files   int
	Dirs    int // the folder itself included
	Skipped []Skipped
}

// Skipped is a name that is there and was not taken.
type Skipped struct {
	Path, Reason string
}

// The reasons for Skipped.
const (
	SkipSymlink  = "symbolic link"
	SkipFIFO     = "fifo"
	SkipSocket   = "socket"
	SkipNode     = "device node"
	SkipHardLink = "hard link"
	SkipMount    = "nested mount"
	SkipLoop     = "directory loop"
	SkipDeep     = "too deep"
	SkipVanished = "vanished while listing"
	SkipDenied   = "no permission" // only lost+found, which mkfs makes for root alone
)
