package device

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// camera is a file system whose directories are as faulty as a name says:
// "eio" cannot be listed, "half" ends with EIO after some names, "stat" holds a
// file that cannot be described, "loop" holds itself.
type camera struct {
	fuse.RawFileSystem
	root []string
	next atomic.Uint64
	name [1 << 8]atomic.Pointer[string] // by node id
}

const loopIno = 7777

func (c *camera) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if name == "bad.mp4" {
		return fuse.EIO
	}
	out.NodeId = c.next.Add(1)
	if int(out.NodeId) >= len(c.name) {
		return fuse.EIO
	}
	c.name[out.NodeId].Store(&name)
	c.attr(out.NodeId, name, &out.Attr)
	out.SetEntryTimeout(time.Hour)
	return fuse.OK
}

func (c *camera) attr(node uint64, name string, a *fuse.Attr) {
	a.Ino, a.Nlink, a.Mode = node, 2, fuse.S_IFDIR|0o755
	switch {
	case strings.HasSuffix(name, ".mp4"):
		a.Nlink, a.Mode, a.Size = 0, fuse.S_IFREG|0o644, 8<<20 // some file systems count no links
	case name == "loop":
		a.Ino = loopIno
	}
}

func (c *camera) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	c.attr(in.NodeId, *c.name[in.NodeId].Load(), &out.Attr)
	return fuse.OK
}

func (c *camera) OpenDir(<-chan struct{}, *fuse.OpenIn, *fuse.OpenOut) fuse.Status { return fuse.OK }
func (c *camera) Open(_ <-chan struct{}, _ *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_DIRECT_IO
	return fuse.OK
}
func (c *camera) Read(_ <-chan struct{}, _ *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	return fuse.ReadResultData(buf), fuse.OK
}

func (c *camera) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	dir := *c.name[in.NodeId].Load()
	names := []string{"ok.mp4"}
	switch dir {
	case "":
		names = c.root
	case "eio":
		return fuse.EIO
	case "stat":
		names = []string{"bad.mp4", "ok.mp4"}
	case "loop":
		names = []string{dir}
	}
	if dir == "half" && in.Offset == 1 {
		return fuse.EIO
	}
	for i := int(in.Offset); i < len(names); i++ {
		out.AddDirEntry(fuse.DirEntry{Name: names[i], Ino: 1, Off: uint64(i + 1)})
	}
	return fuse.OK
}

// serve mounts the camera. The connection's number is the minor of st_dev.
func serve(t *testing.T, root ...string) (f *Folder, abort func()) {
	t.Helper()
	c := &camera{RawFileSystem: fuse.NewDefaultRawFileSystem(), root: root}
	c.next.Store(fuse.FUSE_ROOT_ID)
	c.name[fuse.FUSE_ROOT_ID].Store(new(string))
	point := filepath.Join(t.TempDir(), "cam")
	must(t, os.Mkdir(point, 0o755))
	server, err := fuse.NewServer(c, point, &fuse.MountOptions{DirectMountStrict: true, FsName: "camera", DisableXAttrs: true, DisableReadDirPlus: true})
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve()
	}()
	t.Cleanup(func() {
		detach(t, point)
		<-done
	})
	must(t, server.WaitMount())
	f = openFolder(t, point)
	_, minor, _ := strings.Cut(f.DeviceID(), ":")
	const connections = "/sys/fs/fuse/connections"
	return f, func() {
		// A machine without systemd has it not yet.
		if err := unix.Mount("fusectl", connections, "fusectl", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			t.Fatalf("mount fusectl: %v", err)
		}
		must(t, os.WriteFile(filepath.Join(connections, minor, "abort"), []byte("1"), 0))
	}
}

func TestListingIncomplete(t *testing.T) {
	for _, bad := range []string{"eio", "half", "stat"} {
		t.Run(bad, func(t *testing.T) {
			f, _ := serve(t, bad, "first", "second")
			files := 0
			_, err := f.Scan(t.Context(), func(File) error { files++; return nil })
			wantErr(t, "scan", err, ErrIncomplete)
			wantErr(t, "scan", err, unix.EIO)
			if want := map[string]int{"eio": 2, "half": 3, "stat": 3}[bad]; files != want {
				t.Errorf("%d files, want %d: the others must be listed", files, want)
			}
		})
	}
	f, _ := serve(t, "eio", "stat", "ok")
	_, err := f.Scan(t.Context(), func(File) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "and 1 more") {
		t.Errorf("two troubles gave %v", err)
	}
}

func TestDirectoryLoop(t *testing.T) {
	f, _ := serve(t, "loop", "ok")
	paths, scan := list(t, f)
	if d := cmp.Diff([]Skipped{{"loop/loop", SkipLoop}}, scan.Skipped); d != "" || len(paths) != 1 {
		t.Error(d, paths)
	}
}

// As when the plug is pulled: the connection ends under the reader.
func TestUnplugInMidRead(t *testing.T) {
	f, abort := serve(t, "ok")
	file, err := f.Open("ok/ok.mp4")
	must(t, err)
	defer func() { _ = file.Close() }()
	buf := make([]byte, 64<<10)
	if n, err := file.ReadAt(buf, 0); n != len(buf) || err != nil {
		t.Fatalf("read %d, %v", n, err)
	}
	abort()
	if _, err := file.ReadAt(buf, 0); err == nil {
		t.Fatal("the fault did not come")
	}
	wantErr(t, "alive", f.Alive(t.Context()), ErrGone)
	_, err = f.Open("ok/ok.mp4")
	wantErr(t, "open", err, ErrGone)
	_, err = f.Scan(t.Context(), func(File) error { return nil })
	wantErr(t, "scan", err, ErrGone)
	if errors.Is(err, ErrIncomplete) {
		t.Errorf("gone and incomplete at once: %v", err)
	}
}
