package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/stamp/tsa"
)

// openTSA asks an authority over the network.
func openTSA(t configs.TSA) ingest.Asker { return tsa.New(t.URL) }

func (a *app) logStampCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "stamp",
		Short: a.say("cmd.log.stamp"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				v, err := desk.Anchor(cmd.Context())
				if err != nil {
					return err
				}
				if a.flags.json {
					return a.printJSON(v)
				}
				return a.println(a.anchorText(v))
			})
		},
	}
}

func (a *app) anchorText(v ingest.AnchorView) string {
	key := "stamp.made"
	switch {
	case v.TSR == "":
		return a.say("stamp.cosigned", v.Size)
	case !v.Made:
		key = "stamp.last"
	}
	return a.say(key, v.Size, message.Line(v.TSA), v.Time.Local().Format(time.RFC3339), v.Until.Local().Format(time.DateOnly))
}
