package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is where and with what a table was made.
type Machine struct {
	Date      string            `json:"date"` // UTC
	Processor string            `json:"processor"`
	Cores     int               `json:"cores"`
	Memory    string            `json:"memory"`
	Disk      string            `json:"file_system"`
	Kernel    string            `json:"kernel"`
	Go        string            `json:"go"`
	Programs  map[string]string `json:"programs"` // versions of the peers and servers
}

func machine(b *Bench) Machine {
	m := Machine{
		Date: today(time.Now()), Processor: processor(), Cores: runtime.NumCPU(), Go: runtime.Version(),
		Disk: fileSystem(b.Dir), Programs: map[string]string{},
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) == nil {
		m.Memory = sized(int64(s.Totalram) * int64(s.Unit))
	}
	for _, name := range []string{"rclone", "mc", "versitygw", "minio"} {
		m.Programs[name] = "absent"
		if info, err := buildinfo.ReadFile(filepath.Join(b.servers, name)); err == nil {
			m.Programs[name] = info.Main.Version
		}
	}
	for _, name := range []string{"openssl", "cp", "chromium-headless-shell"} {
		m.Programs[name] = firstLine(name)
	}
	return m
}

// firstLine is how a program names itself.
func firstLine(name string) string {
	arg := "--version"
	if name == "openssl" {
		arg = "version"
	}
	out, err := exec.Command(name, arg).Output()
	if err != nil {
		return "absent"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	name := runtime.GOARCH
	if _, rest, ok := bytes.Cut(text, []byte("model name")); ok {
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		name = strings.TrimSpace(strings.TrimLeft(string(line), "\t :"))
	}
	if bytes.Contains(text, []byte(" sha_ni")) {
		name += ", SHA extensions"
	}
	return name
}

// fileSystem is the kind that a folder lies on.
func fileSystem(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "unknown"
	}
	switch st.Type {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	}
	return fmt.Sprintf("%#x", st.Type)
}

// facts are the machine in pairs.
func (m Machine) facts() [][2]string {
	list := [][2]string{
		{"date", m.Date}, {"processor", m.Processor}, {"cores", fmt.Sprint(m.Cores)}, {"memory", m.Memory},
		{"file system", m.Disk}, {"kernel", m.Kernel}, {"Go", m.Go},
	}
	var names []string
	for name := range m.Programs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		list = append(list, [2]string{name, m.Programs[name]})
	}
	return list
}

func (m Machine) print(w io.Writer) {
	for _, f := range m.facts() {
		_, _ = fmt.Fprintf(w, "%-12s %s\n", f[0], f[1])
	}
}
