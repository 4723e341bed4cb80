//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/mounter"
)

// seen is what a volume looks like through the mounter.
type seen struct {
	FS         string
	Identities []device.Identity
	Notes      []string
	Listed     bool   // a mount table shows it
	Write      string // what the kernel says to a new file
	Files      []file
	Scan       string // error
	Erase      string // error; "gone" and "changed" for those
}

type file struct {
	Path   string
	SHA256 string
	Err    string
}

// look mounts a volume, erases a file where erase has path, size and SHA-256,
// and says what is there.
func look(ctx context.Context, id string, erase []string) error {
	c, err := mounter.Dial(ctx, mounter.DefaultSocket)
	if err != nil {
		return err
	}
	m, err := c.Mount(ctx, id)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	s := seen{FS: m.FSType, Identities: m.Identities, Notes: m.Notes}
	if err := say("mounted"); err != nil {
		return err
	}
	if erase != nil {
		s.Erase = eraseOne(ctx, m, erase)
	}
	folder, err := device.FromFile(m.Dir, "")
	if err == nil {
		s.Scan = words(s.read(ctx, folder))
		err = folder.Close()
	} else {
		s.Scan, err = words(err), nil
	}
	table, tableErr := os.ReadFile("/proc/1/mountinfo")
	s.Listed = bytes.Contains(table, []byte(" "+id+" "))
	_, writeErr := unix.Openat(int(m.Dir.Fd()), "new", unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	s.Write = fmt.Sprint(writeErr)
	return errors.Join(err, tableErr, m.Close(), say(s))
}

func eraseOne(ctx context.Context, m *mounter.Mounted, args []string) string {
	size, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err.Error()
	}
	r := mounter.EraseRequest{Path: args[0], Size: size}
	if _, err := hex.Decode(r.SHA256[:], []byte(args[2])); err != nil {
		return err.Error()
	}
	return words(m.Erase(ctx, r))
}

// words is "" for no error, and short for those that a test asks for.
func words(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, device.ErrGone):
		return "gone"
	case errors.Is(err, mounter.ErrChanged):
		return "changed"
	}
	return err.Error()
}

func (s *seen) read(ctx context.Context, folder *device.Folder) error {
	_, err := folder.Scan(ctx, func(f device.File) error {
		one := file{Path: f.Path}
		r, err := folder.Open(f.Path)
		if err == nil {
			h := sha256.New()
			_, err = io.Copy(h, r)
			one.SHA256 = hex.EncodeToString(h.Sum(nil))
			err = errors.Join(err, r.Close())
		}
		one.Err = words(err)
		s.Files = append(s.Files, one)
		return nil
	})
	return err
}
