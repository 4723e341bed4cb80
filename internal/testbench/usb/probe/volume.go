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
}

type file struct {
	Path   string
	SHA256 string
	Err    string
}

// look mounts a volume and says what is there.
func look(ctx context.Context, id string) error {
	c, err := mounter.Dial(ctx, mounter.DefaultSocket)
	if err != nil {
		return err
	}
	m, err := c.Mount(ctx, id)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	s := seen{FS: m.FSType, Identities: m.Identities, Notes: m.Notes}
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

// words is "" for no error.
func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
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
