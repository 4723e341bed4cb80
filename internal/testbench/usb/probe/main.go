//go:build linux

// Command probe does in a machine of the bench what parts of the dock do, one at
// a time, and prints what they say as lines of JSON.
//
//	probe scan                what is plugged in
//	probe mount MAJOR:MINOR   lists and reads a volume through the mounter
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"

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
		return errors.New("scan or mount")
	}
	switch rest := args[1:]; {
	case args[0] == "scan":
		devices, err := usb.Sysfs{}.Scan()
		return errors.Join(err, say(devices))
	case args[0] == "mount" && len(rest) == 1:
		return look(ctx, rest[0])
	}
	return fmt.Errorf("unknown: %q", args)
}

func say(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }
