//go:build linux

// Command probe does in a machine of the bench what parts of the dock do, one at
// a time, and prints what they say as lines of JSON.
//
//	probe scan                              what is plugged in
//	probe port MAJOR:MINOR                  where a block device hangs
//	probe guard MODE [PORT…]                judges devices until it is told to end
//	probe mount MAJOR:MINOR                 lists and reads a volume through the mounter
//	probe ptp PORT                          lists and reads what speaks PTP on a port
//	probe erase MAJOR:MINOR PATH SIZE SHA   erases one file, then lists and reads
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device/usb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("scan, port, guard, ptp, mount or erase")
	}
	switch rest := args[1:]; {
	case args[0] == "scan":
		devices, err := usb.Sysfs{}.Scan()
		return errors.Join(err, say(devices))
	case args[0] == "port" && len(rest) == 1:
		port, dev, ok := usb.Sysfs{}.PortOf(rest[0])
		if !ok {
			return fmt.Errorf("%s is on no USB port", rest[0])
		}
		return say(map[string]any{"Port": port, "Serial": dev.Serial})
	case args[0] == "guard" && len(rest) > 0:
		return guard(ctx, usb.Mode(rest[0]), rest[1:])
	case args[0] == "ptp" && len(rest) == 1:
		return speak(ctx, rest[0])
	case args[0] == "mount" && len(rest) == 1:
		return look(ctx, rest[0], nil)
	case args[0] == "erase" && len(rest) == 4:
		return look(ctx, rest[0], rest[1:])
	}
	return fmt.Errorf("unknown: %q", args)
}

// guard prints a line when it stands, and one for each finding.
func guard(ctx context.Context, mode usb.Mode, ports []string) error {
	g := &usb.Guard{Mode: mode, Ports: ports}
	if err := g.Start(); err != nil {
		return err
	}
	if err := say("guarding"); err != nil {
		return err
	}
	err := g.Run(ctx, func(f usb.Finding) {
		refused := []string{}
		for _, v := range f.Refused() {
			refused = append(refused, string(v.Code))
		}
		slices.Sort(refused)
		_ = say(map[string]any{"Path": f.Device.Path, "Allowed": len(f.Verdicts) - len(refused), "Refused": refused, "Err": words(f.Err)})
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }
