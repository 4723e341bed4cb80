package qemu

import (
	"fmt"
	"io"
	"path"
	"strings"
)

// cpio writes an archive in the newc form that the kernel unpacks at boot
// (Documentation/driver-api/early-userspace/buffer-format.rst).
type cpio struct {
	w     io.Writer
	n     int64 // bytes written
	inode int
	dirs  map[string]bool // that are in it
	err   error
}

func newCpio(w io.Writer) *cpio { return &cpio{w: w, dirs: map[string]bool{}} }

// The file types of st_mode.
const (
	cpioFile = 0o100000
	cpioDir  = 0o040000
	cpioLink = 0o120000
)

func (c *cpio) file(name string, mode uint32, data []byte) { c.entry(name, cpioFile|mode, data) }

// tree adds folders and those above them, each once.
func (c *cpio) tree(names ...string) {
	for _, name := range names {
		if name == "." || c.dirs[name] {
			continue
		}
		c.tree(path.Dir(name))
		c.dirs[name] = true
		c.entry(name, cpioDir|0o755, nil)
	}
}

func (c *cpio) link(name, to string) { c.entry(name, cpioLink|0o777, []byte(to)) }

// close ends the archive and reports the first error of all.
func (c *cpio) close() error {
	c.entry("TRAILER!!!", 0, nil)
	return c.err
}

func (c *cpio) entry(name string, mode uint32, data []byte) {
	c.inode++
	links := 1
	if mode&cpioDir != 0 {
		links = 2
	}
	var head strings.Builder
	head.WriteString("070701")
	for _, field := range []int{c.inode, int(mode), 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0} {
		fmt.Fprintf(&head, "%08x", field)
	}
	head.WriteString(name)
	head.WriteByte(0)
	c.write([]byte(head.String()))
	c.write(data)
}

// write writes b and zeros up to a multiple of four.
func (c *cpio) write(b []byte) {
	if c.err != nil {
		return
	}
	n, err := c.w.Write(b)
	c.n += int64(n)
	if err == nil && c.n%4 != 0 {
		n, err = c.w.Write(make([]byte, 4-c.n%4))
		c.n += int64(n)
	}
	c.err = err
}
