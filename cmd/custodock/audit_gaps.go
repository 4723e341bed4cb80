package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/audit"
	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// gapsCall is what one look for gaps is asked.
type gapsCall struct {
	verifyCall
	device, out string
	size        int64
}

func (a *app) gapsCmd() *cobra.Command {
	var c gapsCall
	cmd := &cobra.Command{
		Use:   "gaps [--device c017]",
		Short: a.say("cmd.audit.gaps"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case c.size < 0:
				return usagef("--size %d: a number of entries", c.size)
			case c.key != "" && c.out != "":
				return usagef("-o: only a dock signs, where nobody gives --key and --from")
			}
			if err := c.foreignOr(); err != nil {
				return err
			}
			return a.gaps(cmd.Context(), c)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&c.device, "device", "", a.say("flag.gaps.device"))
	fl.Int64Var(&c.size, "size", 0, a.say("flag.gaps.size"))
	fl.StringVarP(&c.out, "output", "o", "", a.say("flag.gaps.output"))
	a.foreignFlags(cmd, &c.verifyCall)
	return cmd
}

// foundGaps is what was found in one log.
type foundGaps struct {
	audit.Findings
	head verify.Head
	note string // that the dock signed, "" when nobody did
}

// gaps looks through every log, has the dock sign what it found in its own, and tells.
func (a *app) gaps(ctx context.Context, c gapsCall) error {
	logs, err := a.auditLogs(ctx, c.verifyCall, c.size > 0 || c.device != "")
	if err != nil {
		return err
	}
	defer logs.done()
	var all []foundGaps
	result := audit.Complete
	err = logs.each(ctx, func(o verify.Options) error {
		found, head, err := a.findGaps(ctx, o, c.device, c.size)
		if err == nil {
			all, result = append(all, foundGaps{Findings: found, head: head}), audit.Worse(result, found.Result)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i := range all {
		if logs.own != "" && all[i].head.Log == logs.own {
			if err := a.signGaps(ctx, c, &all[i]); err != nil {
				return err
			}
		}
	}
	for _, found := range all {
		if err := a.printGaps(found, cmp.Or(c.size, found.head.Checkpoint.Size), logs.own != ""); err != nil {
			return err
		}
	}
	switch {
	case logs.bad != nil || result == audit.Complete:
		return logs.bad
	case result == audit.Unknown:
		return errUnsure
	}
	return errGaps
}

// signGaps has the dock sign what was found in its own log, and writes that where it
// was asked for.
func (a *app) signGaps(ctx context.Context, c gapsCall, found *foundGaps) error {
	err := a.with(ctx, false, func(desk console.Desk) (err error) {
		r := ingest.GapsRequest{Size: cmp.Or(c.size, found.head.Checkpoint.Size), Device: c.device, Result: found.Result, Lines: found.Lines()}
		found.note, err = desk.SignGaps(ctx, r)
		return err
	})
	if err != nil || c.out == "" {
		return err
	}
	path, err := filepath.Abs(c.out)
	if err == nil {
		err = durable.WriteFile(path, []byte(found.note), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", message.Safe(c.out), bare(err))
	}
	return nil
}

// findGaps looks through the first size entries of a log, all where size is 0.
func (a *app) findGaps(ctx context.Context, o verify.Options, device string, size int64) (audit.Findings, verify.Head, error) {
	profiles, err := profile.Load(configs.Devices(), a.cfg.Profiles)
	if err != nil {
		return audit.Findings{}, verify.Head{}, err
	}
	g := audit.NewGaps(profiles, device)
	wanted := func(e manifest.Entry) bool { return (size == 0 || e.N < size) && g.Wants(e) }
	head, err := verify.Read(ctx, o, wanted, func(e manifest.Entry, record []byte) error {
		g.Take(e, record)
		return nil
	})
	if err == nil && size > head.Checkpoint.Size {
		err = fmt.Errorf("look through %d entries: the log has %d", size, head.Checkpoint.Size)
	}
	if err != nil {
		return audit.Findings{}, head, err
	}
	for _, l := range g.DeviceLogs() {
		content, known, err := deviceLog(ctx, o, l)
		switch {
		case err != nil:
			return audit.Findings{}, head, fmt.Errorf("read %s, a device's own log: %w", l.Clip, err)
		case known:
			g.ReadLog(l, content)
		default:
			g.Unread(l)
		}
	}
	return g.Findings(), head, nil
}

// deviceLog reads a device's own log. It is not known where the store and the dock
// have not got it, where it is too large, and where the bytes are not those of its
// name. Any other error is an outage and no finding: a store that does not answer now
// may have it.
func deviceLog(ctx context.Context, o verify.Options, l audit.DeviceLog) (content []byte, known bool, err error) {
	if l.Size > audit.MaxDeviceLog {
		return nil, false, nil
	}
	in, err := openLog(ctx, o, l.Digest)
	if err == nil {
		content, err = io.ReadAll(io.LimitReader(in, audit.MaxDeviceLog+1))
		_ = in.Close()
	}
	switch {
	case errors.Is(err, store.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return content, clip.Digest(manifest.RecordDigest(content)) == l.Digest, nil
}

// openLog opens it in the store, or on the dock where that cannot give it. Who may not
// look into the dock's state has the store's answer.
func openLog(ctx context.Context, o verify.Options, d clip.Digest) (io.ReadCloser, error) {
	in, err := store.OpenBare(ctx, o.Store, store.Name(d))
	if err == nil {
		return in, nil
	}
	if o.Spool == "" {
		return nil, err
	}
	own, local := os.Open(filepath.Join(o.Spool, d.String()))
	switch {
	case local == nil:
		return own, nil
	case errors.Is(local, fs.ErrNotExist), errors.Is(local, fs.ErrPermission):
		return nil, err
	}
	return nil, local
}
