package testbench

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Injection is a fault in system calls, made by strace(1).
type Injection struct {
	Calls   string // system calls, comma-separated: "fsync,fdatasync"
	Fault   string // "error=EIO", "signal=KILL", "retval=0"
	When    string // "3": the third call, "3+": it and all later ones, "" every one; strace counts for each thread
	Path    string // only calls on this file; holds for every injection of the run
	MayMiss bool   // Wait does not fail the test when it never fired
}

// straced gives the command line that runs c under strace, and strace's log.
func straced(t testing.TB, c Cmd) (name string, args []string, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "strace")
	args = []string{"-f", "-qq", "-o", log}
	traced := make([]string, 0, len(c.Inject))
	for _, in := range c.Inject {
		traced = append(traced, in.Calls)
		if in.Path != "" {
			args = append(args, "-P", in.Path)
		}
	}
	args = append(args, "-e", "trace="+strings.Join(traced, ","))
	for _, in := range c.Inject {
		expr := "inject=" + in.Calls + ":" + in.Fault
		if in.When != "" {
			expr += ":when=" + in.When
		}
		args = append(args, "-e", expr)
	}
	return "strace", append(append(args, "--", c.Bin), c.Args...), log
}

// Injected gives the lines of strace's log that tell that this fault acted.
func (p *Process) Injected(in Injection) []string {
	p.t.Helper()
	b, err := os.ReadFile(p.strace)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}
	sig, deadly := strings.CutPrefix(in.Fault, "signal=")
	var lines []string
	for line := range strings.Lines(string(b)) {
		// A call that kills its process has no end that could be marked.
		if deadly && strings.Contains(line, "+++ killed by SIG"+sig+" ") ||
			strings.Contains(line, "(INJECTED") && names(line, in.Calls) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// names reports whether a line of the log is of one of these calls.
func names(line, calls string) bool {
	for call := range strings.SplitSeq(calls, ",") {
		if strings.Contains(line, " "+call+"(") || strings.Contains(line, " "+call+" resumed>") {
			return true
		}
	}
	return false
}

func (p *Process) mustHaveFired() {
	p.t.Helper()
	for _, in := range p.inject {
		if !in.MayMiss && len(p.Injected(in)) == 0 {
			p.t.Fatalf("%+v never fired", in)
		}
	}
}
