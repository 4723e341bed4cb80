package testbench

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// Cam is a real folder seen through a file system that can misbehave. Reads
// go past the page cache, so each one that a program makes is seen here.
type Cam struct {
	Mountpoint string // where the camera is mounted
	Dir        string // the folder behind it; changes there show at once

	t      testing.TB
	faults *faults
	server *fuse.Server
	conn   string // its folder in /sys/fs/fuse/connections

	mu    sync.Mutex
	grown map[string]int64 // bytes added by Grow
	opens map[string]int   // openings so far
	gone  chan struct{}    // closed by Unplug
}

const connections = "/sys/fs/fuse/connections"

// Camera mounts dir with these faults until the test ends.
func Camera(t testing.TB, dir string, list ...Fault) *Cam {
	t.Helper()
	needRoot(t, "a camera file system")
	mountConnections(t)
	c := &Cam{
		Mountpoint: filepath.Join(t.TempDir(), "camera"), Dir: dir, t: t, faults: newFaults(),
		grown: map[string]int64{}, opens: map[string]int{},
	}
	if err := os.Mkdir(c.Mountpoint, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Inject(list...)
	c.Plug()
	t.Cleanup(c.Pull)
	return c
}

// mountConnections makes the kernel's list of FUSE connections readable, as a
// booted system has it.
func mountConnections(t testing.TB) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(connections, &st); err == nil && st.Type == 0x65735543 {
		return
	}
	if err := unix.Mount("fusectl", connections, "fusectl", 0, ""); err != nil && err != unix.EBUSY {
		t.Fatalf("mount fusectl on %s: %v", connections, err)
	}
}

// Plug mounts the camera again after Pull or Unplug, faults and all.
func (c *Cam) Plug() {
	c.t.Helper()
	c.Pull()
	var st unix.Stat_t
	if err := unix.Stat(c.Dir, &st); err != nil {
		c.t.Fatal(err)
	}
	data := &fs.LoopbackRoot{Path: c.Dir, Dev: st.Dev}
	root := &node{LoopbackNode: fs.LoopbackNode{RootData: data}, cam: c}
	data.RootNode = root
	c.gone = make(chan struct{})
	server, err := fs.Mount(c.Mountpoint, root, &fs.Options{
		MountOptions: fuse.MountOptions{
			AllowOther: true, DirectMountStrict: true, FsName: "camera", Name: "camera", DisableXAttrs: true,
			MaxWrite: 512 << 10, Logger: log.New(io.Discard, "", 0),
		},
		NullPermissions: true,
	})
	if err != nil {
		c.t.Fatalf("mount camera: %v", err)
	}
	if err := unix.Stat(c.Mountpoint, &st); err != nil {
		c.t.Fatal(err)
	}
	c.server, c.conn = server, fmt.Sprintf("%s/%d", connections, unix.Minor(st.Dev))
}

// Unplug is the cable pulled: every read under way and every later use of the
// mount answers ENOTCONN, while the mount still stands in mountinfo.
func (c *Cam) Unplug() {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.conn, "abort"), []byte("1"), 0); err != nil {
		c.t.Fatalf("unplug: %v", err)
	}
	close(c.gone)
	c.server.Wait()
}

// Pull unmounts the camera, busy or not. It may be called when it is out.
func (c *Cam) Pull() {
	c.t.Helper()
	if c.server == nil {
		return
	}
	// The connection is cut first: a program that still holds a file open
	// would keep the server alive behind a lazy unmount.
	if err := os.WriteFile(filepath.Join(c.conn, "abort"), []byte("1"), 0); err != nil && !os.IsNotExist(err) {
		c.t.Errorf("pull: %v", err)
	}
	if err := unix.Unmount(c.Mountpoint, unix.MNT_DETACH); err != nil {
		c.t.Errorf("unmount camera: %v", err)
	}
	select {
	case <-c.gone:
	default:
		close(c.gone)
	}
	c.server.Wait()
	c.server = nil
}

// Inject adds faults to a camera in use.
func (c *Cam) Inject(list ...Fault) {
	c.t.Helper()
	for _, f := range list {
		if f.Path != strings.Trim(filepath.ToSlash(filepath.Clean("/"+f.Path)), "/") {
			c.t.Fatalf("fault path %q is not relative and clean", f.Path)
		}
	}
	c.faults.add(list)
}

// Heal takes away the faults of these kinds, all of them when none is named,
// and lets go of the reads they hold. A file that grew keeps its size.
func (c *Cam) Heal(kinds ...Kind) { c.faults.heal(kinds) }

// Fired says how often faults of a kind have acted.
func (c *Cam) Fired(k Kind) int {
	n, _ := c.faults.count(k)
	return n
}

// Await waits until faults of a kind have acted n times.
func (c *Cam) Await(k Kind, n int) {
	c.t.Helper()
	late := time.After(Patience)
	for {
		got, changed := c.faults.count(k)
		if got >= n {
			return
		}
		select {
		case <-changed:
		case <-late:
			c.t.Fatalf("fault %q fired %d times in %v, want %d", k, got, Patience, n)
		}
	}
}

// opened counts the openings of a file and gives the number of this one, from 0.
func (c *Cam) opened(path string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opens[path]++
	return c.opens[path] - 1
}

// size is what a stat of path answers when the file behind it has real bytes.
func (c *Cam) size(path string, real uint64) uint64 {
	for _, a := range c.faults.armedAt(path, Grow) {
		if c.faults.fire(a) {
			c.mu.Lock()
			c.grown[path] += a.n()
			c.mu.Unlock()
		}
	}
	return real + uint64(c.extra(path))
}

func (c *Cam) extra(path string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.grown[path]
}
