package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) doctorCmd() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: a.say("cmd.doctor"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var found []ingest.Condition
			err := a.with(cmd.Context(), false, func(desk console.Desk) error {
				var err error
				if found, err = desk.Doctor(cmd.Context()); err != nil {
					return err
				}
				agreed, err := a.agree(cmd.Context(), desk, found, yes)
				if agreed && err == nil {
					found, err = desk.Doctor(cmd.Context())
				}
				return err
			})
			if err != nil && errors.Is(err, cmd.Context().Err()) {
				return err
			}
			if errors.Is(err, access.ErrDenied) && len(found) == 0 {
				return err // the dock was reached: nothing about it needs mending
			}
			if err != nil {
				// A state that cannot even be opened is the first thing to mend.
				found = append(found, ingest.Condition{Code: "state", Args: []string{a.state}, Text: "state " + a.state, Mend: err.Error()})
			}
			return a.printConditions(found, err)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, a.say("flag.yes"))
	return cmd
}

// agree asks the person for a yes to each lock that nobody can undo, on a
// terminal only; yes answers without asking.
func (a *app) agree(ctx context.Context, desk console.Desk, found []ingest.Condition, yes bool) (agreed bool, err error) {
	for _, c := range found {
		if c.Code != "consent" || c.OK || len(c.Args) < 2 {
			continue
		}
		said := yes
		if in, ok := a.in.(*os.File); !yes && ok && term.IsTerminal(int(in.Fd())) && !a.flags.json {
			_, _ = fmt.Fprint(a.err, a.say("doctor.consent.ask", message.Line(c.Args[0]), message.Line(c.Args[1])))
			answer, err := bufio.NewReader(io.LimitReader(in, 64)).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return agreed, err
			}
			said = slices.Contains([]string{"y", "yes", "是"}, strings.ToLower(strings.TrimSpace(answer)))
		}
		if !said {
			continue
		}
		if err := desk.Agree(ctx, c.Args[0]); err != nil {
			return agreed, err
		}
		agreed = true
	}
	return agreed, nil
}

func (a *app) printConditions(found []ingest.Condition, cause error) error {
	bad := 0
	for _, c := range found {
		if c.Code == "root" && !c.OK {
			c = a.emptyRoot(c)
		}
		if !c.OK {
			bad++
		}
		if err := a.printCondition(c); err != nil {
			return err
		}
	}
	if !a.flags.json {
		last := a.say("doctor.good")
		if bad > 0 {
			last = a.sayN("doctor.bad", bad)
		}
		if err := a.println(last); err != nil {
			return err
		}
	}
	switch {
	case codeOf(cause) > exitError:
		return cause // such as 5: the state is another user's
	case bad > 0:
		return errUnwell
	}
	return nil
}

// emptyRoot is a root folder that is not there as a note: whatever mounts the
// first camera makes it.
func (a *app) emptyRoot(c ingest.Condition) ingest.Condition {
	c.OK, c.Mend = true, ""
	c.Text = message.T(message.English, "doctor.root.absent", conditionArg(c, 0))
	return c
}

func (a *app) printCondition(c ingest.Condition) error {
	if a.flags.json {
		if !c.OK {
			// What the dock calls a condition is true of it only where it holds.
			english := app{lang: message.English}
			c.Text, _ = english.conditionText(c)
		}
		return a.printJSON(c)
	}
	if c.OK && a.flags.quiet {
		return nil
	}
	text, mend := a.conditionText(c)
	mark := a.say("doctor.ok")
	if !c.OK {
		mark = a.say("doctor.mend")
		text += "\n      " + mend
	}
	_, err := fmt.Fprintf(a.out, "%s  %s\n", runewidth.FillRight(mark, 4), text)
	return err
}

// conditionText is what a condition found and, where it failed, what mends it.
// A code without sentences is told as the dock told it.
func (a *app) conditionText(c ingest.Condition) (text, mend string) {
	if c.Code == "alarm" {
		return a.alarmCondition(c)
	}
	found := "ok"
	switch {
	case c.Code == "root" && c.OK && strings.Contains(c.Text, "not there"):
		found = "absent"
	case c.OK:
	case c.Code == "disk" && len(c.Args) == 0, c.Code == "key" && !strings.HasPrefix(c.Mend, "chmod "):
		found = "lost" // it was not even found
	default:
		found = "bad"
	}
	text = a.sentence(c, found)
	if text == "" {
		return message.Line(c.Text), message.Line(c.Mend)
	}
	if mend = a.sentence(c, found+".do"); mend == "" || c.OK {
		return text, message.Line(c.Mend)
	}
	if c.Code == "store" || c.Code == "witness" || c.Code == "state" || c.Code == "inspect" || found == "lost" {
		mend += a.say("colon") + message.Line(c.Mend) // the cause, which only the dock knows
	}
	return text, mend
}

// sentence is the one of a condition for what was found, with as many of its
// values as it has room for, or "" where there is none.
func (a *app) sentence(c ingest.Condition, found string) string {
	key := "doctor." + c.Code + "." + found
	format, args := a.say(key), conditionArgs(c)
	n := strings.Count(format, "%s")
	if !message.Has(key) || n > len(args) {
		return ""
	}
	return fmt.Sprintf(format, args[:n]...)
}

// alarmCondition is an alarm as the board shows it, with its cause.
func (a *app) alarmCondition(c ingest.Condition) (text, mend string) {
	text, do := console.AlarmText(ingest.Alarm{Code: conditionArg(c, 0), Args: c.Args[min(1, len(c.Args)):], Text: c.Text}, a.lang)
	if do == "" {
		return text, message.Line(c.Mend)
	}
	return text, do + " (" + message.Line(c.Mend) + ")"
}

// conditionArgs are the values as a person reads them: of the disk the dock
// tells MiB, which disks are not sold in.
func conditionArgs(c ingest.Condition) []any {
	var out []any
	for _, arg := range c.Args {
		if n, err := strconv.ParseInt(arg, 10, 32); err == nil && c.Code == "disk" {
			arg = message.Size(n << 20)
		}
		out = append(out, message.Line(arg))
	}
	return out
}

func conditionArg(c ingest.Condition, i int) string {
	if i < len(c.Args) {
		return message.Line(c.Args[i])
	}
	return ""
}
