package usb

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

// seen is what the probe says of a volume.
type seen struct {
	FS         string
	Identities []device.Identity
	Notes      []string
	Listed     bool
	Write      string
	Files      []struct{ Path, SHA256, Err string }
	Scan       string
}

// withMounter boots a machine in which the privileged helper serves the user
// custodock.
func withMounter(t *testing.T, image *qemu.Image) *qemu.Machine {
	t.Helper()
	m := image.Boot(t)
	m.Must("mkdir", "-p", "/run/custodock-mounter")
	m.WriteFile(config, []byte("board: \"\"\n"))
	m.Start("custodock", "--config", config, "mounter").Await(`"?serve"?`)
	return m
}

// probe starts the probe as the daemon's user.
func probe(m *qemu.Machine, args ...string) *qemu.Job {
	return m.StartAs(dockUser, append([]string{"probe"}, args...)...)
}

// look is what the probe ends with.
func look(t *testing.T, j *qemu.Job) seen {
	t.Helper()
	r := j.Wait()
	if r.Code != 0 {
		t.Fatalf("the probe ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	all := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	var s seen
	if err := json.Unmarshal([]byte(all[len(all)-1]), &s); err != nil {
		t.Fatalf("the probe said %q: %v", r.Stdout, err)
	}
	return s
}

func devID(m *qemu.Machine, node string) string {
	return strings.TrimSpace(m.Must("cat", "/sys/class/block/"+path.Base(node)+"/dev"))
}

// holds wants these files in the volume, whole.
func (s seen) holds(t *testing.T, files []file) {
	t.Helper()
	var want, have []string
	for _, f := range files {
		want = append(want, f.SHA256)
	}
	for _, f := range s.Files {
		have = append(have, f.SHA256)
		if f.Err != "" {
			t.Errorf("%s: %s", f.Path, f.Err)
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(want, have) || s.Scan != "" {
		t.Errorf("the volume holds %v %q, want %v", have, s.Scan, want)
	}
}

// mountedAlone: the helper mounts each file system for the one who asked, shows
// it to nobody else and leaves every byte of the disk as it was.
func mountedAlone(t *testing.T, image *qemu.Image) {
	m := withMounter(t, image)
	dir, files := camera(t, 2, 512<<10, 20)
	exfat := qemu.ExFAT(t, 16, "5F3A1B2D")
	m.Fill(exfat, dir)
	for kind, disk := range map[string]string{
		"vfat": qemu.VFAT(t, 40, "5F3A1B2C", dir), "exfat": exfat, "ext4": qemu.Ext4(t, 16, dir),
	} {
		t.Run(kind, func(t *testing.T) {
			before := digest(t, disk)
			id := m.Plug(qemu.Disk{Image: disk, Serial: "MNT" + kind})
			node := m.Device("MNT" + kind)
			s := look(t, probe(m, "mount", devID(m, node)))
			s.holds(t, files)
			if s.FS != kind || s.Listed || s.Write != "read-only file system" {
				t.Errorf("%s, in a mount table %t, a new file: %s", s.FS, s.Listed, s.Write)
			}
			if err := m.Run("dd", "if=/dev/zero", "of="+node, "bs=512", "count=1"); err.Code == 0 {
				t.Error("root could write to the disk")
			}
			t.Log(s.Identities, s.Notes)
			m.Unplug(id)
			m.Gone("MNT" + kind)
			if digest(t, disk) != before {
				t.Error("the disk is not as it was")
			}
		})
	}
}

// digest is the SHA-256 of a file.
func digest(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
