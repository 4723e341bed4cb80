package mounter

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// meaning gives errors of the kernel the words and the kind they have here.
var meaning = []struct {
	errno error
	text  string
	kind  error
}{
	{unix.ENODEV, "the device is gone", ErrGone},
	{unix.ENXIO, "the device is gone", ErrGone},
	{unix.ENOMEDIUM, "there is no medium in the device", ErrGone},
	{unix.ENOENT, "the device is gone", ErrGone},
	{unix.EBUSY, "something else uses it", ErrBusy},
	{unix.EIO, "the medium does not read", ErrFilesystem},
	{unix.EUCLEAN, "the file system is damaged", ErrFilesystem},
	{unix.EPERM, "the helper lacks a right: run it as root with CAP_SYS_ADMIN", ErrNotAllowed},
}

// explain puts an error of the kernel into words, with the kernel's own behind
// them.
func explain(err error) error {
	for _, m := range meaning {
		if errors.Is(err, m.errno) {
			return fmt.Errorf("%s: %w: %w", m.text, err, m.kind)
		}
	}
	return err
}

// explainMount is explain for the call that reads the file system, which says
// EINVAL for most of what can be wrong with one.
func explainMount(err error) error {
	switch {
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the file system is damaged, or this kernel lacks a part for it: %w: %w", err, ErrFilesystem)
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES):
		return fmt.Errorf("the file system wants to be written to before it is read: %w: %w", err, ErrFilesystem)
	}
	return explain(err)
}

// others are what else a disk may hold, so that a person is told what it is and
// not only what it is not.
var others = []struct {
	name  string
	at    int64
	magic string
}{
	{"an encrypted volume (LUKS)", 0, "LUKS\xba\xbe"},
	{"an encrypted volume (BitLocker)", 3, "-FVE-FS-"},
	{"swap space", 4086, "SWAPSPACE2"},
	{"an xfs file system", 0, "XFSB"},
	{"a btrfs file system", 0x10040, "_BHRfS_M"},
	{"an f2fs file system", 1024, "\x10\x20\xf5\xf2"},
	{"an Apple file system", 1024, "H+\x00\x04"},
	{"an Apple file system", 1024, "HX\x00\x05"},
	{"an Apple file system", 32, "NXSB"},
	{"an optical disc's file system", 0x8001, "CD001"},
	{"a partition table", 512, "EFI PART"},
}

// otherKind names what a volume holds that the dock does not read.
func otherKind(r io.ReaderAt) string {
	for _, o := range others {
		b := make([]byte, len(o.magic))
		if n, _ := r.ReadAt(b, o.at); n == len(b) && bytes.Equal(b, []byte(o.magic)) {
			return o.name
		}
	}
	return "no file system that is known here"
}
