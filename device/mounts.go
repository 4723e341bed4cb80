package device

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Mount is one line of /proc/self/mountinfo; see proc_pid_mountinfo(5).
type Mount struct {
	ID, Parent int
	DevID      string   // "major:minor" of st_dev
	Root       string   // the part of the file system that is mounted, "/" for all of it
	Point      string   // where it is mounted, raw bytes
	FSType     string   // "vfat", "fuse.name", …
	Source     string   // usually a device path; whatever the mounter said
	Options    []string // those of the mount, then those of the file system
}

// maxMountLine is far above what the kernel writes: each of the five strings is
// at most a page, four times that when escaped.
const maxMountLine = 1 << 20

// ParseMounts reads a table in the form of /proc/self/mountinfo and undoes its
// octal escapes. A line it cannot read is an error, for a table that is half
// understood would make mounted devices look unmounted.
func ParseMounts(r io.Reader) ([]Mount, error) {
	var mounts []Mount
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxMountLine)
	for n := 1; s.Scan(); n++ {
		m, err := parseMount(s.Text())
		if err != nil {
			return nil, fmt.Errorf("mount table line %d: %w", n, err)
		}
		mounts = append(mounts, m)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("mount table: %w", err)
	}
	return mounts, nil
}

// parseMount splits at single spaces, since a source or type may be empty:
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func parseMount(line string) (Mount, error) {
	f := strings.Split(line, " ")
	if len(f) < 10 {
		return Mount{}, fmt.Errorf("%d fields, want 10 or more", len(f))
	}
	id, err := strconv.Atoi(f[0])
	if err != nil {
		return Mount{}, fmt.Errorf("mount id %q is no number", f[0])
	}
	parent, err := strconv.Atoi(f[1])
	if err != nil {
		return Mount{}, fmt.Errorf("parent id %q is no number", f[1])
	}
	dash := 6 // optional fields stand before it
	for dash < len(f) && f[dash] != "-" {
		dash++
	}
	if len(f) < dash+4 {
		return Mount{}, fmt.Errorf("no type, source and options after a dash")
	}
	return Mount{
		ID: id, Parent: parent, DevID: f[2],
		Root: unescape(f[3]), Point: unescape(f[4]),
		FSType: unescape(f[dash+1]), Source: unescape(f[dash+2]),
		Options: append(options(f[5]), options(f[dash+3])...),
	}, nil
}

func options(s string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	return parts
}

// unescape turns \ooo back into the byte it stands for. The kernel escapes the
// backslash itself, so anything else after one is left as it is.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b = append(b, byte(v))
				i += 3
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
