package mounter

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device"
)

// volume is a mounted disk. root and mount are also the client's; the mount goes
// when both have closed them.
type volume struct {
	*disk
	super    device.Superblock
	settings []setting
	attrs    int // those of the client's mount
	mount    *os.File
	root     *os.File
	notes    []string
}

// setting is a mount option; a flag when it has no value.
type setting struct{ key, value string }

// quiet are the attributes of every mount here: no file of a camera is run, is a
// device, leads elsewhere or gets a new access time.
const quiet = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC |
	unix.MOUNT_ATTR_NOSYMFOLLOW | unix.MOUNT_ATTR_NOATIME

// mount mounts a volume read-only, detached, for the daemon's user.
func (s *server) mount(id string) (*volume, error) {
	if err := s.claim(id); err != nil {
		return nil, err
	}
	v := &volume{disk: &disk{id: id}}
	d, err := s.openDisk(id)
	if err == nil {
		v.disk = d
		if err = s.attach(v); err != nil {
			err = d.orGone(err)
		}
	}
	if err != nil {
		s.release(v)
		return nil, err
	}
	return v, nil
}

func (s *server) attach(v *volume) error {
	if size, err := unix.IoctlGetInt(int(v.part.Fd()), unix.BLKGETSIZE64); err == nil && size == 0 {
		return fmt.Errorf("%s has no medium: %w", v.node, ErrGone)
	}
	v.super = device.ReadSuperblock(v.part)
	if v.super.FSType == "" {
		return fmt.Errorf("%s holds %s; the dock reads vfat, exfat, ext4 and ntfs: %w", v.node, otherKind(v.part), ErrFilesystem)
	}
	v.settings = s.settingsOf(v.super)
	fd, attrs, err := v.detached(v.settings, "ro", quiet|unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return err
	}
	v.mount, v.attrs = os.NewFile(uintptr(fd), v.node), attrs
	if attrs&unix.MOUNT_ATTR_NOSYMFOLLOW == 0 {
		v.notes = append(v.notes, "this kernel has no nosymfollow; links are still never followed by the dock")
	}
	if v.super.FSType == device.Ext4 && s.UID != 0 {
		if err := s.idmap(fd); err != nil {
			v.notes = append(v.notes, fmt.Sprintf("files of root that only root may read stay closed to the dock: no idmapped mount: %v", err))
		}
	}
	root, err := openat2(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open the root of %s: %w", v.node, explain(err))
	}
	v.root = os.NewFile(uintptr(root), v.node)
	var st unix.Stat_t
	if err := unix.Fstat(root, &st); err != nil {
		return fmt.Errorf("look at the root of %s: %w", v.node, explain(err))
	}
	// The kernel opened the node by its name, which could have changed hands.
	if number(st.Dev) != v.id {
		return fmt.Errorf("%s is another device now: %w", v.node, ErrGone)
	}
	return v.alive()
}

// settingsOf are the options of a file system: whose the files are where it keeps no
// owners, names in UTF-8, and no journal replay.
func (s *server) settingsOf(super device.Superblock) []setting {
	uid, gid := strconv.FormatUint(uint64(s.UID), 10), strconv.FormatUint(uint64(s.GID), 10)
	// The owner's write bit stays, for without it nobody could see which files
	// the camera protects; the mount takes no writes all the same.
	own := []setting{{"uid", uid}, {"gid", gid}, {"umask", "0077"}, {"iocharset", "utf8"}}
	switch {
	case super.FSType == device.Ext4 && (super.Dirty || !s.Erase):
		return []setting{{key: "noload"}}
	case super.FSType == device.Ext4:
		// The journal is empty, so there is nothing to replay; an erase that is
		// cut short must be able to use it.
		return nil
	case super.FSType == device.VFAT:
		return append(own, setting{key: "utf8"}) // beyond the basic plane too
	}
	return own
}

// detached makes a mount that stands in no mount table; mode is "ro" or "rw". It
// returns the attributes that the kernel knew.
func (v *volume) detached(settings []setting, mode string, attrs int) (fd, known int, err error) {
	ctx, err := unix.Fsopen(v.super.FSType, unix.FSOPEN_CLOEXEC)
	if errors.Is(err, unix.ENODEV) {
		return -1, 0, fmt.Errorf("this kernel cannot read %s: install the module %s: %w", v.super.FSType, v.super.FSType, ErrFilesystem)
	}
	if err != nil {
		return -1, 0, fmt.Errorf("open file system %s: %w", v.super.FSType, explain(err))
	}
	defer func() { _ = unix.Close(ctx) }()
	err = configure(ctx, append([]setting{{"source", v.node}, {key: mode}}, settings...))
	if err == nil {
		err = unix.FsconfigCreate(ctx)
	}
	if err != nil {
		return -1, 0, fmt.Errorf("mount %s as %s: %w%s", v.node, v.super.FSType, explainMount(err), messages(ctx))
	}
	fd, err = unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, attrs)
	if errors.Is(err, unix.EINVAL) { // before Linux 5.14
		attrs &^= unix.MOUNT_ATTR_NOSYMFOLLOW
		fd, err = unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, attrs)
	}
	if err != nil {
		return -1, 0, fmt.Errorf("mount %s as %s: %w%s", v.node, v.super.FSType, explainMount(err), messages(ctx))
	}
	return fd, attrs, nil
}

func configure(ctx int, settings []setting) error {
	for _, s := range settings {
		var err error
		if s.value == "" {
			err = unix.FsconfigSetFlag(ctx, s.key)
		} else {
			err = unix.FsconfigSetString(ctx, s.key, s.value)
		}
		if err != nil {
			return fmt.Errorf("option %s: %w", s.key, err)
		}
	}
	return nil
}

// reconfigure turns the whole file system to "ro" or "rw". The options are given
// again: a file system may take a missing one for its default.
func (v *volume) reconfigure(mode string) error {
	ctx, err := unix.Fspick(int(v.mount.Fd()), "", unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(ctx) }()
	if err := configure(ctx, append([]setting{{key: mode}}, v.settings...)); err != nil {
		return err
	}
	if err := unix.FsconfigReconfigure(ctx); err != nil {
		return fmt.Errorf("%w%s", err, messages(ctx))
	}
	return nil
}

// messages is what the kernel logged for a mount, quoted, "" when it said
// nothing. Each read gives one message with a letter for its gravity; bytes of
// the device may stand in it.
func messages(ctx int) string {
	var said []string
	buf := make([]byte, 512)
	for range 16 { // the kernel keeps eight
		n, err := unix.Read(ctx, buf)
		if err != nil || n <= 0 {
			break
		}
		if text := strings.TrimSpace(string(bytes.TrimLeft(buf[:n], "ewi "))); text != "" {
			said = append(said, strconv.Quote(text))
		}
	}
	if len(said) == 0 {
		return ""
	}
	return " (the kernel: " + strings.Join(slices.Compact(said), ", ") + ")"
}

func (v *volume) close() {
	for _, f := range []*os.File{v.root, v.mount} {
		if f != nil {
			_ = f.Close() // nothing was written through it
		}
	}
	v.disk.close()
}

// openat2 opens beneath dir and nowhere else.
func openat2(dir int, path string, flags uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   flags,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
	for {
		fd, err := unix.Openat2(dir, path, &how)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
