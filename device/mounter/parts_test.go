package mounter

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// partitioned makes one card with two partitions.
func partitioned(t testing.TB, files int) (c *camera, parts [2]*camera) {
	t.Helper()
	c = &camera{image: filepath.Join(folder(t), "card.img")}
	must(t, os.WriteFile(c.image, nil, 0o600))
	must(t, os.Truncate(c.image, 34<<20))
	for i := range parts {
		half := blank(t)
		run(t, "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", half.image)
		half.on(t, func(root string) {
			for n := range files {
				put(t, fmt.Sprintf("%s/%d.mp4", root, n), "clip", 0o644)
			}
		})
		run(t, "dd", "if="+half.image, "of="+c.image, "bs=1M", fmt.Sprint("seek=", 1+16*i), "conv=notrunc", "status=none")
	}
	c.attach(t)
	for i := range parts {
		number := fmt.Sprint(i + 1) // told to the kernel, which need not know partition tables
		run(t, "addpart", c.node, number, fmt.Sprint(2048+32768*i), "32768")
		t.Cleanup(func() { run(t, "delpart", c.node, number) })
	}
	for i := range parts {
		parts[i] = &camera{image: c.image, node: fmt.Sprintf("%sp%d", c.node, i+1)}
		var st unix.Stat_t
		eventually(t, "no node for "+parts[i].node, func() bool { return unix.Stat(parts[i].node, &st) == nil })
		parts[i].dev = number(st.Rdev)
	}
	return c, parts
}

// TestVolumesOfOneDiskTakeTurns looks from inside the moment in which the first
// one is writable.
func TestVolumesOfOneDiskTakeTurns(t *testing.T) {
	c, parts := partitioned(t, 0)
	other := newCamera(t, func(string) {})
	s := &server{
		Options: Options{AllowLoop: true, Erase: true, Sysfs: "/sys", Dev: "/dev", Log: slog.New(slog.DiscardHandler)},
		used:    map[string]bool{}, turns: map[string]*sync.Mutex{},
	}
	var volumes []*volume
	for _, dev := range []string{parts[0].dev, parts[1].dev, other.dev} {
		v, err := s.mount(dev)
		must(t, err)
		defer s.release(v)
		volumes = append(volumes, v)
	}
	must(t, volumes[0].writing(func(int) error {
		if volumes[1].turn.TryLock() {
			t.Error("the second volume of the disk may change its lock")
		}
		if !volumes[2].turn.TryLock() {
			t.Fatal("another disk has to wait")
		}
		volumes[2].turn.Unlock()
		return nil
	}))
	if fd, err := unix.Open(c.node, unix.O_RDWR, 0); err == nil {
		_, err = unix.Pwrite(fd, []byte{0}, 0)
		must(t, unix.Close(fd))
		if err == nil {
			t.Error("the disk took a write")
		}
	}
}

// TestDiskInUse: a disk of which this machine uses another part is left alone,
// since the lock of the disk would stop that part's writes as well.
func TestDiskInUse(t *testing.T) {
	c, parts := partitioned(t, 1)
	point := folder(t)
	must(t, unix.Mount(parts[0].node, point, "ext4", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) })
	if err := refused(t, serve(t, nil), parts[1].dev); !errors.Is(err, ErrBusy) {
		t.Errorf("mounted beside a part in use: %v", err)
	}
	put(t, filepath.Join(point, "new"), "still writable", 0o644)
	f, err := os.Open(filepath.Join(point, "new"))
	must(t, err)
	must(t, errors.Join(f.Sync(), f.Close(), unix.Unmount(point, 0)))
	fd, err := unix.Open(c.node, unix.O_RDONLY, 0)
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	if v, err := unix.IoctlGetInt(fd, unix.BLKROGET); err != nil || v != 0 {
		t.Errorf("the disk was locked: %d, %v", v, err)
	}
}

// TestTwoVolumesOfOneDisk erases from both at once: neither may lock the disk
// under the other, and both are locked at the end.
func TestTwoVolumesOfOneDisk(t *testing.T) {
	const files = 12
	c, parts := partitioned(t, files)
	socket := serve(t, nil)
	var erasing sync.WaitGroup
	for _, p := range parts {
		m := mount(t, socket, p.dev)
		erasing.Go(func() {
			for n := range files {
				if err := m.Erase(t.Context(), requestOf(fmt.Sprintf("%d.mp4", n), "clip")); err != nil {
					t.Errorf("%s, file %d: %v", p.node, n, err)
				}
			}
			p.closed(t, m)
			must(t, m.Close())
		})
	}
	erasing.Wait()
	for _, p := range parts {
		p.free(t)
		run(t, "e2fsck", "-fn", p.node)
	}
	fd, err := unix.Open(c.node, unix.O_RDONLY, 0)
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	if v, err := unix.IoctlGetInt(fd, unix.BLKROGET); err != nil || v == 0 {
		t.Errorf("the disk is writable: %d, %v", v, err)
	}
}

// TestArchive: a disk that is a store of this dock is neither locked nor mounted.
func TestArchive(t *testing.T) {
	c := newCamera(t, func(string) {})
	socket := serve(t, func(o *Options) { o.Archives = []string{"5F3A-1B2C", "0A1B2C3D-0001-0002-0003-0123456789AB"} })
	if err := refused(t, socket, c.dev); !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), "archive disk") {
		t.Errorf("an archive disk: %v", err)
	}
	fd, err := unix.Open(c.node, unix.O_RDONLY, 0)
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	if v, err := unix.IoctlGetInt(fd, unix.BLKROGET); err != nil || v != 0 {
		t.Errorf("it was locked: %d, %v", v, err)
	}
}
