package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
)

func (a *app) tagCmd() *cobra.Command {
	var tags tagFlags
	var r ingest.TagRequest
	cmd := &cobra.Command{
		Use:   "tag CLIP…",
		Short: a.say("cmd.tag"),
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tags.none() {
				return usagef("nothing to tag with: give --case, --place, --collector, --proves, --matter, --stage, --party or --no-case")
			}
			var err error
			if r.Change, err = a.tags(tags); err != nil {
				return err
			}
			r.Clips = args
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				stamps, err := desk.Tag(cmd.Context(), r)
				if err != nil {
					return err
				}
				return a.printStamps(stamps)
			})
		},
	}
	tags.register(a, cmd)
	cmd.Flags().StringVar(&r.Reason, "reason", "", a.say("flag.reason.tag"))
	cmd.Flags().BoolVar(&r.Narrow, "narrow", false, a.say("flag.narrow"))
	return cmd
}

func (a *app) printStamps(stamps []ingest.Stamp) error {
	for _, s := range stamps {
		var err error
		if a.flags.json {
			err = a.printJSON(s)
		} else {
			err = a.println(a.say("tag.done", s.Clip, fmt.Sprintf("%s-%d", s.Log, s.N)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
