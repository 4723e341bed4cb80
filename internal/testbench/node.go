package testbench

import (
	"context"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// node is one file or folder of a camera.
type node struct {
	fs.LoopbackNode
	cam *Cam
}

var (
	_ fs.NodeWrapChilder    = (*node)(nil)
	_ fs.NodeLookuper       = (*node)(nil)
	_ fs.NodeGetattrer      = (*node)(nil)
	_ fs.NodeOpener         = (*node)(nil)
	_ fs.NodeOpendirHandler = (*node)(nil)
	_ fs.NodeUnlinker       = (*node)(nil)
	_ fs.FileReaddirenter   = (*listing)(nil)
	_ fs.FileReleasedirer   = (*listing)(nil)
)

// WrapChild makes the nodes of all names ours.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: fs.LoopbackNode{RootData: ops.(*fs.LoopbackNode).RootData}, cam: n.cam}
}

func (n *node) path() string { return n.Path(n.Root()) }

func (n *node) child(name string) string {
	if p := n.path(); p != "" {
		return p + "/" + name
	}
	return name
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ch, errno := n.LoopbackNode.Lookup(ctx, name, out)
	if errno == 0 && out.Mode&unix.S_IFMT == unix.S_IFREG {
		out.Size = n.cam.size(n.child(name), out.Size)
	}
	return ch, errno
}

func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.LoopbackNode.Getattr(ctx, nil, out); errno != 0 {
		return errno
	}
	if out.Mode&unix.S_IFMT == unix.S_IFREG {
		out.Size = n.cam.size(n.path(), out.Size)
	}
	return 0
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	path := n.path()
	if a := n.cam.faults.first(path, OpenError); a != nil {
		return nil, 0, a.errno(syscall.EIO)
	}
	if flags&unix.O_ACCMODE != unix.O_RDONLY {
		fh, _, errno := n.LoopbackNode.Open(ctx, flags)
		return fh, fuse.FOPEN_DIRECT_IO, errno
	}
	f, err := os.Open(n.cam.Dir + "/" + path)
	if err != nil {
		return nil, 0, fs.ToErrno(err)
	}
	return &reader{cam: n.cam, path: path, file: f, opening: n.cam.opened(path)}, fuse.FOPEN_DIRECT_IO, 0
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	path := n.child(name)
	if a := n.cam.faults.first(path, EraseFail); a != nil {
		return a.errno(syscall.EROFS)
	}
	if n.cam.faults.first(path, EraseLost) != nil {
		return 0
	}
	return n.LoopbackNode.Unlink(ctx, name)
}

func (n *node) OpendirHandle(ctx context.Context, _ uint32) (fs.FileHandle, uint32, syscall.Errno) {
	path := n.path()
	l := &listing{}
	if n.cam.faults.first(path, ListEmpty) != nil {
		return l, 0, 0
	}
	dir, errno := fs.NewLoopbackDirStream(n.cam.Dir + "/" + path)
	if errno != 0 {
		return nil, 0, errno
	}
	l.dir = dir
	if a := n.cam.faults.first(path, ListError); a != nil {
		l.errno, l.left = a.errno(syscall.EIO), a.At
	}
	return l, 0, 0
}

// listing gives the names of one folder until it fails.
type listing struct {
	dir   fs.DirStream // nil: empty
	errno syscall.Errno
	left  int64 // names before errno; "." and ".." do not count
}

func (l *listing) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	if l.dir == nil {
		return nil, 0
	}
	if l.errno != 0 && l.left <= 0 {
		return nil, l.errno
	}
	if !l.dir.HasNext() {
		return nil, l.errno
	}
	e, errno := l.dir.Next()
	if errno == 0 && e.Name != "." && e.Name != ".." {
		l.left--
	}
	return &e, errno
}

func (l *listing) Releasedir(context.Context, uint32) {
	if l.dir != nil {
		l.dir.Close()
	}
}
