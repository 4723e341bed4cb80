package mounter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device"
)

// usbBus is the name of a USB host's own folder in sysfs: whatever hangs on it
// is below.
var usbBus = regexp.MustCompile(`^usb[0-9]+$`)

// disk is a block device that may be mounted: a partition, or a disk that has
// none. Its descriptors are held, so that the kernel gives its number to no
// other device meanwhile.
type disk struct {
	id     string   // "8:17"
	node   string   // "/dev/sdb1"
	link   string   // the link in sysfs that is there while the device is
	linkTo string   // what it points at
	part   *os.File // the volume
	whole  *os.File // the disk it is a part of; the same when it is no part
	turn   *sync.Mutex
}

// openDisk finds the device with a number, refuses what is no camera's, and
// makes the volume and the disk it lies on read-only.
func (s *server) openDisk(id string) (*disk, error) {
	d := &disk{id: id, link: filepath.Join(s.Sysfs, "dev/block", id)}
	to, err := os.Readlink(d.link)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no block device %s: %w", id, ErrGone)
	}
	if err != nil {
		return nil, err
	}
	dir, err := filepath.EvalSymlinks(d.link)
	if err != nil {
		return nil, fmt.Errorf("block device %s: %w: %w", id, err, ErrGone)
	}
	d.linkTo = to
	if !s.allowed(dir) {
		return nil, fmt.Errorf("block device %s is not on USB: %w", id, ErrNotAllowed)
	}
	if d.node, d.part, err = s.open(dir, id, unix.O_EXCL); err != nil {
		return nil, err
	}
	if uuid := device.ReadSuperblock(d.part).UUID; slices.ContainsFunc(s.Archives, func(a string) bool { return strings.EqualFold(a, uuid) }) {
		d.close()
		return nil, fmt.Errorf("block device %s is an archive disk of this dock: a store is never a source: %w", id, ErrNotAllowed)
	}
	if err := d.openWhole(s, dir); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *disk) openWhole(s *server, dir string) error {
	// The look above was exclusive: nothing else has the volume mounted, in
	// whichever namespace, or uses it as swap or a part of something. It has to
	// end, for the mount wants the same.
	seen := d.part
	_, part, err := s.open(dir, d.id, 0)
	d.part = part
	if err := errors.Join(err, seen.Close()); err != nil {
		return err
	}
	whole := d.id
	d.whole = d.part
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		number, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "dev"))
		if err != nil {
			return fmt.Errorf("disk of block device %s: %w: %w", d.id, err, ErrGone)
		}
		whole = strings.TrimSpace(string(number))
		if err := s.alone(filepath.Dir(dir)); err != nil {
			return err
		}
		if _, d.whole, err = s.open(filepath.Dir(dir), whole, 0); err != nil {
			return err
		}
	}
	d.turn = s.turn(whole)
	d.turn.Lock()
	defer d.turn.Unlock()
	return d.setReadOnly(true)
}

// alone refuses a disk of which something else uses another part, such as the
// one that this machine was started from: the lock of the whole disk would fall
// on that part too. Parts that are mounted here are read-only anyway.
func (s *server) alone(disk string) error {
	entries, err := os.ReadDir(disk)
	if err != nil {
		return fmt.Errorf("list the parts of %s: %w: %w", filepath.Base(disk), err, ErrGone)
	}
	for _, e := range entries {
		dir := filepath.Join(disk, e.Name())
		if _, err := os.Stat(filepath.Join(dir, "partition")); err != nil {
			continue
		}
		number, err := os.ReadFile(filepath.Join(dir, "dev"))
		id := strings.TrimSpace(string(number))
		if err != nil || s.has(id) {
			continue
		}
		_, part, err := s.open(dir, id, unix.O_EXCL)
		if errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("another part of its disk is in use: %w", err)
		}
		if err == nil {
			_ = part.Close() // nothing was written through it
		}
	}
	return nil
}

// allowed goes by where the device hangs, never by what it says of itself.
func (s *server) allowed(dir string) bool {
	elems := strings.Split(dir, "/")
	for _, e := range elems {
		if usbBus.MatchString(e) {
			return true
		}
	}
	return s.AllowLoop && strings.HasPrefix(filepath.Base(dir), "loop")
}

// open opens the node of the device whose folder in sysfs is dir. The name is
// the kernel's; that it leads to the device with this number is checked.
func (s *server) open(dir, id string, flags int) (string, *os.File, error) {
	uevent, err := os.ReadFile(filepath.Join(dir, "uevent"))
	if err != nil {
		return "", nil, fmt.Errorf("block device %s: %w: %w", id, err, ErrGone)
	}
	name := ""
	for line := range strings.Lines(string(uevent)) {
		if v, ok := strings.CutPrefix(line, "DEVNAME="); ok {
			name = strings.TrimSuffix(v, "\n")
		}
	}
	if !filepath.IsLocal(name) {
		return "", nil, fmt.Errorf("block device %s has no name: %w", id, ErrGone)
	}
	node := filepath.Join(s.Dev, name)
	fd, err := unix.Open(node, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC|flags, 0)
	if err != nil {
		return "", nil, fmt.Errorf("open %s: %w", node, explain(err))
	}
	f := os.NewFile(uintptr(fd), node)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK || number(st.Rdev) != id {
		_ = f.Close()
		return "", nil, fmt.Errorf("%s is not block device %s: %w", node, id, ErrGone)
	}
	return node, f, nil
}

func number(rdev uint64) string {
	return fmt.Sprintf("%d:%d", unix.Major(rdev), unix.Minor(rdev))
}

// setReadOnly sets or lifts the block layer's own lock, which holds whatever is
// mounted and whoever writes. Another volume of the same disk keeps its own.
func (d *disk) setReadOnly(on bool) error {
	value := 0
	if on {
		value = 1
	}
	for _, f := range []*os.File{d.part, d.whole} {
		if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.BLKROSET, value); err != nil {
			return fmt.Errorf("set %s read-only to %t: %w", f.Name(), on, explain(err))
		}
	}
	return nil
}

// locked reports whether the device takes no writes, for a reason of its own or
// for ours.
func (d *disk) locked() (bool, error) {
	v, err := unix.IoctlGetInt(int(d.part.Fd()), unix.BLKROGET)
	if err != nil {
		return false, fmt.Errorf("ask whether %s is read-only: %w", d.node, explain(err))
	}
	return v != 0, nil
}

// alive is ErrGone when the device has left sysfs. The kernel may answer for a
// device that was pulled out as if it were empty, so this is asked after every
// answer that matters.
func (d *disk) alive() error {
	if to, err := os.Readlink(d.link); err != nil || to != d.linkTo {
		return fmt.Errorf("block device %s: %w", d.id, ErrGone)
	}
	return nil
}

// passing is how long a disk that was pulled out may still stand in sysfs: its
// reads fail first, and the kernel takes it away when they have.
const passing = time.Second

// orGone is err, or what is behind it when the device has gone.
func (d *disk) orGone(err error) error {
	if err == nil || errors.Is(err, ErrGone) {
		return err
	}
	late := time.Now().Add(passing)
	for {
		if gone := d.alive(); gone != nil {
			return fmt.Errorf("%w: %w", err, gone)
		}
		if !errors.Is(err, unix.EIO) || time.Now().After(late) {
			return err
		}
		time.Sleep(passing / 50)
	}
}

func (d *disk) close() {
	for _, f := range []*os.File{d.part, d.whole} {
		if f != nil {
			_ = f.Close() // opened for reading; twice the same file is harmless
		}
	}
}
