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
	"github.com/custodock/custodock/device/ptp"
	"github.com/custodock/custodock/device/usb"
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
	if err := say("open"); err != nil {
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

// speak reads what hangs on a port over PTP, as a tree like any other.
func speak(ctx context.Context, port string) error {
	d, found, err := usb.Sysfs{}.Device(port)
	if err != nil || !found {
		return fmt.Errorf("port %s: found %t: %w", port, found, err)
	}
	session, err := ptp.Connect(ctx, ptp.Target{Bus: d.Bus, Number: d.Number}, ptp.Options{Port: port, Serial: d.Serial})
	if err != nil {
		return err
	}
	s := seen{FS: session.Path(), Identities: session.Identities()}
	if err := say("open"); err != nil {
		return err
	}
	s.Scan = words(s.read(ctx, session))
	return errors.Join(session.Close(), say(s))
}

func (s *seen) read(ctx context.Context, tree device.Tree) error {
	_, err := tree.Scan(ctx, func(f device.File) error {
		one := file{Path: f.Path}
		r, err := tree.Open(f.Path)
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
