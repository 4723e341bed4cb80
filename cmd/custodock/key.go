package main

import (
	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
)

func (a *app) keyCmd() *cobra.Command {
	return a.group("key", &cobra.Command{
		Use:   "show",
		Short: a.say("cmd.key.show"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				key, err := desk.Key(cmd.Context())
				if err != nil {
					return err
				}
				return a.printKey(key)
			})
		},
	})
}
