package main

import (
	"github.com/spf13/cobra"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
)

func (a *app) registerCmd() *cobra.Command {
	var r ingest.RegisterRequest
	var person, badge string
	cmd := &cobra.Command{
		Use:   "register [BAY|ID]",
		Short: a.say("cmd.device.register"),
		Example: "  custodock device register bay-01 --id c017 --person 'Li Lei' --badge 013370 --unit 'Patrol 3'\n" +
			"  custodock device register --fs-uuid 5F3A-1B2C --id c017",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				r.Camera = args[0]
			}
			if r.Camera == "" && r.Match == (ingest.Match{}) {
				return usagef("device register: name the bay of the camera, or give --fs-uuid, --serial or --profile-id")
			}
			if person != "" || badge != "" {
				r.Collectors = []clip.Collector{{Person: person, Badge: badge}}
			}
			return a.with(cmd.Context(), false, func(desk console.Desk) error { return a.register(cmd, desk, r) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.ID, "id", "", a.say("flag.register.id"))
	f.StringVar(&r.Match.FSUUID, "fs-uuid", "", a.say("flag.register.uuid"))
	f.StringVar(&r.Match.Label, "label", "", a.say("flag.register.label"))
	f.StringVar(&r.Match.Serial, "serial", "", a.say("flag.register.serial"))
	f.StringVar(&r.Match.ProfileID, "profile-id", "", a.say("flag.register.own"))
	f.StringVar(&r.Unit, "unit", "", a.say("flag.register.unit"))
	f.StringVar(&person, "person", "", a.say("flag.register.person"))
	f.StringVar(&badge, "badge", "", a.say("flag.register.badge"))
	f.StringVar(&r.Zone, "zone", "", a.say("flag.register.zone"))
	f.StringVar(&r.Profile, "profile", "", a.say("flag.register.kind"))
	return cmd
}

func (a *app) register(cmd *cobra.Command, desk console.Desk, r ingest.RegisterRequest) error {
	d, err := desk.Register(cmd.Context(), r)
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(deviceOf(d))
	}
	return a.println(a.say("device.registered", d.ID, knownBy(d.Match)))
}

func (a *app) forgetCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "forget ID",
		Short: a.say("cmd.device.forget"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				if err := desk.Forget(cmd.Context(), ingest.ForgetRequest{Device: args[0]}); err != nil {
					return err
				}
				if a.flags.json {
					return a.printJSON(map[string]string{"forgotten": args[0]})
				}
				return a.println(a.say("device.forgotten", args[0]))
			})
		},
	}
}
