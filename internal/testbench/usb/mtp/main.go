//go:build linux

// Command mtp reads a camera in a machine of the bench over MTP, as the dock
// does, and prints lines of JSON.
//
//	mtp read SERIAL      each file with its size and digest
//	mtp rough SERIAL     leaves the first file in the middle, then reads all
//	mtp again SERIAL     reads the first file until that fails, and says how
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/ptp"
	"github.com/custodock/custodock/device/usb"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("read, rough or again, and a serial")
	}
	t, opts, err := find(args[1])
	if err != nil {
		return err
	}
	s, files, err := open(ctx, t, opts)
	if err == nil && args[0] == "rough" {
		if err = errors.Join(s.Close(), rough(ctx, t, files[0])); err == nil {
			s, files, err = open(ctx, t, opts)
		}
	}
	if err == nil && args[0] == "again" {
		err = again(ctx, s, files)
	} else if err == nil {
		err = digests(s, files)
	}
	if s != nil {
		err = errors.Join(err, s.Close())
	}
	return err
}

// open connects, lists, and says what was found.
func open(ctx context.Context, t ptp.Target, opts ptp.Options) (*ptp.Session, []device.File, error) {
	s, err := ptp.Connect(ctx, t, opts)
	if err != nil {
		return nil, nil, err
	}
	var files []device.File
	found, err := s.Scan(ctx, func(f device.File) error {
		files = append(files, f)
		return nil
	})
	if err == nil {
		err = say(map[string]any{"Path": s.Path(), "Identities": s.Identities(), "Files": found.Files, "Sequential": s.Sequential(), "Info": s.Info()})
	}
	return s, files, err
}

// find finds the camera where the kernel has it.
func find(serial string) (ptp.Target, ptp.Options, error) {
	devices, err := usb.Sysfs{}.Scan()
	if err != nil {
		return ptp.Target{}, ptp.Options{}, err
	}
	for _, d := range devices {
		if d.Serial == serial {
			return ptp.Target{Bus: d.Bus, Number: d.Number}, ptp.Options{Port: d.Path, Serial: d.Serial}, nil
		}
	}
	return ptp.Target{}, ptp.Options{}, fmt.Errorf("no device has the serial %q", serial)
}

func digests(s *ptp.Session, files []device.File) error {
	for _, f := range files {
		begin := time.Now()
		sum, err := digest(s, f)
		if err != nil {
			return err
		}
		err = say(map[string]any{"Path": f.Path, "Size": f.Size, "SHA256": sum, "ModTime": f.ModTime, "Took": time.Since(begin).String()})
		if err != nil {
			return err
		}
	}
	return nil
}

func digest(s *ptp.Session, f device.File) (string, error) {
	r, err := s.Open(f.Path)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err == nil && n != f.Size {
		err = fmt.Errorf("%q: %d of %d bytes", f.Path, n, f.Size)
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// again reads until the camera is pulled out.
func again(ctx context.Context, s *ptp.Session, files []device.File) error {
	for n := 0; ; n++ {
		_, err := digest(s, files[0])
		if err == nil && n == 0 {
			err = say("reading")
		}
		if err != nil {
			begin := time.Now()
			alive := s.Alive(ctx)
			return say(map[string]any{
				"Gone": errors.Is(err, device.ErrGone), "Alive": alive == nil, "Words": err.Error(), "Took": time.Since(begin).Milliseconds(),
			})
		}
	}
}

func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }
