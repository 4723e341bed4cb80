package server

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/witness"
	"github.com/custodock/custodock/witness/witnesstest"
)

// serveEnv has this test program be a witness: the folder, a space and the key of
// a log.
const serveEnv = "WITNESS_OF_TEST"

func TestMain(m *testing.M) {
	if told := os.Getenv(serveEnv); told != "" {
		if err := beWitness(told); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func beWitness(told string) error {
	dir, key, _ := strings.Cut(told, " ")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	w, err := Open(Options{Dir: dir, Name: "witness.example/w1", Logs: []string{key}})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("at http://%s.\n", l.Addr())
	return w.Serve(ctx, l)
}

// asked sends a request to a witness in another process; the body is "" when no
// whole answer came.
func asked(url string, body []byte) (status int, answer string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(url+witness.AddPath, "text/plain", bytes.NewReader(body))
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		return 0, ""
	}
	return resp.StatusCode, b.String()
}

// TestKilled: wherever the witness is killed between a request and its answer, it
// never cosigns two checkpoints that contradict each other. Killed are its writes
// and syncs of the state, in turn, and those of the journal, which come before the
// answer.
func TestKilled(t *testing.T) {
	remembered, forgot := 0, 0
	for _, kill := range []testbench.Injection{
		{Calls: "pwrite64", When: "1"}, {Calls: "pwrite64", When: "2"}, {Calls: "fdatasync", When: "1"}, {Calls: "fdatasync", When: "2"},
		{Calls: "write", Path: "journal", When: "1"}, {Calls: "fsync", Path: "journal", When: "1"},
	} {
		kill.Fault, kill.MayMiss = "signal=KILL", true
		fired := false
		for range 10 { // strace counts for each thread, and Go changes threads
			var knows bool
			if knows, fired = killedAt(t, kill); !fired {
				continue
			}
			if knows {
				remembered++
			} else {
				forgot++
			}
			break
		}
		if !fired {
			t.Errorf("%s %s of %q was never reached", kill.Calls, kill.When, kill.Path)
		}
	}
	if remembered == 0 || forgot == 0 {
		t.Errorf("killed after it remembered %d times, before %d times", remembered, forgot)
	}
}

// killedAt has a witness asked about a log and killed at once, then asked about a
// clone of that log. It reports whether the witness knew the log still.
func killedAt(t *testing.T, kill testbench.Injection) (knows, fired bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := witnesstest.NewLog(t, origin)
	clone := l.Fork()
	l.Grow(3, "day")
	clone.Grow(3, "night")
	dir := t.TempDir()
	if err := open(t, dir, l).Close(); err != nil { // so that only requests write from here on
		t.Fatal(err)
	}
	if kill.Path != "" {
		kill.Path = filepath.Join(dir, kill.Path)
	}
	told := serveEnv + "=" + dir + " " + l.VKey
	first := testbench.Cmd{Bin: exe, Env: []string{told}, Inject: []testbench.Injection{kill}}.Start(t)
	got := ""
	if first.AwaitOutput(func(stdout, _ string) bool { return strings.Contains(stdout, ".\n") }) {
		if status, answer := asked(address(first), request(t, l, 0)); status == http.StatusOK {
			got = answer
		}
	}
	first.Kill()
	fired = len(first.Injected(kill)) > 0
	second := testbench.Cmd{Bin: exe, Env: []string{told}}.Start(t)
	second.Await(`at http://[^ ]+\.\n`)
	status, answer := asked(address(second), request(t, clone, 0))
	second.Kill()
	if status == http.StatusOK {
		if sigs, err := manifest.Cosignatures(append(clone.Checkpoint(), answer...), open(t, dir, l).Key()); err != nil || len(sigs) != 1 {
			t.Errorf("%s: %v %v", kill.Calls, sigs, err)
		}
	}
	switch {
	case status == http.StatusConflict:
		return true, fired
	case status != http.StatusOK || got != "": // what it forgot it had told
		t.Errorf("%s %s: the first was given %q, the clone then %d %q", kill.Calls, kill.When, got, status, answer)
	}
	return false, fired
}

// address is where a witness in another process serves.
func address(p *testbench.Process) string {
	stdout, _ := p.Output()
	_, at, _ := strings.Cut(stdout, "at ")
	at, _, _ = strings.Cut(at, ".\n")
	return at
}
