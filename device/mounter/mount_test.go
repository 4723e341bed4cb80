package mounter

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device"
)

func put(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o600))
	must(t, os.Chmod(path, mode))
}

// TestTheDaemonReadsWhatIsRoots is the whole way: another user gets a volume of
// root's files, reads them, can do nothing else, and nobody sees the mount.
func TestTheDaemonReadsWhatIsRoots(t *testing.T) {
	c := newCamera(t, func(root string) {
		put(t, root+"/DCIM/a.mp4", "clip", 0o600)
		put(t, root+"/DCIM/theirs.mp4", "theirs", 0o644)
		must(t, os.Chown(root+"/DCIM/theirs.mp4", 1000, 1000))
		put(t, root+"/suid", "#!/bin/sh\n", 0o4755)
		must(t, os.Symlink("/etc/passwd", root+"/DCIM/out.mp4"))
		must(t, unix.Mknod(root+"/node", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))))
	})
	before := c.sum(t)
	s, p := as(t, daemonUID, serve(t, nil), c.dev)
	if s.Err != "" {
		t.Fatal(s.Err)
	}
	want := map[string]string{"DCIM/a.mp4": "clip", "DCIM/theirs.mp4": "theirs", "suid": "#!/bin/sh\n"}
	if diff := cmp.Diff(want, s.Files); diff != "" {
		t.Error(diff)
	}
	if s.Skipped["DCIM/out.mp4"] != device.SkipSymlink || s.Skipped["node"] != device.SkipNode {
		t.Errorf("skipped %v", s.Skipped)
	}
	const nosymfollow = 0x2000 // ST_NOSYMFOLLOW, include/linux/statfs.h
	if all := int64(unix.ST_RDONLY | unix.ST_NOSUID | unix.ST_NODEV | unix.ST_NOEXEC | unix.ST_NOATIME | nosymfollow); s.Flags&all != all {
		t.Errorf("mount flags %#x lack some of %#x", s.Flags, all)
	}
	if s.Write != unix.EROFS.Error() || s.Exec != unix.EACCES.Error() {
		t.Errorf("writing: %q, running: %q", s.Write, s.Exec)
	}
	if len(s.Notes) > 0 {
		t.Errorf("weaker than it should be: %q", s.Notes)
	}
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	must(t, err)
	for _, table := range tables {
		if b, err := os.ReadFile(table); err == nil && strings.Contains(string(b), " "+c.dev+" ") {
			t.Errorf("%s shows the mount", table)
		}
	}
	p.end()
	c.free(t)
	if c.sum(t) != before {
		t.Error("the card was changed")
	}
}

func TestIdentities(t *testing.T) {
	c := newCamera(t, func(string) {})
	m := mount(t, serve(t, nil), c.dev)
	want := []device.Identity{{Kind: device.FSUUID, Value: "0a1b2c3d-0001-0002-0003-0123456789ab"}, {Kind: device.Label, Value: "BODYCAM"}}
	if diff := cmp.Diff(want, m.Identities); diff != "" || m.FSType != "ext4" || m.DevID != c.dev {
		t.Errorf("%s %s %s", m.FSType, m.DevID, diff)
	}
}

// TestNoJournalIsReplayed pulls the card in the middle of a write first: its
// journal holds what its files do not.
func TestNoJournalIsReplayed(t *testing.T) {
	for _, erase := range []bool{false, true} {
		c := newCamera(t, func(root string) { put(t, root+"/a.mp4", "clip", 0o644) })
		c.pull(t)
		before := c.sum(t)
		m := mount(t, serve(t, func(o *Options) { o.Erase = erase }), c.dev)
		f, err := device.FromFile(m.Dir, "")
		must(t, err)
		if got := content(f, "a.mp4"); got != "clip" {
			t.Errorf("read %q", got)
		}
		must(t, f.Close())
		err = m.Erase(t.Context(), requestOf("a.mp4", "clip"))
		if want := map[bool]error{false: ErrNotAllowed, true: ErrReadOnly}[erase]; !errors.Is(err, want) {
			t.Errorf("erase %t: %v, want %v", erase, err, want)
		}
		must(t, m.Close())
		c.free(t)
		if c.sum(t) != before {
			t.Errorf("erase %t: the card was changed", erase)
		}
		// The fault was there: an ordinary mount does change it.
		must(t, setReadWrite(c.node))
		c.on(t, func(string) {})
		if c.sum(t) == before {
			t.Fatal("the journal had nothing to replay")
		}
	}
}

// pull leaves the card as a camera that loses power does: the journal written,
// the rest not.
func (c *camera) pull(t testing.TB) {
	t.Helper()
	c.on(t, func(root string) {
		put(t, root+"/later.mp4", strings.Repeat("x", 100<<10), 0o644)
		dir, err := os.Open(root)
		must(t, err)
		defer func() { _ = dir.Close() }()
		const shutdown, logFlush = 0x8004587d, 1 // FS_IOC_SHUTDOWN, include/uapi/linux/fs.h
		must(t, unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, logFlush))
	})
	image, err := os.Open(c.image)
	must(t, err)
	defer func() { _ = image.Close() }()
	if !device.ReadSuperblock(image).Dirty {
		t.Fatal("the journal is clean")
	}
}

func setReadWrite(node string) error {
	fd, err := unix.Open(node, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.IoctlSetPointerInt(fd, unix.BLKROSET, 0), unix.Close(fd))
}

// TestTheDeviceIsReadOnly writes to the block device itself, past any mount.
func TestTheDeviceIsReadOnly(t *testing.T) {
	c := newCamera(t, func(string) {})
	mount(t, serve(t, nil), c.dev)
	fd, err := unix.Open(c.node, unix.O_RDWR, 0)
	if err == nil {
		_, err = unix.Pwrite(fd, make([]byte, 512), 0)
		must(t, unix.Close(fd))
	}
	if err == nil {
		t.Error("the device took a write")
	}
}

func TestTheMountEndsWithItsClient(t *testing.T) {
	c := newCamera(t, func(root string) { put(t, root+"/a.mp4", "clip", 0o644) })
	socket := serve(t, nil)
	s, p := as(t, daemonUID, socket, c.dev)
	if s.Err != "" {
		t.Fatal(s.Err)
	}
	if fd, err := unix.Open(c.node, unix.O_RDONLY|unix.O_EXCL, 0); err == nil {
		_ = unix.Close(fd)
		t.Fatal("the card is not in use")
	}
	must(t, p.cmd.Process.Kill())
	c.free(t)
	eventually(t, "the helper does not give the card again", func() bool {
		s, end := look(t.Context(), socket, c.dev)
		end()
		return s.Err == ""
	})
}

// TestReadingOutlivesTheHelper ends the helper under a mounted volume.
func TestReadingOutlivesTheHelper(t *testing.T) {
	c := newCamera(t, func(root string) { put(t, root+"/a.mp4", "clip", 0o644) })
	var m *Mounted
	t.Run("helper", func(t *testing.T) {
		client, err := Dial(t.Context(), serve(t, nil))
		must(t, err)
		m, err = client.Mount(t.Context(), c.dev)
		must(t, err)
	})
	defer func() { must(t, m.Close()) }()
	f, err := device.FromFile(m.Dir, "")
	must(t, err)
	defer func() { _ = f.Close() }()
	if got := content(f, "a.mp4"); got != "clip" {
		t.Errorf("read %q", got)
	}
	if err := m.Erase(t.Context(), requestOf("a.mp4", "clip")); !errors.Is(err, ErrNoMounter) {
		t.Errorf("erase: %v", err)
	}
}
