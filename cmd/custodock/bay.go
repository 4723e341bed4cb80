package main

import (
	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) bayCmd() *cobra.Command {
	return a.group("bay", &cobra.Command{
		Use:   "list",
		Short: a.say("cmd.bay.list"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				bays, err := desk.Bays(cmd.Context())
				if err != nil {
					return err
				}
				return a.printBays(bays)
			})
		},
	}, a.bindCmd())
}

func (a *app) bindCmd() *cobra.Command {
	var r ingest.BindRequest
	cmd := &cobra.Command{
		Use:     "bind NAME",
		Short:   a.say("cmd.bay.bind"),
		Example: "  custodock bay bind bay-01\n  custodock bay bind bay-01 --port 1-1.4",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Bay = args[0]
			if r.Port != "" && r.Camera != "" {
				return usagef("--port and --camera both say where the bay is: give one of them")
			}
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				b, err := desk.Bind(cmd.Context(), r)
				if err != nil {
					return err
				}
				if a.flags.json {
					return a.printJSON(b)
				}
				return a.println(a.say("bay.bound", b.Bay, b.Path))
			})
		},
	}
	cmd.Flags().StringVar(&r.Port, "port", "", a.say("flag.bind.port"))
	cmd.Flags().StringVar(&r.Camera, "camera", "", a.say("flag.bind.camera"))
	return cmd
}

func (a *app) printBays(bays []ingest.BayView) error {
	if a.flags.json {
		for _, b := range bays {
			if err := a.printJSON(b); err != nil {
				return err
			}
		}
		return nil
	}
	if len(bays) == 0 {
		return a.println(a.say("bays.none"))
	}
	t := newTable(a.say("col.bay"), a.say("col.place"), a.say("col.device"), a.say("col.state"), a.say("col.from"))
	for _, b := range bays {
		state := ""
		if b.State != "" {
			state = console.BayText(ingest.BayStatus{State: b.State}, a.lang)
		}
		t.add(b.Bay, message.Line(b.Path), message.Line(b.Device), state, b.From)
	}
	_, err := a.out.Write([]byte(t.String()))
	return err
}
