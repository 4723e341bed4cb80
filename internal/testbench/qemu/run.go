package qemu

import (
	"context"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/internal/testbench/qemu/wire"
)

// Job is a program that runs in the machine.
type Job struct {
	m    *Machine
	args []string
	call *call
}

func (m *Machine) do(r wire.Request) *call {
	m.t.Helper()
	ctx, cancel := m.bounded()
	defer cancel()
	k, err := m.agent.do(ctx, r)
	if err != nil {
		m.t.Fatalf("%v; the machine said %s", err, m.Log())
	}
	return k
}

// Run runs a program in the machine to its end.
func (m *Machine) Run(args ...string) testbench.Result {
	m.t.Helper()
	return m.Start(args...).Wait()
}

// Must runs a program that has to succeed and gives what it printed.
func (m *Machine) Must(args ...string) string {
	m.t.Helper()
	r := m.Run(args...)
	if r.Code != 0 {
		m.t.Fatalf("%v ended with %d: %s%s", args, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Start starts a program in the machine, which lives no longer than the machine.
func (m *Machine) Start(args ...string) *Job {
	m.t.Helper()
	return m.StartAs(0, args...)
}

// StartAs is Start as another user, who is in the group of the same number and
// no other.
func (m *Machine) StartAs(uid int, args ...string) *Job {
	m.t.Helper()
	k, err := m.agent.start(wire.Request{Op: wire.Run, Args: args, Number: uid})
	if err != nil {
		m.t.Fatalf("start %v: %v", args, err)
	}
	return &Job{m, args, k}
}

// Output is what it has printed so far.
func (j *Job) Output() (stdout, stderr string) {
	j.call.mu.Lock()
	defer j.call.mu.Unlock()
	return j.call.stdout.String(), j.call.stderr.String()
}

// Await waits for output that the regular expression matches and gives the
// match; it fails the test when the program ends without.
func (j *Job) Await(expr string) string {
	j.m.t.Helper()
	re := regexp.MustCompile(expr)
	ctx, cancel := j.m.bounded()
	defer cancel()
	for {
		j.call.mu.Lock()
		out, errs, changed := j.call.stdout.String(), j.call.stderr.String(), j.call.changed
		j.call.mu.Unlock()
		for _, s := range []string{out, errs} {
			if match := re.FindString(s); match != "" {
				return match
			}
		}
		select {
		case <-changed:
			continue
		case <-j.call.done:
		case <-ctx.Done():
		}
		if stdout, stderr := j.Output(); re.FindString(stdout+stderr) == "" {
			j.m.t.Fatalf("%v did not print %q; stdout %q, stderr %q", j.args, expr, stdout, stderr)
		}
	}
}

// Lines are the pieces of output so far with their times.
func (j *Job) Lines() []Line {
	j.call.mu.Lock()
	defer j.call.mu.Unlock()
	return append([]Line(nil), j.call.lines...)
}

// Signal sends a signal to the program and its children.
func (j *Job) Signal(sig syscall.Signal) {
	j.m.t.Helper()
	j.m.do(wire.Request{Op: wire.Signal, To: j.call.id, Number: int(sig)})
}

// Wait waits for the end of the program.
func (j *Job) Wait() testbench.Result {
	j.m.t.Helper()
	ctx, cancel := context.WithTimeout(j.m.t.Context(), 2*testbench.Patience)
	defer cancel()
	select {
	case <-j.call.done:
	case <-ctx.Done():
		stdout, stderr := j.Output()
		j.m.t.Fatalf("%v did not end; stdout %q, stderr %q; the machine said %s", j.args, stdout, stderr, j.m.Log())
	}
	if j.call.err != nil {
		j.m.t.Fatalf("%v: %v; the machine said %s", j.args, j.call.err, j.m.Log())
	}
	r := testbench.Result{Code: j.call.code}
	r.Stdout, r.Stderr = j.Output()
	return r
}

// Now is the machine's time.
func (m *Machine) Now() time.Time { m.t.Helper(); return m.do(wire.Request{Op: wire.Ping}).at }

// ReadFile gives a file of the machine.
func (m *Machine) ReadFile(path string) []byte {
	m.t.Helper()
	return m.do(wire.Request{Op: wire.Read, Path: path}).stdout.Bytes()
}

// WriteFile puts bytes into a file of the machine, sysfs included.
func (m *Machine) WriteFile(path string, data []byte) {
	m.t.Helper()
	const most = 512 << 10
	for first := true; first || len(data) > 0; first = false {
		n := min(len(data), most)
		m.do(wire.Request{Op: wire.Write, Path: path, Data: data[:n], Append: !first})
		data = data[n:]
	}
}

// Ask sends an HTTP request over a unix socket of the machine and gives the
// status and the body.
func (m *Machine) Ask(socket, method, path, body string) (int, string) {
	m.t.Helper()
	k := m.do(wire.Request{Op: wire.Ask, Path: socket, Args: []string{method, path}, Data: []byte(body)})
	return k.code, k.stdout.String()
}

// Uevents begins to note what the kernel tells of its devices.
func (m *Machine) Uevents() *Job {
	m.t.Helper()
	k, err := m.agent.start(wire.Request{Op: wire.Uevents})
	if err != nil {
		m.t.Fatal(err)
	}
	j := &Job{m, []string{"uevents"}, k}
	j.Await(`^\n`)
	return j
}

// Load loads kernel modules by name, with what they need.
func (m *Machine) Load(modules ...string) {
	m.t.Helper()
	list, err := m.image.kernel.resolve(modules...)
	if err != nil {
		m.t.Fatalf("load %s: %v", strings.Join(modules, ", "), err)
	}
	m.do(wire.Request{Op: wire.Load, Args: names(list)})
}
