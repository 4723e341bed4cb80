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

func (a *app) logCmd() *cobra.Command {
	return a.group("log",
		a.logBytes("checkpoint", cobra.NoArgs, func(ctx context.Context, d console.Desk, _ []string) ([]byte, error) {
			return d.Checkpoint(ctx)
		}),
		a.logBytes("entry N|CLIP", cobra.ExactArgs(1), func(ctx context.Context, d console.Desk, args []string) ([]byte, error) {
			return d.Entry(ctx, args[0])
		}),
		a.proveCmd(),
		a.logStampCmd(),
		a.followCmd(),
		a.recoverCmd(),
	)
}

func (a *app) followCmd() *cobra.Command {
	var after int64
	cmd := &cobra.Command{
		Use:   "follow",
		Short: a.say("cmd.log.follow"),
		Args:  cobra.NoArgs,
	}
	// What is not given is not the whole log, so no number is shown for it.
	cmd.Flags().Int64Var(&after, "after", 0, a.say("flag.after"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if after < -1 {
			return usagef("--after %d: give the id of an event, or -1 for the whole log", after)
		}
		// Of a state that nobody else works on nothing new would come.
		client, err := console.Dial(a.places())
		if err != nil {
			return err
		}
		var from *int64
		if cmd.Flags().Changed("after") {
			from = &after
		}
		return a.follow(cmd.Context(), client, from)
	}
	return cmd
}

// follow prints what happens until the person ends it. Beats are for the
// connection and not for a person.
func (a *app) follow(ctx context.Context, desk console.Desk, after *int64) error {
	err := desk.Events(ctx, after, func(e ingest.StreamEvent) error {
		if e.Event == ingest.StreamBeat {
			return nil
		}
		return a.printJSON(e)
	})
	if ctx.Err() != nil {
		return nil // the person ended it
	}
	return err
}

// logBytes is a command that writes what the log holds, byte for byte, because
// other programs check it.
func (a *app) logBytes(use string, args cobra.PositionalArgs, read func(context.Context, console.Desk, []string) ([]byte, error)) *cobra.Command {
	cmd := &cobra.Command{Use: use, Args: args}
	cmd.Short = a.say("cmd.log." + cmd.Name())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.with(cmd.Context(), false, func(desk console.Desk) error {
			b, err := read(cmd.Context(), desk, args)
			if err != nil {
				return err
			}
			_, err = a.out.Write(b)
			return err
		})
	}
	return cmd
}

func (a *app) recoverCmd() *cobra.Command {
	var o ingest.RecoverOptions
	cmd := &cobra.Command{
		Use:   "recover",
		Short: a.say("cmd.log.recover"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Old != "" && !o.New {
				return usagef("--old names the log that a new one follows: custodock log recover --new --old %s", shellQuote(o.Old))
			}
			key, err := ingest.Recover(cmd.Context(), a.options(false), o)
			if errors.Is(err, manifest.ErrForked) && !o.New {
				return fmt.Errorf("%w: run: %s", err, a.commandLine("log recover --new"))
			}
			if err != nil {
				return err
			}
			return a.printKey(key)
		},
	}
	cmd.Flags().BoolVar(&o.New, "new", false, a.say("flag.new"))
	cmd.Flags().StringVar(&o.Old, "old", "", a.say("flag.old"))
	cmd.Flags().BoolVar(&o.CredentialRemoved, "credential-removed", false, a.say("flag.credential"))
	return cmd
}
