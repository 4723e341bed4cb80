package pager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/internal/program"
)

// ErrTimeout is wrapped when the program took too long and was killed.
var ErrTimeout = program.ErrTimeout

const (
	textMost = 4096 // bytes of a text in the environment
	saidMost = 512  // bytes of what the program says that are kept
)

// environment is all that the program finds besides what it is told.
var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}

// run runs the program for one call, in a process group of its own, and kills
// the whole group when it takes too long or ctx ends.
func (p *Pager) run(ctx context.Context, c Call) error {
	command := p.o.Command()
	if len(command) == 0 {
		return nil
	}
	c = printable(c)
	input, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode alarm %s: %w", c.Code, err)
	}
	said := program.Head{Most: saidMost}
	err = program.Run(ctx, program.Command{
		Args: command, Input: append(input, '\n'), Output: &said, Errors: &said, Timeout: Timeout, After: p.o.After,
		Env: append(environment[:len(environment):len(environment)],
			"CUSTODOCK_ALARM_CODE="+c.Code, "CUSTODOCK_ALARM_EVENT="+c.Event, "CUSTODOCK_ALARM_TEXT="+c.Text),
	})
	switch {
	case err == nil:
		return nil
	case len(said.Text) > 0 && !errors.Is(err, ErrTimeout) && ctx.Err() == nil:
		err = fmt.Errorf("%w, it says %q", err, said.Text)
	}
	return fmt.Errorf("run %q: %w: mend it, or take alarms.command out of the configuration", command[0], err)
}

// printable leaves nothing in a call that moves a cursor, turns a line around
// or cannot stand in an environment.
func printable(c Call) Call {
	args := make([]string, len(c.Args))
	for i, arg := range c.Args {
		args[i] = message.Line(arg)
	}
	c.Args, c.Text = args, message.Line(c.Text)
	if len(c.Text) > textMost {
		c.Text = message.Line(c.Text[:textMost]) + "…"
	}
	return c
}
