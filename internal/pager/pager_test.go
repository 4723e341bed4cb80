package pager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/testbench"
)

// phone is a running Pager whose program is a shell script; $0 of the script
// is a path of its own.
type phone struct {
	*Pager
	clock *clock
	path  string
	ended chan error // of each run
	log   *journal
	stop  func()
}

func call(t *testing.T, script string) *phone {
	t.Helper()
	p := &phone{clock: newClock(t), path: filepath.Join(t.TempDir(), "told"), ended: make(chan error, 1000), log: &journal{}}
	p.Pager = New(Options{
		Command: func() []string { return []string{"/bin/sh", "-c", script, p.path} }, Now: p.clock.Now, After: p.clock.After,
		Outcome: func(err error) { p.ended <- err }, Log: slog.New(slog.NewTextHandler(p.log, nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.Run(ctx) }()
	p.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(func() {
		cancel()
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				p.clock.advance(farewell) // a program of a test that failed may hang
			}
		}
	})
	return p
}

// journal is a log that may be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) count(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.b.String(), what)
}

func (p *phone) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(testbench.Patience):
		t.Fatal("the program never ran")
		return nil
	}
}

func (p *phone) told(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(p.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

func about(event, code string) Call {
	return Call{Event: event, Code: code, Text: code, Since: "s", Dock: "d", Log: "l", Time: "t"}
}

// TestWhatIsTold: one line of JSON, three variables, and nothing of the dock's
// own environment.
func TestWhatIsTold(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for the program")
	p := call(t, `cat >"$0"; tr '\0' '\n' <"/proc/$$/environ" >"$0.env"; pwd >>"$0.env"`)
	p.Tell("a", Call{
		Event: Raised, Code: "store_full", Args: []string{"archive"}, Text: "no room\x1b[2J\u202e\x00 left",
		Since: "2026-09-02T18:00:00.000Z", Dock: "test.example", Log: "dtest1", Time: "2026-09-02T18:00:01.000Z",
	})
	if err := p.wait(t); err != nil {
		t.Fatal(err)
	}
	want := `{"event":"raised","code":"store_full","args":["archive"],"text":"no room\\x1b[2J\\u202e\\x00 left",` +
		`"since":"2026-09-02T18:00:00.000Z","dock":"test.example","log":"dtest1","time":"2026-09-02T18:00:01.000Z"}` + "\n"
	if d := cmp.Diff(want, p.told(t)); d != "" {
		t.Error(d)
	}
	env, err := os.ReadFile(p.path + ".env")
	if err != nil {
		t.Fatal(err)
	}
	want = strings.Join(environment, "\n") + "\nCUSTODOCK_ALARM_CODE=store_full\nCUSTODOCK_ALARM_EVENT=raised\n" +
		`CUSTODOCK_ALARM_TEXT=no room\x1b[2J\u202e\x00 left` + "\n/\n"
	if d := cmp.Diff(want, string(env)); d != "" {
		t.Error(d)
	}
	p.Tell("b", about(Cleared, "x"))
	if err := p.wait(t); err != nil || !strings.Contains(p.told(t), `"args":[],`) {
		t.Errorf("without arguments: %v, %s", err, p.told(t))
	}
}

// fifo returns when the program hangs. It ends when nobody holds its other end
// open any more.
func (p *phone) fifo(t *testing.T) *os.File {
	t.Helper()
	open := func(flag int) *os.File {
		f, err := os.OpenFile(p.path+".fifo", flag|unix.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		if err := f.SetReadDeadline(time.Now().Add(testbench.Patience)); err != nil {
			t.Fatal(err)
		}
		return f
	}
	both := open(unix.O_RDWR) // has no end of its own, so that it waits for the program
	if _, err := io.ReadFull(both, make([]byte, 3)); err != nil {
		t.Fatalf("the program did not start: %v", err)
	}
	f := open(unix.O_RDONLY)
	if err := both.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

// hangs is a program that never ends, and neither does its child. Both hold the
// fifo open.
const hangs = `exec >"$0.fifo"; (echo up; exec sleep 100000) & wait`

func hung(t *testing.T) (*phone, *os.File) {
	t.Helper()
	p := call(t, `case "$CUSTODOCK_ALARM_CODE" in hang) `+hangs+`;; *) echo "$CUSTODOCK_ALARM_CODE" >>"$0";; esac`)
	if err := unix.Mkfifo(p.path+".fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	p.Tell("hang", about(Raised, "hang"))
	return p, p.fifo(t)
}

// TestTimeout: a program that hangs is killed with all its children.
func TestTimeout(t *testing.T) {
	p, fifo := hung(t)
	p.clock.await(Timeout)
	p.clock.advance(Timeout - 1)
	select {
	case err := <-p.ended:
		t.Fatalf("killed too early: %v", err)
	default:
	}
	p.clock.advance(1)
	if err := p.wait(t); !errors.Is(err, ErrTimeout) {
		t.Errorf("ended with %v", err)
	}
	if b, err := io.ReadAll(fifo); err != nil || len(b) > 0 {
		t.Errorf("its child lives: %q, %v", b, err)
	}
}

// TestBlockedProgram: nobody waits for a program that hangs, and what piles up
// is bounded: the newest is told.
func TestBlockedProgram(t *testing.T) {
	p, _ := hung(t)
	const n = 3 * waitingMost
	for i := range n {
		p.Tell(fmt.Sprint(i), about(Raised, fmt.Sprint(i)))
	}
	if dropped := p.log.count("too many wait"); dropped != n-waitingMost {
		t.Errorf("%d dropped", dropped)
	}
	p.clock.await(Timeout)
	p.clock.advance(Timeout)
	for range waitingMost { // the one that hung waits to be told again, and takes a place
		_ = p.wait(t)
	}
	var want strings.Builder
	for i := n - waitingMost + 1; i < n; i++ {
		fmt.Fprintln(&want, i)
	}
	if d := cmp.Diff(want.String(), p.told(t)); d != "" {
		t.Error(d)
	}
}

// TestFlapping: an alarm that comes and goes is told once a minute, and how it
// stands in the end is told in any case.
func TestFlapping(t *testing.T) {
	p := call(t, `echo "$CUSTODOCK_ALARM_EVENT" >>"$0"`)
	p.Tell("a", about(Raised, "a"))
	if err := p.wait(t); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		p.Tell("a", about(Cleared, "a"))
		p.Tell("a", about(Raised, "a"))
	}
	p.Tell("b", about(Raised, "b")) // others are told meanwhile
	if err := p.wait(t); err != nil || p.told(t) != "raised\nraised\n" {
		t.Errorf("%v, told %q", err, p.told(t))
	}
	p.Tell("a", about(Cleared, "a"))
	p.clock.await(Apart)
	p.clock.advance(Apart)
	if err := p.wait(t); err != nil || p.told(t) != "raised\nraised\ncleared\n" {
		t.Errorf("%v, told %q", err, p.told(t))
	}
	p.clock.advance(Apart)
	p.Tell("a", about(Raised, "a"))
	if err := p.wait(t); err != nil || p.told(t) != "raised\nraised\ncleared\nraised\n" {
		t.Errorf("%v, told %q", err, p.told(t))
	}
}

// TestFailure: what the program did not take is told again.
func TestFailure(t *testing.T) {
	p := call(t, `echo >>"$0.tries"; test "$(wc -l <"$0.tries")" -gt 2 && cat >"$0" && exit; echo busy >&2; exit 3`)
	p.Tell("a", about(Raised, "a"))
	for range 2 {
		if err := p.wait(t); err == nil || !strings.Contains(err.Error(), `exit status 3, it says "busy\n"`) {
			t.Errorf("ended with %v", err)
		}
		p.clock.await(Apart)
		p.Tell("a", about(Cleared, "a"))
		p.Tell("a", about(Raised, "a")) // as it was, and still not told
		p.clock.advance(Apart)
	}
	if err := p.wait(t); err != nil || !strings.Contains(p.told(t), `"raised"`) {
		t.Errorf("%v, told %q", err, p.told(t))
	}
	absent := call(t, "")
	absent.stop()
	gone := filepath.Join(t.TempDir(), "absent")
	absent.o.Command = func() []string { return []string{gone} }
	if err := absent.run(context.Background(), about(Raised, "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
	absent.o.Command = func() []string { return nil }
	if err := absent.run(context.Background(), about(Raised, "a")); err != nil {
		t.Errorf("no program: %v", err)
	}
}

// TestGivenUp: a program that never takes a call is not run for ever.
func TestGivenUp(t *testing.T) {
	p := call(t, "exit 1")
	p.Tell("a", about(Raised, "a"))
	for i := range retries {
		_ = p.wait(t)
		p.clock.await(Apart << i)
		p.clock.advance(Apart << i)
	}
	_ = p.wait(t)
	p.stop()
	if len(p.ended) > 0 || p.log.count("given up") != 1 {
		t.Errorf("%d more runs, given up %d times", len(p.ended), p.log.count("given up"))
	}
}

// TestEnd: what waits when the dock ends is told, and a program that hangs
// holds up the end for a short while only.
func TestEnd(t *testing.T) {
	p, fifo := hung(t)
	p.Tell("stopped", about(Raised, "stopped"))
	ended := make(chan struct{})
	go func() { defer close(ended); p.stop() }()
	p.clock.await(farewell)
	p.clock.advance(farewell)
	<-ended
	if b, err := io.ReadAll(fifo); err != nil || len(b) > 0 {
		t.Errorf("its child lives: %q, %v", b, err)
	}
	quick := call(t, `sleep 0.05; echo "$CUSTODOCK_ALARM_CODE" >>"$0"`)
	quick.Tell("a", about(Raised, "a"))
	quick.Tell("stopped", about(Raised, "stopped"))
	quick.stop()
	if quick.told(t) != "a\nstopped\n" {
		t.Errorf("told %q", quick.told(t))
	}
}

// TestLeftBehind: a program that is done is done, whatever it leaves running
// with its output open.
func TestLeftBehind(t *testing.T) {
	p := call(t, `sleep 100000 & echo $! >"$0"`)
	p.Tell("a", about(Raised, "a"))
	if err := p.wait(t); err != nil {
		t.Errorf("ended with %v", err)
	}
	var pid int
	if _, err := fmt.Sscan(p.told(t), &pid); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Errorf("what it left running: %v", err)
	}
}
