package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
)

func (a *app) doctorCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: a.say("cmd.doctor"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var found []ingest.Condition
			err := a.with(cmd.Context(), false, func(desk console.Desk) error {
				var err error
				found, err = desk.Doctor(cmd.Context())
				return err
			})
			if err != nil && errors.Is(err, cmd.Context().Err()) {
				return err
			}
			if err != nil {
				// A state that cannot even be opened is the first thing to mend.
				found = append(found, ingest.Condition{Code: "state", Args: []string{a.state}, Text: "state " + a.state, Mend: err.Error()})
			}
			return a.printConditions(found, err)
		},
	}
}

func (a *app) printConditions(found []ingest.Condition, cause error) error {
	bad := 0
	for _, c := range found {
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

func (a *app) printCondition(c ingest.Condition) error {
	if a.flags.json {
		return a.printJSON(c)
	}
	if c.OK && a.flags.quiet {
		return nil
	}
	text := message.Line(c.Text)
	if key := "doctor." + c.Code + ".text"; a.lang == message.Chinese && message.Has(key) {
		text = a.say(key)
		for i, arg := range c.Args {
			sep := "，"
			if i == 0 {
				sep = "："
			}
			text += sep + message.Line(arg)
		}
	}
	mark := a.say("doctor.ok")
	if !c.OK {
		mark = a.say("doctor.mend")
		text += "\n      " + message.Line(c.Mend)
	}
	_, err := fmt.Fprintf(a.out, "%-4s  %s\n", mark, text)
	return err
}
