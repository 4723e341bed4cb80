// Package mount tells which file systems are mounted, when that changes, and
// when files in a drop folder have come to rest. It mounts nothing itself.
package mount

import (
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/custodock/custodock/device"
)

// Table is where the kernel shows the mounts of this process.
const Table = "/proc/self/mountinfo"

// Mount is one mounted file system.
type Mount = device.Mount

// Parse reads a table in the form of /proc/self/mountinfo.
func Parse(r io.Reader) ([]Mount, error) { return device.ParseMounts(r) }

// UnderRoots reports whether m can be a camera: mounted at or below one of the
// configured absolute roots, never the root file system, and of a kind that
// holds files of a device: on a block device, tmpfs or FUSE. Mount points in the
// table are free of symbolic links, so roots must be too.
func UnderRoots(m Mount, roots []string) bool {
	if m.Point == "/" || !holdsFiles(m) {
		return false
	}
	return slices.ContainsFunc(roots, func(root string) bool {
		return filepath.IsAbs(root) && within(m.Point, filepath.Clean(root))
	})
}

// desktop lists FUSE file systems that desktops and containers mount for
// themselves; no device is behind them.
var desktop = []string{"fuse.portal", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.snapfuse"}

func holdsFiles(m Mount) bool {
	switch {
	case slices.Contains(desktop, m.FSType):
		return false
	case m.FSType == "tmpfs", m.FSType == "btrfs", m.FSType == "fuse", strings.HasPrefix(m.FSType, "fuse."):
		return true
	}
	// Major 0 is the kernel's for file systems without a block device: proc,
	// sysfs, cgroup, overlay, network. btrfs and FUSE above have it too.
	return m.DevID != "" && !strings.HasPrefix(m.DevID, "0:")
}

// within compares whole elements of clean paths.
func within(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}
