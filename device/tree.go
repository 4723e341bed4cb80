package device

import (
	"context"
	"io"
	"os"
)

// Reader is one open file of a device. Stat asks the device anew, so that a file
// which changes while it is read is noticed.
type Reader interface {
	io.ReadCloser
	io.ReaderAt
	Stat() (os.FileInfo, error)
}

// Tree is the files of one device, however they are reached: a mounted folder
// or a conversation over USB. Its methods may be called from many goroutines; a
// call on a device that hangs may hang. What Scan and an early end of a file say
// holds only while Alive returns nil afterwards.
type Tree interface {
	Path() string    // for display only
	MountRoot() bool // the tree is a whole file system or device, not a folder in one
	Coarse() bool    // modification times are FAT's: local time in steps of 2 s
	Identities() []Identity
	Alive(ctx context.Context) error
	Scan(ctx context.Context, fn func(File) error) (Scan, error)
	Open(path string) (Reader, error)
	Close() error
}

var _ Tree = (*Folder)(nil)
