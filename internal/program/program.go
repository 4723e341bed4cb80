// Package program runs a program that the dock's admin named: without a shell,
// with no environment but what it is given, in a process group of its own that
// is killed whole when it takes too long, and without the capabilities of the
// dock.
package program

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrTimeout is what Run returns when the program took too long and was killed.
var ErrTimeout = errors.New("it did not end in time and was killed")

// lastWords is how long what a program left behind may keep its pipes open.
const lastWords = time.Second

// Command is one run of a program.
type Command struct {
	Args    []string // the program's absolute path and its arguments
	Env     []string // all of its environment
	Input   []byte   // what it reads; none is the null device
	Output  io.Writer
	Errors  io.Writer // may be the same as Output
	Timeout time.Duration
	After   func(time.Duration) <-chan time.Time // a clock to wait by; nil is time.After
}

// Run runs the program to its end and returns how that was: nil when it exited
// with 0, ErrTimeout, why ctx ended, or an error of the start or the exit. When
// it returns, no process of the group runs, but for what a program that ended
// in time left behind.
func Run(ctx context.Context, c Command) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended, watched := make(chan struct{}), make(chan struct{})
	after := c.After
	if after == nil {
		after = time.After
	}
	go func() {
		defer close(watched)
		select {
		case <-after(c.Timeout):
			cancel(ErrTimeout)
		case <-ended:
		}
	}()
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	if c.Input != nil {
		cmd.Stdin = bytes.NewReader(c.Input)
	}
	cmd.Stdout, cmd.Stderr = c.Output, c.Errors
	cmd.Dir = "/"
	cmd.Env = append([]string{}, c.Env...) // nil would be the dock's own
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = lastWords
	err := startPlain(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	close(ended)
	<-watched
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil // what it left running in the background is its own affair
	case context.Cause(ctx) != nil:
		return context.Cause(ctx)
	}
	return err
}

// startPlain starts cmd without the capabilities that the service hands on to
// what it runs: reading every camera is no right of a program of the admin's.
// They belong to a thread, which is not used for anything else afterwards.
func startPlain(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
		if err == nil || errors.Is(err, unix.EINVAL) { // kernels before 4.3 have none
			// A C library may have opened something that would be handed on; what
			// Go opens never is. Kernels before 5.11 cannot be told.
			_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
			err = cmd.Start()
		}
		started <- err
	}()
	return <-started
}

// Head keeps the beginning of what is written to it, at most Most bytes.
type Head struct {
	Most int
	Text []byte
}

// Write takes all of b and never fails.
func (h *Head) Write(b []byte) (int, error) {
	h.Text = append(h.Text, b[:min(h.Most-len(h.Text), len(b))]...)
	return len(b), nil
}
