package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

// statedError is how well a person reads a clock, where they do not say.
const statedError = 5 * time.Second

func (a *app) deviceClockCmd() *cobra.Command {
	var offset, reason string
	var slop time.Duration
	cmd := &cobra.Command{
		Use:   "clock ID --offset TIME --reason REASON",
		Short: a.say("cmd.device.clock"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := time.ParseDuration(offset)
			if err != nil {
				return usagef("--offset %q: write what is to be added to the camera's time, such as +1h2m3s or -5s", offset)
			}
			if strings.TrimSpace(reason) == "" {
				return usagef("say how you know with --reason")
			}
			if slop < 0 {
				return usagef("--error %s: how far the offset may be off is never negative", slop)
			}
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				err := desk.StateClock(cmd.Context(), ingest.ClockRequest{
					Device: args[0], OffsetMS: by.Milliseconds(), ErrorMS: slop.Milliseconds(), Reason: reason,
				})
				if err != nil || a.flags.json {
					return err
				}
				return a.println(a.say("clock.done", message.Safe(args[0]), by.String()))
			})
		},
	}
	cmd.Flags().StringVar(&offset, "offset", "", a.say("flag.offset"))
	cmd.Flags().DurationVar(&slop, "error", statedError, a.say("flag.clock_error"))
	cmd.Flags().StringVar(&reason, "reason", "", a.say("flag.reason.clock"))
	return cmd
}
