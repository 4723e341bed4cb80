package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) statusCmd() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: a.say("cmd.status"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), false, func(desk console.Desk) error {
				if watch {
					return a.watch(cmd.Context(), desk)
				}
				s, err := desk.Status(cmd.Context())
				if err != nil {
					return err
				}
				return a.printStatus(s)
			})
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, a.say("flag.watch"))
	return cmd
}

// watch shows the status again after each change, on a terminal in place.
func (a *app) watch(ctx context.Context, desk console.Desk) error {
	inPlace := width(a.out) > 0 && !a.flags.json
	for {
		s, err := desk.Status(ctx)
		if ctx.Err() != nil {
			return nil // the person ended it
		}
		if err != nil {
			return err
		}
		if inPlace {
			_, _ = fmt.Fprint(a.out, "\x1b[H\x1b[2J"+a.say("status.watch.header", a.now().Format(time.DateTime))+"\n")
		}
		if err := a.printStatus(s); err != nil {
			return err
		}
		if err := desk.Changed(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func (a *app) printStatus(s ingest.Status) error {
	if a.flags.json {
		// A program finds lists, empty or not.
		s.Bays = append([]ingest.BayStatus{}, s.Bays...)
		s.Queue = append([]ingest.QueueStatus{}, s.Queue...)
		s.Alarms = append([]ingest.Alarm{}, s.Alarms...)
		return a.printJSON(s)
	}
	var b strings.Builder
	fmt.Fprintln(&b, a.say("status.dock", message.Line(s.Authority+"/"+s.Log), s.Size, s.Published))
	if s.Daemon {
		fmt.Fprintln(&b, a.say("status.daemon", s.PID))
	} else {
		fmt.Fprintln(&b, a.say("status.nodaemon"))
	}
	fmt.Fprintln(&b, a.say("status.disk", message.Size(s.DiskFree), message.Size(s.Reserve)))
	b.WriteString(a.cosigned(s.Cosigned))
	b.WriteByte('\n')
	b.WriteString(a.bays(s.Bays))
	b.WriteByte('\n')
	b.WriteString(a.queue(s.Queue))
	b.WriteByte('\n')
	for _, alarm := range s.Alarms {
		title, do := console.AlarmText(alarm, a.lang)
		fmt.Fprintf(&b, "%s  %s\n      %s\n", a.say("status.alarm", alarm.Since.Local().Format(time.DateTime)), title, do)
	}
	if len(s.Alarms) == 0 {
		fmt.Fprintln(&b, a.say("status.alarms.none"))
	}
	_, err := a.out.Write([]byte(b.String()))
	return err
}

func (a *app) bays(bays []ingest.BayStatus) string {
	if len(bays) == 0 {
		return a.say("status.bays.none") + "\n"
	}
	t := newTable(a.say("col.bay"), a.say("col.device"), a.say("col.state"), a.say("col.clips"), a.say("col.bytes"), a.say("col.remain"), a.say("col.note")).
		alignRight(3, 4, 5)
	for _, b := range bays {
		note := a.say("status.stay")
		switch {
		case b.Drop:
			note = a.say("board.drop")
		case b.State == ingest.BayGone:
			note = a.say("board.gone")
		case b.State == ingest.BayHeld:
			note = a.say("status.held")
		case b.State == ingest.BayHangs:
			note = a.say("board.hangs")
		case b.Erase != nil && b.Erase.Busy:
			note = a.say("board.moment")
		case b.MayTake:
			note = a.say("status.take")
		}
		if b.Reason != "" {
			note += ": " + message.Line(b.Reason)
		}
		if words := console.ErasingText(b, a.lang); words != "" {
			note += "; " + words
		}
		name := b.Bay
		if name == "" {
			name = b.Path
		}
		if b.Port != "" {
			name += " (" + b.Port + ")"
		}
		t.add(message.Line(name), message.Line(b.Device), console.BayText(b, a.lang), fmt.Sprintf("%d/%d", b.Done, b.Listed),
			message.Size(b.TotalBytes), strconv.Itoa(b.Remaining), note)
	}
	return t.String()
}

func (a *app) queue(queue []ingest.QueueStatus) string {
	waiting := false
	t := newTable(a.say("col.store"), a.say("col.waiting"), a.say("col.bytes"), a.say("col.since"), a.say("col.note")).alignRight(1, 2)
	for _, q := range queue {
		waiting = waiting || q.Clips > 0 || q.Error != ""
		since := ""
		if !q.Oldest.IsZero() {
			since = q.Oldest.Local().Format(time.DateTime)
		}
		t.add(message.Line(q.Store), strconv.Itoa(q.Clips), message.Size(q.Bytes), since, message.Line(q.Error))
	}
	if !waiting {
		return a.say("status.queue.none") + "\n"
	}
	return t.String()
}
