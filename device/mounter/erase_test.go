package mounter

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device"
)

func requestOf(path, text string) EraseRequest {
	return EraseRequest{Path: path, Size: int64(len(text)), SHA256: sha256.Sum256([]byte(text))}
}

// clip is longer than one chunk and no multiple of a block.
var clip = strings.Repeat("evidence ", 200_000)

func TestErase(t *testing.T) {
	c := newCamera(t, func(root string) {
		put(t, root+"/DCIM/a\xff\n.mp4", clip, 0o644)
		put(t, root+"/DCIM/b.mp4", "keep", 0o644)
		put(t, root+"/empty.mp4", "", 0o644)
	})
	m := mount(t, serve(t, nil), c.dev)
	for _, path := range []string{"DCIM/a\xff\n.mp4", "empty.mp4"} {
		text := map[bool]string{true: clip, false: ""}[path[0] == 'D']
		must(t, m.Erase(t.Context(), requestOf(path, text)))
		if err := unix.Faccessat(int(m.Dir.Fd()), path, unix.F_OK, 0); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%q: %v", path, err)
		}
		c.closed(t, m)
	}
	if err := m.Erase(t.Context(), requestOf("empty.mp4", "")); !errors.Is(err, ErrChanged) {
		t.Errorf("erased again: %v", err)
	}
	must(t, m.Close())
	c.free(t)
	run(t, "e2fsck", "-fn", c.image) // whole, and its journal empty
	must(t, setReadWrite(c.node))
	c.on(t, func(root string) {
		left, err := filepath.Glob(root + "/*/*.mp4")
		if err != nil || len(left) != 1 || filepath.Base(left[0]) != "b.mp4" {
			t.Errorf("left on the card: %q, %v", left, err)
		}
	})
}

// closed checks that neither the device nor the client's mount takes writes.
func (c *camera) closed(t testing.TB, m *Mounted) {
	t.Helper()
	fd, err := unix.Open(c.node, unix.O_RDONLY, 0)
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	if v, err := unix.IoctlGetInt(fd, unix.BLKROGET); err != nil || v == 0 {
		t.Errorf("the device is writable: %d, %v", v, err)
	}
	if _, err := unix.Openat(int(m.Dir.Fd()), "new", unix.O_CREAT|unix.O_WRONLY, 0o600); !errors.Is(err, unix.EROFS) {
		t.Errorf("the client may write: %v", err)
	}
	var st unix.Statfs_t
	must(t, unix.Fstatfs(int(m.Dir.Fd()), &st))
	other, err := unix.Fsopen("ext4", unix.FSOPEN_CLOEXEC)
	must(t, err)
	defer func() { _ = unix.Close(other) }()
	must(t, unix.FsconfigSetString(other, "source", c.node))
	must(t, unix.FsconfigSetFlag(other, "ro"))
	if err := unix.FsconfigCreate(other); err != nil { // EBUSY while it is writable
		t.Errorf("the file system is not read-only: %v", err)
	}
}

// TestEraseRefuses leaves every byte of the card as it was.
func TestEraseRefuses(t *testing.T) {
	c := newCamera(t, func(root string) {
		put(t, root+"/a.mp4", clip, 0o644)
		put(t, root+"/locked.mp4", clip, 0o444)
		put(t, root+"/two.mp4", clip, 0o644)
		must(t, os.Link(root+"/two.mp4", root+"/names.mp4"))
		must(t, os.Symlink("a.mp4", root+"/link.mp4"))
		must(t, os.Symlink(".", root+"/DCIM"))
		must(t, os.Mkdir(root+"/folder", 0o755))
		must(t, unix.Mkfifo(root+"/fifo", 0o644))
	})
	before := c.sum(t)
	m := mount(t, serve(t, nil), c.dev)
	for _, tt := range []struct {
		name, path, text string
		want             error
	}{
		{"other bytes", "a.mp4", strings.Replace(clip, "e", "E", 1), ErrChanged},
		{"the last byte", "a.mp4", clip[:len(clip)-1] + "x", ErrChanged},
		{"shorter", "a.mp4", clip[:100], ErrChanged},
		{"longer", "a.mp4", clip + "x", ErrChanged},
		{"absent", "b.mp4", clip, ErrChanged},
		{"below a file", "a.mp4/b.mp4", clip, ErrChanged},
		{"protected", "locked.mp4", clip, ErrProtected},
		{"two names", "two.mp4", clip, device.ErrUnsafe},
		{"link", "link.mp4", clip, device.ErrUnsafe},
		{"through a link", "DCIM/a.mp4", clip, device.ErrUnsafe},
		{"folder", "folder", "", device.ErrUnsafe},
		{"fifo", "fifo", "", device.ErrUnsafe},
		{"up", "../a.mp4", clip, device.ErrUnsafe},
		{"up and down", "folder/../a.mp4", clip, device.ErrUnsafe},
		{"absolute", "/a.mp4", clip, device.ErrUnsafe},
		{"zero byte", "a.mp4\x00", clip, device.ErrUnsafe},
		{"too long for a line", strings.Repeat("a", maxLine), clip, device.ErrUnsafe},
		{"too long", strings.Repeat("a/", 3000) + "a", clip, device.ErrUnsafe},
	} {
		if err := m.Erase(t.Context(), requestOf(tt.path, tt.text)); !errors.Is(err, tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	c.closed(t, m)
	must(t, m.Close())
	c.free(t)
	if c.sum(t) != before {
		t.Error("the card was changed")
	}
}

// TestEraseReadsTheDevice changes a byte behind the page cache's back.
func TestEraseReadsTheDevice(t *testing.T) {
	c := newCamera(t, func(root string) { put(t, root+"/a.mp4", clip, 0o644) })
	m := mount(t, serve(t, nil), c.dev)
	f, err := device.FromFile(m.Dir, "")
	must(t, err)
	if got := content(f, "a.mp4"); !strings.HasPrefix(clip, got) {
		t.Fatalf("read %q", got)
	}
	must(t, f.Close())
	image, err := os.ReadFile(c.image)
	must(t, err)
	at := strings.Index(string(image), clip[:4096])
	if at < 0 {
		t.Fatal("the clip is not in the image")
	}
	raw, err := os.OpenFile(c.image, os.O_WRONLY, 0)
	must(t, err)
	_, err = raw.WriteAt([]byte("E"), int64(at))
	must(t, errors.Join(err, raw.Close()))
	if err := m.Erase(t.Context(), requestOf("a.mp4", clip)); !errors.Is(err, ErrChanged) {
		t.Errorf("erase: %v", err)
	}
}

func TestEraseOnALockedCard(t *testing.T) {
	c := blank(t)
	run(t, "mkfs.ext4", "-q", "-F", c.image)
	c.on(t, func(root string) { put(t, root+"/a.mp4", clip, 0o644) })
	c.attach(t, "--read-only")
	before := c.sum(t)
	m := mount(t, serve(t, nil), c.dev)
	if err := m.Erase(t.Context(), requestOf("a.mp4", clip)); !errors.Is(err, ErrReadOnly) || errors.Is(err, ErrGone) {
		t.Errorf("erase: %v", err)
	}
	must(t, m.Close())
	c.free(t)
	if c.sum(t) != before {
		t.Error("the card was changed")
	}
}

func TestEraseIsOffUnlessAsked(t *testing.T) {
	c := newCamera(t, func(root string) { put(t, root+"/a.mp4", clip, 0o644) })
	m := mount(t, serve(t, func(o *Options) { o.Erase = false }), c.dev)
	if err := m.Erase(t.Context(), requestOf("a.mp4", clip)); !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), "--erase") {
		t.Errorf("erase: %v", err)
	}
}

// TestEraseWaitsForTheLastReader holds the file open until its name is gone: the
// kernel turns nothing read-only before it is closed.
func TestEraseWaitsForTheLastReader(t *testing.T) {
	c := newCamera(t, func(root string) { put(t, root+"/a.mp4", clip, 0o644) })
	m := mount(t, serve(t, nil), c.dev)
	fd, err := unix.Openat(int(m.Dir.Fd()), "a.mp4", unix.O_RDONLY, 0)
	must(t, err)
	erased := make(chan error, 1)
	go func() { erased <- m.Erase(t.Context(), requestOf("a.mp4", clip)) }()
	eventually(t, "the name stays", func() bool {
		return errors.Is(unix.Faccessat(int(m.Dir.Fd()), "a.mp4", unix.F_OK, 0), unix.ENOENT)
	})
	select {
	case err := <-erased:
		t.Errorf("ended with the file open: %v", err)
	default:
	}
	must(t, unix.Close(fd))
	must(t, <-erased)
	c.closed(t, m)
}
