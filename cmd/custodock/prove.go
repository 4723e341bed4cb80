package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/verify"
)

// proveCmd writes the proof of one entry: the dock's own, or for someone with no
// dock one made from a store.
func (a *app) proveCmd() *cobra.Command {
	var c verifyCall
	cmd := a.logBytes("prove N|CLIP", cobra.ExactArgs(1), func(ctx context.Context, d console.Desk, args []string) ([]byte, error) {
		return d.Prove(ctx, args[0])
	})
	own := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case c.from == "" && c.key == "":
			return own(cmd, args)
		case c.from == "" || c.key == "":
			return usagef("--from and --key go together: the store to read, and the key that signs its log")
		}
		o, done, err := a.foreign(cmd.Context(), c)
		if err != nil {
			return err
		}
		defer done()
		_, p, err := verify.Prove(cmd.Context(), o, args[0])
		if err != nil {
			return err
		}
		_, err = a.out.Write(p.Encode())
		return err
	}
	cmd.Flags().StringVar(&c.key, "key", "", a.say("flag.key"))
	cmd.Flags().StringVar(&c.from, "from", "", a.say("flag.from"))
	return cmd
}
