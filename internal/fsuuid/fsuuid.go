// Package fsuuid tells which file system a path is on, by the name that the
// file system carries itself and keeps wherever its disk is plugged in.
package fsuuid

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUnknown is wrapped when a file system has no UUID that can be learnt: it
// is on no block device, of a kind not known here, or its device may not be read.
var ErrUnknown = errors.New("file system uuid is unknown")

// Of returns UUID and label of the file system that path is on, in the form of
// /dev/disk/by-uuid ("0a1b…" in 8-4-4-4-12, or "AAAA-BBBB" for FAT and exFAT).
// The label is "" where there is none.
func Of(path string) (uuid, label string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = f.Close() }()
	return OfFile(f)
}

// OfFile is Of for an open file or directory.
func OfFile(f *os.File) (uuid, label string, err error) {
	return system{dev: "/dev", sys: "/sys"}.of(f)
}

// system is where the kernel and udev speak; tests have their own.
type system struct{ dev, sys string }

func (s system) of(f *os.File) (uuid, label string, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", "", &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	uuid = s.link("by-uuid", st.Dev)
	if uuid != "" {
		return uuid, s.link("by-label", st.Dev), nil
	}
	node, err := s.node(st.Dev)
	if err != nil {
		return "", "", fmt.Errorf("%w: %s: %w", ErrUnknown, f.Name(), err)
	}
	defer func() { _ = node.Close() }()
	uuid, label, ok := superblock(node)
	if !ok {
		return "", "", fmt.Errorf("%w: %s: nothing known in the superblock of %s", ErrUnknown, f.Name(), node.Name())
	}
	return uuid, label, nil
}

// link looks for the name that udev gave a device. The name is not believed,
// only the device it leads to.
func (s system) link(kind string, device uint64) string {
	dir := filepath.Join(s.dev, "disk", kind)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "" // no udev here
	}
	for _, e := range entries {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(dir, e.Name()), &st) == nil &&
			st.Mode&unix.S_IFMT == unix.S_IFBLK && st.Rdev == device {
			return unescape(e.Name())
		}
	}
	return ""
}

// unescape undoes the \x20 of udev.
func unescape(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if rest := name[i:]; len(rest) >= 4 && rest[0] == '\\' && rest[1] == 'x' {
			if c, err := strconv.ParseUint(rest[2:4], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// node opens the block device with this number for reading.
func (s system) node(device uint64) (*os.File, error) {
	number := fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device))
	uevent, err := os.ReadFile(filepath.Join(s.sys, "dev", "block", number, "uevent"))
	if err != nil {
		return nil, fmt.Errorf("%s is no block device", number)
	}
	name := ""
	for lines := bufio.NewScanner(bytes.NewReader(uevent)); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), "DEVNAME="); ok {
			name = v
		}
	}
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("block device %s has no name", number)
	}
	f, err := os.OpenFile(filepath.Join(s.dev, name), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK || st.Rdev != device {
		_ = f.Close()
		return nil, fmt.Errorf("%s is not block device %s", f.Name(), number)
	}
	return f, nil
}
