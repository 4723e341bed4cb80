package pager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/message"
)

// ErrTimeout is wrapped when the program took too long and was killed.
var ErrTimeout = errors.New("it did not end in time and was killed")

const (
	textMost  = 4096        // bytes of a text in the environment
	saidMost  = 512         // bytes of what the program says that are kept
	lastWords = time.Second // for what it left behind to close its pipes
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
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-p.o.After(Timeout):
			cancel(ErrTimeout)
		case <-ended:
		}
	}()
	var said head
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin = bytes.NewReader(append(input, '\n'))
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Dir = "/"
	cmd.Env = append(environment[:len(environment):len(environment)],
		"CUSTODOCK_ALARM_CODE="+c.Code, "CUSTODOCK_ALARM_EVENT="+c.Event, "CUSTODOCK_ALARM_TEXT="+c.Text)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = lastWords
	err = startPlain(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	close(ended)
	<-watched
	defer cancel(nil)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil // what it left running in the background is its own affair
	case context.Cause(ctx) != nil:
		err = context.Cause(ctx)
	case len(said) > 0:
		err = fmt.Errorf("%w, it says %q", err, said)
	}
	return fmt.Errorf("run %q: %w: mend it, or take alarms.command out of the configuration", command[0], err)
}

// startPlain starts cmd without the capabilities that the service hands on to
// what it runs: reading every camera is no right of an alarm command.
// They belong to a thread, which is not used for anything else afterwards.
func startPlain(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
		if err == nil || errors.Is(err, unix.EINVAL) { // kernels before 4.3 have none
			err = cmd.Start()
		}
		started <- err
	}()
	return <-started
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

// head keeps the beginning of what is written to it.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	*h = append(*h, b[:min(saidMost-len(*h), len(b))]...)
	return len(b), nil
}
