package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
)

func (a *app) keyCmd() *cobra.Command {
	return a.group("key",
		&cobra.Command{
			Use:   "show",
			Short: a.say("cmd.key.show"),
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return a.withKey(cmd, a.printKey)
			},
		},
		&cobra.Command{
			Use:   "card [KEY]",
			Short: a.say("cmd.key.card"),
			Args:  cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) == 1 {
					return a.printCard(keyText(args[0]))
				}
				return a.withKey(cmd, a.printCard)
			},
		},
		a.installCmd(),
		a.rotateCmd(),
	)
}

// rotateCmd works on the state itself: whoever changes the key of a dock stops
// the daemon first.
func (a *app) rotateCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: a.say("cmd.key.rotate"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, after, err := ingest.Rotate(cmd.Context(), a.options(false))
			if errors.Is(err, ingest.ErrUnpublished) {
				_, _ = fmt.Fprintln(a.err, "custodock: "+explain(err, a.lang))
				err = nil // the key is in the log
			}
			if err != nil {
				return err
			}
			if err := a.printKey(after); err != nil || a.flags.quiet || a.flags.json {
				return err
			}
			_, err = fmt.Fprintln(a.err, a.say("key.rotated"))
			return err
		},
	}
}

// withKey hands the dock's verifier key on.
func (a *app) withKey(cmd *cobra.Command, do func(key string) error) error {
	return a.with(cmd.Context(), false, func(desk console.Desk) error {
		key, err := desk.Key(cmd.Context())
		if err != nil {
			return err
		}
		return do(key)
	})
}

// installCmd takes in what an authority signed of the dock's key.
func (a *app) installCmd() *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "install FILE [--key AUTHORITY-KEY]",
		Short: a.say("cmd.key.install"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := os.Stat(args[0])
			if err != nil || info.Size() > maxRevoked {
				return fmt.Errorf("read endorsement %s: it is no such file: give what custodock authority endorse wrote", message.Safe(args[0]))
			}
			msg, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read endorsement %s: %w", message.Safe(args[0]), bare(err))
			}
			if key != "" {
				v, err := manifest.ParseKey(keyText(key))
				if err != nil {
					return errKeyForm
				}
				if _, err := manifest.OpenEndorsement(msg, v); err != nil {
					return fmt.Errorf("endorsement %s: %w", message.Safe(args[0]), err)
				}
			}
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				e, err := desk.Install(cmd.Context(), ingest.InstallRequest{Note: string(msg)})
				if err != nil {
					return err
				}
				if a.flags.json {
					return a.printJSON(e)
				}
				return a.println(a.say("key.installed", message.Line(e.Authority), e.From, e.Until))
			})
		},
	}
	cmd.Flags().StringVar(&key, "key", "", a.say("flag.authority.key"))
	return cmd
}
