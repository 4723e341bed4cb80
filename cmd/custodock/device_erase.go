package main

import (
	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) eraseCmd() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "erase DEVICE",
		Short: a.say("cmd.device.erase"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return usagef("erase %s: say why with --reason", message.Safe(args[0]))
			}
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				res, err := desk.EraseDevice(cmd.Context(), ingest.EraseOrder{Device: args[0], Reason: reason})
				if err != nil {
					return err
				}
				return a.printErased(args[0], res)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", a.say("flag.reason.erase"))
	return cmd
}

func (a *app) printErased(device string, res ingest.EraseResult) error {
	var kept error
	if len(res.Left) > 0 {
		kept = errKept
	}
	if a.flags.json {
		if err := a.printJSON(res); err != nil {
			return err
		}
		return kept
	}
	if err := a.println(a.sayN("erase.done", res.Erased, message.Line(device))); err != nil {
		return err
	}
	for _, l := range res.Left {
		if err := a.println(a.sayN("erase.left", l.Files, console.EraseText(l.Reason, a.lang))); err != nil {
			return err
		}
	}
	return kept
}
