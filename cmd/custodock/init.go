package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/manifest"
)

func (a *app) initCmd() *cobra.Command {
	var log, authority string
	cmd := &cobra.Command{
		Use:   "init",
		Short: a.say("cmd.init"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if log != "" {
				if !manifest.ValidLogName(log) {
					return usagef("--log %q: use 3 to 16 lower-case letters and digits, a letter first", log)
				}
				a.cfg.Log = log
			}
			if authority != "" {
				if !manifest.ValidAuthority(authority) {
					return usagef("--authority %q: use letters, digits, dots, dashes and slashes", authority)
				}
				a.cfg.Authority = authority
			}
			key, err := a.initialise(cmd.Context())
			if errors.Is(err, ingest.ErrUnpublished) {
				_, _ = fmt.Fprintln(a.err, "custodock: "+explain(err, a.lang))
				err = nil // the log is made, and clips wait on the dock
			}
			if err != nil {
				return err
			}
			return a.printKey(key)
		},
	}
	cmd.Flags().StringVar(&log, "log", "", a.say("flag.log"))
	cmd.Flags().StringVar(&authority, "authority", "", a.say("flag.authority"))
	return cmd
}

// initialise makes the state, or finds it made: by a daemon at work, too, as
// long as names that were asked for are its own.
func (a *app) initialise(ctx context.Context) (string, error) {
	client, err := console.Dial(console.Places{State: a.state})
	if err != nil {
		o := a.options(true)
		o.Create = true
		return ingest.Init(ctx, o)
	}
	s, err := client.Status(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range []struct{ what, want, is string }{{"log", a.cfg.Log, s.Log}, {"authority", a.cfg.Authority, s.Authority}} {
		if c.want != "" && c.want != c.is {
			return "", fmt.Errorf("open state %s: its %s is %q, not %q: a log's name is fixed when it is made", a.state, c.what, c.is, c.want)
		}
	}
	return client.Key(ctx)
}

func (a *app) printKey(key string) error {
	if a.flags.json {
		return a.printJSON(map[string]string{"key": key})
	}
	_, err := fmt.Fprintln(a.out, key)
	return err
}
