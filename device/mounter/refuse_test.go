package mounter

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOtherUsersAreRefused(t *testing.T) {
	c := newCamera(t, func(string) {})
	socket := serve(t, nil)
	var st unix.Stat_t
	must(t, unix.Stat(socket, &st))
	if st.Mode&0o777 != 0o660 || st.Gid != daemonUID {
		t.Errorf("the socket has mode %o and group %d", st.Mode&0o777, st.Gid)
	}
	if s, _ := as(t, otherUID, socket, c.dev); !s.Refused || !strings.Contains(s.Err, "65532") {
		t.Errorf("user %d: %+v", otherUID, s)
	}
	must(t, os.Chmod(socket, 0o600))
	if s, _ := as(t, daemonUID, socket, c.dev); !strings.Contains(s.Err, ErrNotAllowed.Error()) {
		t.Errorf("a closed socket: %+v", s)
	}
}

func TestDialWithoutHelper(t *testing.T) {
	socket := filepath.Join(folder(t), "socket")
	if _, err := Dial(t.Context(), socket); !errors.Is(err, ErrNoMounter) {
		t.Errorf("no socket: %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	must(t, err)
	l.SetUnlinkOnClose(false)
	must(t, l.Close())
	if _, err := Dial(t.Context(), socket); !errors.Is(err, ErrNoMounter) {
		t.Errorf("a dead socket: %v", err)
	}
	again, err := Listen(socket, 0) // takes the dead one's place
	must(t, err)
	defer func() { must(t, again.Close()) }()
	if _, err := Listen(socket, 0); err == nil || !strings.Contains(err.Error(), "another mounter") {
		t.Errorf("a second helper: %v", err)
	}
}

func TestMountRefuses(t *testing.T) {
	socket := serve(t, nil)
	ext := newCamera(t, func(string) {})
	broken := newCamera(t, func(string) {})
	broken.scribble(t, 1024+0x18, strings.Repeat("\xff", 8)) // impossible block sizes
	empty, luks, fat := blank(t), blank(t), blank(t)
	luks.scribble(t, 0, "LUKS\xba\xbe")
	run(t, "mkfs.vfat", fat.image)
	for _, c := range []*camera{empty, luks, fat} {
		c.attach(t)
	}
	held := newCamera(t, func(string) {})
	mount(t, socket, held.dev)
	root := folder(t)
	run(t, "mount", "-o", "ro", ext.node, root)
	defer run(t, "umount", root)

	for _, tt := range []struct {
		name, dev string
		want      error
		says      string
	}{
		{"mounted elsewhere", ext.dev, ErrBusy, "uses it"},
		{"another connection's", held.dev, ErrBusy, "another connection"},
		{"damaged", broken.dev, ErrFilesystem, "damaged"},
		{"empty", empty.dev, ErrFilesystem, "no file system"},
		{"encrypted", luks.dev, ErrFilesystem, "LUKS"},
		{"no such device", "9999:1", ErrGone, "no block device"},
	} {
		if err := refused(t, socket, tt.dev); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %v and %q", tt.name, err, tt.want, tt.says)
		}
	}
	if kernels, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(kernels), "\tvfat\n") {
		if err := refused(t, socket, fat.dev); !errors.Is(err, ErrFilesystem) || !strings.Contains(err.Error(), "module vfat") {
			t.Errorf("no module: %v", err)
		}
	}
	strict := serve(t, func(o *Options) { o.AllowLoop = false })
	if err := refused(t, strict, empty.dev); !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), "not on USB") {
		t.Errorf("a loop device: %v", err)
	}
}

// scribble writes to a card that nothing has mounted.
func (c *camera) scribble(t testing.TB, at int64, text string) {
	t.Helper()
	path := c.image
	if c.node != "" {
		path = c.node
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(text), at)
	must(t, errors.Join(err, f.Sync(), f.Close()))
}

// sysfs is a copy of the facts of this machine's block device dev, hung where
// the test wants it.
func sysfs(t testing.TB, dev, below string) (root, link string) {
	t.Helper()
	real, err := filepath.EvalSymlinks("/sys/dev/block/" + dev)
	must(t, err)
	root = folder(t)
	place := filepath.Join(root, below, filepath.Base(real))
	must(t, os.MkdirAll(place, 0o755))
	uevent, err := os.ReadFile(real + "/uevent")
	must(t, err)
	must(t, os.WriteFile(place+"/uevent", uevent, 0o600))
	must(t, os.MkdirAll(root+"/dev/block", 0o755))
	link = filepath.Join(root, "dev/block", dev)
	must(t, os.Symlink("../../"+strings.TrimPrefix(place, root+"/"), link))
	return root, link
}

func TestOnlyUSB(t *testing.T) {
	c := newCamera(t, func(string) {})
	for below, want := range map[string]error{
		"devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.4/1-1.4:1.0/host0/target0:0:0/0:0:0:0/block": nil,
		"devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block":                     ErrNotAllowed,
		"devices/virtual/block": ErrNotAllowed,
		"devices/pci0000:00/0000:00:14.0/usbish1/1-1/block": ErrNotAllowed,
	} {
		root, _ := sysfs(t, c.dev, below)
		s, end := look(t.Context(), serve(t, func(o *Options) { o.Sysfs, o.AllowLoop = root, false }), c.dev)
		end()
		if (s.Err != "") != (want != nil) || s.Refused != (want != nil) {
			t.Errorf("%s: %+v", below, s)
		}
		c.free(t)
	}
}

// TestGone pulls the camera out at three moments.
func TestGone(t *testing.T) {
	c := newCamera(t, func(root string) { put(t, root+"/a.mp4", clip, 0o644) })
	before := c.sum(t)
	root, link := sysfs(t, c.dev, "devices/pci0000:00/usb1/1-1/block")
	socket := serve(t, func(o *Options) { o.Sysfs = root })
	m := mount(t, socket, c.dev)
	must(t, os.Remove(link))
	if err := m.Erase(t.Context(), requestOf("a.mp4", clip)); !errors.Is(err, ErrGone) {
		t.Errorf("erase: %v", err)
	}
	if err := m.Erase(t.Context(), requestOf("b.mp4", clip)); !errors.Is(err, ErrGone) {
		t.Errorf("erase what a stale mount no longer shows: %v", err)
	}
	must(t, m.Close())
	c.free(t)
	if err := refused(t, socket, c.dev); !errors.Is(err, ErrGone) {
		t.Errorf("mount: %v", err)
	}
	if c.sum(t) != before {
		t.Error("the card was changed")
	}

	run(t, "losetup", "--detach", c.node)
	if err := refused(t, serve(t, nil), c.dev); !errors.Is(err, ErrGone) {
		t.Errorf("mount a device without medium: %v", err)
	}
	must(t, os.Truncate(c.image, 4096))
	run(t, "losetup", c.node, c.image) // for the cleanup
}

// TestAMediumThatShrinks loses its blocks under a mounted file system, as a
// failing card does.
func TestAMediumThatShrinks(t *testing.T) {
	c := newCamera(t, func(root string) { put(t, root+"/a.mp4", clip, 0o644) })
	m := mount(t, serve(t, nil), c.dev)
	must(t, os.Truncate(c.image, 8192))
	if err := m.Erase(t.Context(), requestOf("a.mp4", clip)); err == nil || errors.Is(err, ErrChanged) {
		t.Errorf("erase: %v", err)
	}
}

func TestMalformedRequests(t *testing.T) {
	c := newCamera(t, func(string) {})
	socket := serve(t, nil)
	for _, line := range []string{
		"{}\n", "mount\n", `{"op":"mount"}` + "\n", `{"op":"mount","dev":"/dev/sda"}` + "\n", `{"op":"mount","dev":"8:1","path":"YQ=="}` + "\n",
		`{"op":"mount","dev":"` + c.dev + `","extra":1}` + "\n", `{"op":"mount","dev":"` + c.dev + `"}{}` + "\n", `{"op":"erase","path":"YQ==","sha256":"` + strings.Repeat("0", 64) + `"}` + "\n",
	} {
		if answer := speak(t, socket, line); !strings.HasPrefix(answer, `{"error":{"code":"failed"`) {
			t.Errorf("%q: %q", line, answer)
		}
	}
	for name, line := range map[string]string{"too long": strings.Repeat("x", maxLine+1), "no end": `{"op":"mount","dev":"` + c.dev + `"}`, "nothing": ""} {
		if answer := speak(t, socket, line); answer != "" {
			t.Errorf("%s: %q", name, answer)
		}
	}
	m := mount(t, socket, c.dev) // the helper lives
	if _, err := m.client.Mount(t.Context(), c.dev); err == nil {
		t.Error("a second volume on one connection")
	}
	_, err := io.WriteString(m.client.wire.conn, `{"op":"mount","dev":"`+c.dev+`"}`+"\n")
	must(t, err)
	if line, err := m.client.wire.line(); err != nil || !strings.Contains(string(line), "has its volume") {
		t.Errorf("a second volume on one connection: %q, %v", line, err)
	}
}

// FuzzParse feeds the decoder of the helper. What it takes is a whole request.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"op":"mount","dev":"8:17"}`))
	f.Add([]byte(`{"op":"erase","path":"RENJTS8xLk1QNA==","size":4096,"sha256":"` + strings.Repeat("0f", 32) + `"}`))
	f.Add([]byte(`{"op":"erase","path":"","size":-1}`))
	f.Add([]byte(`{"op":"mount","dev":"8:17"}{"op":"erase"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parse(line)
		switch {
		case err != nil:
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("not one line: %q", err)
			}
		case r.Op == opMount && devID.MatchString(r.Dev):
		case r.Op == opErase && len(r.Path) > 0 && r.Size >= 0 && len(r.SHA256) == 64:
		default:
			t.Errorf("%q taken for %+v", line, r)
		}
	})
}
