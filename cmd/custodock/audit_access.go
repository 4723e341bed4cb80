package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/audit"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
)

// accessCall is what one look at accesses is asked.
type accessCall struct {
	verifyCall
	audit.AccessFilter
	since, until string
}

func (a *app) accessCmd() *cobra.Command {
	var c accessCall
	cmd := &cobra.Command{
		Use:   "access [CLIP…]",
		Short: a.say("cmd.audit.access"),
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			for _, name := range args {
				if !clipName.MatchString(name) {
					return usagef("%s is no clip: they look like dk3v9q-42", message.Safe(name))
				}
			}
			switch role := access.Role(c.Actor); role {
			case "", access.Officer, access.Auditor, access.Admin, "dock":
			default:
				return usagef("--actor %s: say officer, auditor, admin or dock", message.Safe(c.Actor))
			}
			if err := c.foreignOr(); err != nil {
				return err
			}
			if c.Since, err = parseSince(c.since, a.now()); err != nil {
				return err
			}
			if c.Until, err = parseUntil(c.until, a.now()); err != nil {
				return err
			}
			c.Clips = args
			return a.accesses(cmd, c)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&c.Case, "case", "", a.say("flag.access.case"))
	fl.StringVar(&c.Officer, "officer", "", a.say("flag.access.officer"))
	fl.StringVar(&c.Actor, "actor", "", a.say("flag.access.actor"))
	fl.StringVar(&c.since, "since", "", a.say("flag.since"))
	fl.StringVar(&c.until, "until", "", a.say("flag.access.until"))
	a.foreignFlags(cmd, &c.verifyCall)
	return cmd
}

// parseUntil is parseSince, but a day counts whole.
func parseUntil(s string, now time.Time) (time.Time, error) {
	t, err := parseSince(s, now)
	if err != nil {
		return t, usagef("--until %q: write a day such as 2026-11-22, or how long ago such as 36h or 7d", s)
	}
	if _, err := time.ParseInLocation(time.DateOnly, s, time.Local); err == nil {
		t = t.AddDate(0, 0, 1)
	}
	return t, nil
}

// accessed is what was found in one log.
type accessed struct {
	head verify.Head
	log  *audit.AccessLog
}

// accesses reads every log, proves it, and tells what was asked for.
func (a *app) accesses(cmd *cobra.Command, c accessCall) error {
	ctx := cmd.Context()
	logs, err := a.auditLogs(ctx, c.verifyCall, false)
	if err != nil {
		return err
	}
	defer logs.done()
	var all []accessed
	err = logs.each(ctx, func(o verify.Options) error {
		l := audit.NewAccessLog(c.AccessFilter)
		head, err := verify.Read(ctx, o, l.Wants, func(e manifest.Entry, record []byte) error {
			l.Take(e, record)
			return nil
		})
		if err == nil {
			all = append(all, accessed{head, l})
		}
		return err
	})
	if err != nil {
		return err
	}
	var together []*audit.AccessLog
	for _, one := range all {
		together = append(together, one.log)
	}
	audit.Together(together...)
	for _, one := range all {
		if err := a.printAccesses(one); err != nil {
			return err
		}
	}
	return logs.bad
}

func (a *app) printAccesses(one accessed) error {
	found, blind := one.log.Found()
	origin, size := one.head.Checkpoint.Origin, one.head.Checkpoint.Size
	if a.flags.json {
		for _, one := range found {
			if err := a.printJSON(one); err != nil {
				return err
			}
		}
		return a.printJSON(map[string]any{"summary": map[string]any{
			"origin": origin, "size": size, "accesses": len(found), "blind": blind,
		}})
	}
	t := newTable(a.say("col.time"), a.say("col.access"), a.say("col.clip"), a.say("col.part"), a.say("col.by"), a.say("col.for"), a.say("col.reason"),
		a.say("col.cases"), a.say("col.entry"))
	for _, one := range found {
		kind := strings.TrimPrefix(one.Type, "clip.")
		if one.Type == "clip.erased" {
			kind = "cleared"
		}
		reason := message.Line(one.Reason)
		if one.Erased {
			reason = a.say("access.erased")
		}
		t.add(one.Time.Local().Format(time.DateTime), a.say("access."+kind), one.Clip, message.Line(one.What),
			one.Actor, message.Line(one.For), reason, message.Line(strings.Join(one.Cases, ", ")), one.Entry)
	}
	if len(found) > 0 {
		if _, err := a.out.Write([]byte(t.String())); err != nil {
			return err
		}
	}
	if blind > 0 {
		if err := a.println(a.sayN("access.blind", blind)); err != nil {
			return err
		}
	}
	return a.println(a.sayN("access.found", len(found), size, message.Line(origin)))
}
