package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) deriveCmd() *cobra.Command {
	var r ingest.DeriveRequest
	var interval string
	cmd := &cobra.Command{
		Use:   "derive CLIP FILE --kind KIND --tool T --reason R",
		Short: a.say("cmd.derive"),
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			switch {
			case !slices.Contains(ingest.Kinds, r.Kind):
				return usagef("say what the file is with --kind: %s", strings.Join(ingest.Kinds, ", "))
			case r.Tool == "" || r.Reason == "":
				return usagef("say with what and why it was made with --tool and --reason: both are recorded")
			}
			if r.FromMS, r.ToMS, err = parseInterval(interval); err != nil {
				return err
			}
			r.Clip, r.Name = args[0], filepath.Base(args[1])
			return a.derive(cmd.Context(), r, args[1])
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&r.Kind, "kind", "", a.say("flag.kind"))
	fl.StringVar(&r.Tool, "tool", "", a.say("flag.tool"))
	fl.StringVar(&r.Reason, "reason", "", a.say("flag.reason.derive"))
	fl.StringVar(&interval, "range", "", a.say("flag.interval"))
	fl.DurationVar(&r.Wait, "wait", 5*time.Minute, a.say("flag.wait"))
	return cmd
}

// derive opens the file as the person who asks, who may read what the daemon may
// not, and the other way round.
func (a *app) derive(ctx context.Context, r ingest.DeriveRequest, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", message.Safe(path), bare(err))
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		return fmt.Errorf("open %s: it is no file", message.Safe(path))
	}
	r.File = file
	var made ingest.DerivedView
	err = a.with(ctx, false, func(desk console.Desk) error {
		made, err = desk.Derive(ctx, r)
		return err
	})
	_ = file.Close() // which Derive did, where it was reached
	if err != nil {
		return err
	}
	if a.flags.json {
		err = a.printJSON(made)
	} else {
		err = a.println(a.say("derive.done", made.Entry, a.say("derived."+made.Kind), made.Clip, made.SHA256, a.say("state."+made.State)))
	}
	if err == nil && made.State != ingest.StateStored {
		return errPartly
	}
	return err
}

var (
	intervalForm = regexp.MustCompile(`^([0-9]{1,9}(?:\.[0-9]{1,3})?)(s|ms)?-([0-9]{1,9}(?:\.[0-9]{1,3})?)(s|ms)?$`)
	errInterval  = "write begin and end in seconds, such as 12.5-60, or with ms behind both"
)

// parseInterval reads A-B in seconds, or Ams-Bms; all of the clip is "".
func parseInterval(s string) (from, to *int64, err error) {
	if s == "" {
		return nil, nil, nil
	}
	m := intervalForm.FindStringSubmatch(s)
	if m == nil || (m[2] == "ms") != (m[4] == "ms") {
		return nil, nil, usagef("--range %s: %s", message.Safe(s), errInterval)
	}
	a, b := instant(m[1], m[2]), instant(m[3], m[4])
	if b <= a {
		return nil, nil, usagef("--range %s: it ends before it begins", message.Safe(s))
	}
	return &a, &b, nil
}

// instant is a number of seconds, or of ms, in milliseconds.
func instant(number, unit string) int64 {
	n, _ := strconv.ParseFloat(number, 64) // the form has no other numbers
	if unit == "ms" {
		return int64(n)
	}
	return int64(n*1000 + 0.5)
}
