package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) clipsCmd() *cobra.Command {
	var f ingest.Filter
	var since string
	cmd := &cobra.Command{
		Use:   "clips",
		Short: a.say("cmd.clips"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.Status != "" && f.Status != ingest.StateRecorded && f.Status != ingest.StateStored {
				return usagef("--status %q: use recorded or stored", f.Status)
			}
			var err error
			if f.Since, err = parseSince(since, a.now()); err != nil {
				return err
			}
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				return a.listClips(cmd, desk, f)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.Case, "case", "", a.say("flag.clips.case"))
	fl.BoolVar(&f.Untagged, "untagged", false, a.say("flag.untagged"))
	fl.StringVar(&f.Status, "status", "", a.say("flag.status"))
	fl.StringVar(&since, "since", "", a.say("flag.since"))
	fl.StringVar(&f.Device, "device", "", a.say("flag.device"))
	return cmd
}

func (a *app) listClips(cmd *cobra.Command, desk console.Desk, f ingest.Filter) error {
	if a.flags.json {
		return desk.Clips(cmd.Context(), f, func(c ingest.ClipView) error { return a.printJSON(c) })
	}
	t := newTable(a.say("col.clip"), a.say("col.ingested"), a.say("col.state"), a.say("col.role"), a.say("col.bytes"),
		a.say("col.cases"), a.say("col.missing"), a.say("col.path")).alignRight(4)
	err := desk.Clips(cmd.Context(), f, func(c ingest.ClipView) error {
		t.add(c.Clip, c.Ingested.UTC().Format("2006-01-02T15:04:05Z"), a.say("state."+c.State), c.Role, message.Size(c.Size),
			message.Line(strings.Join(c.Tags.Cases, ", ")), a.missing(c.Missing), pathOf(c))
		return nil
	})
	if err != nil {
		return err
	}
	if len(t.rows) == 1 {
		return a.println(a.say("clips.none"))
	}
	_, err = a.out.Write([]byte(t.String()))
	return err
}

// missing names the tags a clip still lacks.
func (a *app) missing(tags []string) string {
	var out []string
	for _, tag := range tags {
		if message.Has("tag." + tag) {
			tag = a.say("tag." + tag)
		}
		out = append(out, tag)
	}
	return strings.Join(out, ", ")
}

func pathOf(c ingest.ClipView) string {
	if c.PathHex != "" {
		return "hex:" + c.PathHex
	}
	return message.Safe(c.Path)
}

// parseSince takes a day, an instant, or how long ago: 36h, 7d.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 36500 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usagef("--since %q: write a day such as 2026-11-22, or how long ago such as 36h or 7d", s)
}
