package testbench

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Cmd is a program to run under test, with what is to go wrong in it.
type Cmd struct {
	Bin    string
	Args   []string
	Env    []string // added to the environment of the test
	Dir    string
	Stdin  string
	Inject []Injection // run under strace(1) with these faults
}

// Process is a started Cmd.
type Process struct {
	t      testing.TB
	cmd    *exec.Cmd
	rss    *RSS // of the program itself; nil under strace
	strace string
	inject []Injection

	mu      sync.Mutex
	stdout  bytes.Buffer
	stderr  bytes.Buffer
	changed chan struct{} // closed at the next output
	done    chan struct{}
}

// Result is how a program ended.
type Result struct {
	Code   int // exit status, -1 when a signal ended it
	Stdout string
	Stderr string
	Peak   int64         // most RssAnon in bytes, 0 under strace
	CPU    time.Duration // user and system
}

// Run runs bin to its end.
func Run(t testing.TB, bin string, args ...string) Result {
	t.Helper()
	return Cmd{Bin: bin, Args: args}.Start(t).Wait()
}

// Start starts the program in a process group of its own, which is killed when
// the test ends.
func (c Cmd) Start(t testing.TB) *Process {
	t.Helper()
	p := &Process{t: t, inject: c.Inject, changed: make(chan struct{}), done: make(chan struct{})}
	name, args := c.Bin, c.Args
	if len(c.Inject) > 0 {
		name, args, p.strace = straced(t, c)
	}
	// Not bound to the test's context: that would kill strace and leave what
	// it runs.
	p.cmd = exec.Command(name, args...)
	p.cmd.Dir, p.cmd.Stdin = c.Dir, strings.NewReader(c.Stdin)
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = stream{p, &p.stdout}, stream{p, &p.stderr}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if p.strace == "" {
		p.rss = SampleRSS(p.cmd.Process.Pid)
	}
	go p.reap()
	t.Cleanup(func() { p.Kill() })
	return p
}

func (p *Process) reap() {
	_ = p.cmd.Wait() // its outcome is in ProcessState
	if p.rss != nil {
		p.rss.Stop()
	}
	close(p.done)
}

// stream collects one stream of a process and tells those who wait for it.
type stream struct {
	p   *Process
	buf *bytes.Buffer
}

func (o stream) Write(b []byte) (int, error) {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	close(o.p.changed)
	o.p.changed = make(chan struct{})
	return o.buf.Write(b)
}

// PID is the process that was started: strace when there are injections.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Peak is the most RssAnon it has had so far, in bytes; 0 under strace.
func (p *Process) Peak() int64 {
	if p.rss == nil {
		return 0
	}
	return p.rss.Peak()
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Output is what it has printed so far.
func (p *Process) Output() (stdout, stderr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String(), p.stderr.String()
}

// AwaitOutput waits until cond holds for the output so far, and reports false
// when the process ended before.
func (p *Process) AwaitOutput(cond func(stdout, stderr string) bool) bool {
	p.t.Helper()
	late := time.After(Patience)
	for {
		p.mu.Lock()
		stdout, stderr, changed := p.stdout.String(), p.stderr.String(), p.changed
		p.mu.Unlock()
		if cond(stdout, stderr) {
			return true
		}
		select {
		case <-changed:
		case <-p.done:
			return cond(p.Output())
		case <-late:
			p.t.Fatalf("no such output in %v; stdout %q, stderr %q", Patience, stdout, stderr)
		}
	}
}

// Await waits for output that the regular expression matches and gives the
// match; it fails the test when the process ends without.
func (p *Process) Await(expr string) string {
	p.t.Helper()
	re := regexp.MustCompile(expr)
	var match string
	ok := p.AwaitOutput(func(stdout, stderr string) bool {
		if match = re.FindString(stdout); match == "" {
			match = re.FindString(stderr)
		}
		return match != ""
	})
	if !ok {
		stdout, stderr := p.Output()
		p.t.Fatalf("ended without printing %q; stdout %q, stderr %q", expr, stdout, stderr)
	}
	return match
}

// Signal sends a signal to the process and its children.
func (p *Process) Signal(sig syscall.Signal) {
	if err := syscall.Kill(-p.PID(), sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Errorf("signal %v: %v", sig, err)
	}
}

// Kill ends it by SIGKILL and waits. It may have ended already.
func (p *Process) Kill() Result {
	select {
	case <-p.done:
	default:
		p.Signal(syscall.SIGKILL)
	}
	<-p.done
	return p.result()
}

// KillAfter lets it run for d, then kills it; alive says that it still ran.
func (p *Process) KillAfter(d time.Duration) (r Result, alive bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.result(), false
	case <-timer.C:
		r = p.Kill()
		return r, r.Code == -1
	}
}

// KillWhen kills it as soon as its output meets cond; alive says that it did
// not end by itself before.
func (p *Process) KillWhen(cond func(stdout, stderr string) bool) (r Result, alive bool) {
	p.t.Helper()
	p.AwaitOutput(cond)
	r = p.Kill()
	return r, r.Code == -1
}

// Wait waits for its end, and makes it print its goroutines when there is none.
func (p *Process) Wait() Result {
	p.t.Helper()
	return p.WaitFor(5 * Patience)
}

// WaitFor is Wait with a limit of its own.
func (p *Process) WaitFor(limit time.Duration) Result {
	p.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Signal(syscall.SIGQUIT)
		grace := time.NewTimer(5 * time.Second)
		defer grace.Stop()
		select {
		case <-p.done:
		case <-grace.C:
		}
		r := p.Kill()
		p.t.Fatalf("%v did not end in %v; stdout %q, stderr %s", p.cmd.Args, limit, r.Stdout, r.Stderr)
	}
	r := p.result()
	if p.strace != "" {
		p.mustHaveFired()
	}
	return r
}

func (p *Process) result() Result {
	r := Result{Code: p.cmd.ProcessState.ExitCode(), Peak: p.Peak()}
	r.Stdout, r.Stderr = p.Output()
	r.CPU = p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	return r
}
