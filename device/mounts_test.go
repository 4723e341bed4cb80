package device

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMounts(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       Mount
	}{
		{
			"proc_pid_mountinfo(5)", `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`,
			Mount{ID: 36, Parent: 35, DevID: "98:0", Root: "/mnt1", Point: "/mnt2", FSType: "ext3", Source: "/dev/root", Options: []string{"rw", "noatime", "rw", "errors=continue"}},
		},
		{
			"no optional field", `70 1 8:17 / /media/A\040B\011\012\134x ro - vfat /dev/sdb1 rw`,
			Mount{ID: 70, Parent: 1, DevID: "8:17", Root: "/", Point: "/media/A B\t\n\\x", FSType: "vfat", Source: "/dev/sdb1", Options: []string{"ro", "rw"}},
		},
		{
			"empty source, two optional fields", `71 1 0:50 / /x rw shared:1 master:2 - tmpfs  rw`,
			Mount{ID: 71, Parent: 1, DevID: "0:50", Root: "/", Point: "/x", FSType: "tmpfs", Options: []string{"rw", "rw"}},
		},
		{
			"a high byte, and a backslash that escapes nothing", `71 1 0:50 / /\377\9 rw - tmpfs a\0 rw`,
			Mount{ID: 71, Parent: 1, DevID: "0:50", Root: "/", Point: "/\xff\\9", FSType: "tmpfs", Source: `a\0`, Options: []string{"rw", "rw"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseMounts(strings.NewReader(tt.line + "\n"))
			must(t, err)
			if d := cmp.Diff([]Mount{tt.want}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseMountsRefuses(t *testing.T) {
	good := "36 35 98:0 / /mnt2 rw - ext3 /dev/root rw\n"
	for _, bad := range []string{
		"\n", "36 35\n", "x 35 98:0 / /mnt2 rw - ext3 /dev/root rw\n", "36 y 98:0 / /mnt2 rw - ext3 /dev/root rw\n",
		"36 35 98:0 / /mnt2 rw a b c d e f\n", "36 35 98:0 / /mnt2 rw a b - ext3 x\n", strings.Repeat("a", maxMountLine+1) + "\n",
	} {
		if _, err := ParseMounts(strings.NewReader(good + bad)); err == nil || !strings.Contains(err.Error(), "mount table") {
			t.Errorf("%.40q: error %v", bad, err)
		}
	}
}

func TestParseOwnTable(t *testing.T) {
	table, err := os.Open("/proc/self/mountinfo")
	must(t, err)
	defer func() { _ = table.Close() }()
	mounts, err := ParseMounts(table)
	must(t, err)
	for _, m := range mounts {
		if m.Point == "/" {
			return
		}
	}
	t.Errorf("no root in %v", mounts)
}

// escape is what the kernel's mangle() does.
func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(" \t\n\\#", s[i]) >= 0 {
			fmt.Fprintf(&b, "\\%03o", s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func FuzzParseMounts(f *testing.F) {
	f.Add("36 35 98:0 / /a\\040b rw master:1 - ext3 /dev/root rw\n", "/media/a b\\040#\r")
	f.Add("36 35 98:0 / /a rw - - - \n\n", "-")
	f.Fuzz(func(t *testing.T, table, point string) {
		_, _ = ParseMounts(strings.NewReader(table)) // must not panic
		line := fmt.Sprintf("1 2 0:1 %s %s rw - fuse.x %s rw", escape(point), escape(point), escape(point))
		m, err := parseMount(line)
		if err != nil || m.Point != point || m.Root != point || m.Source != point {
			t.Errorf("%q came back as %+v, %v", point, m, err)
		}
	})
}
