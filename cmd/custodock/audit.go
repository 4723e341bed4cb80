package main

import (
	"cmp"
	"context"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/verify"
)

func (a *app) auditCmd() *cobra.Command {
	return a.group("audit", a.sampleCmd(), a.gapsCmd(), a.accessCmd())
}

// sampleCall is what one draw is asked.
type sampleCall struct {
	verifyCall
	seed, rate string
	size       int64
}

func (a *app) sampleCmd() *cobra.Command {
	var c sampleCall
	cmd := &cobra.Command{
		Use:   "sample --seed TEXT --rate 5%",
		Short: a.say("cmd.audit.sample"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			share, err := parseRate(c.rate)
			switch {
			case err != nil:
				return err
			case c.seed == "" || strings.ContainsAny(c.seed, "\r\n"):
				return usagef("give the public seed, one line, with --seed")
			case c.size < 0:
				return usagef("--size %d: a number of entries", c.size)
			}
			if err := c.foreignOr(); err != nil {
				return err
			}
			return a.sample(cmd.Context(), c, share)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&c.seed, "seed", "", a.say("flag.seed"))
	fl.StringVar(&c.rate, "rate", "", a.say("flag.rate"))
	fl.Int64Var(&c.size, "size", 0, a.say("flag.size"))
	a.foreignFlags(cmd, &c.verifyCall)
	return cmd
}

// foreignFlags are those of whoever has no dock.
func (a *app) foreignFlags(cmd *cobra.Command, c *verifyCall) {
	fl := cmd.Flags()
	fl.StringVar(&c.key, "key", "", a.say("flag.key"))
	fl.StringVar(&c.from, "from", "", a.say("flag.from"))
	fl.StringVar(&c.revoked, "revoked", "", a.say("flag.revoked"))
}

// foreignOr refuses half of what somebody without a dock has to give.
func (c *verifyCall) foreignOr() error {
	if (c.from == "") != (c.key == "") || c.revoked != "" && c.key == "" {
		return usagef("--from and --key go together: a store, and the key of its log from elsewhere")
	}
	return nil
}

// parseRate reads 5% or 0.05, more than nothing and at most all.
func parseRate(s string) (float64, error) {
	digits, percent := strings.CutSuffix(s, "%")
	share, err := strconv.ParseFloat(digits, 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share > 0 && share <= 1) || math.IsNaN(share) {
		return 0, usagef("--rate %s: write the share to draw, such as 5%% or 0.05", message.Safe(s))
	}
	return share, nil
}

// draw is what was drawn from one log.
type draw struct {
	origin string
	size   int64 // entries that it was drawn from
	drawn  []verify.Drawn
	among  int
}

// sample draws from every log by itself, and tells once all are drawn.
func (a *app) sample(ctx context.Context, c sampleCall, share float64) error {
	logs, err := a.auditLogs(ctx, c.verifyCall, c.size > 0)
	if err != nil {
		return err
	}
	defer logs.done()
	var all []draw
	err = logs.each(ctx, func(o verify.Options) error {
		head, drawn, among, err := verify.Sample(ctx, o, c.seed, share, c.size)
		if err == nil {
			all = append(all, draw{head.Checkpoint.Origin, cmp.Or(c.size, head.Checkpoint.Size), drawn, among})
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range all {
		if err := a.printDraw(c.seed, d); err != nil {
			return err
		}
	}
	return logs.bad
}

func (a *app) printDraw(seed string, all draw) (err error) {
	for _, d := range all.drawn {
		if a.flags.json {
			err = a.printJSON(d)
		} else {
			err = a.println(d.Clip + "  " + d.SHA256)
		}
		if err != nil {
			return err
		}
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"summary": map[string]any{
			"origin": all.origin, "size": all.size, "seed": seed, "clips": all.among, "drawn": len(all.drawn),
		}})
	}
	return a.println(a.say("audit.drawn", len(all.drawn), all.among, all.size, message.Line(all.origin), all.size))
}
