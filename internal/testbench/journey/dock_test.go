package journey

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/verify"
)

// dock is a state folder and the program that works on it.
type dock struct {
	t     testing.TB
	bin   string
	state string
	store string // folder of the store; "" is the embedded one
	conf  string // configuration file; "" is none
}

func newDock(t testing.TB, bin, dir string) *dock {
	return &dock{t: t, bin: bin, state: filepath.Join(dir, "state")}
}

// archive is where the store is.
func (d *dock) archive() string {
	if d.store != "" {
		return d.store
	}
	return filepath.Join(d.state, "central")
}

// cmd is one command on this dock.
func (d *dock) cmd(args ...string) testbench.Cmd {
	global := []string{"--state", d.state}
	if d.store != "" {
		global = append(global, "--store", "file://"+d.store)
	}
	if d.conf != "" {
		global = append(global, "--config", d.conf)
	}
	return testbench.Cmd{Bin: d.bin, Args: append(global, args...)}
}

func (d *dock) run(args ...string) testbench.Result {
	d.t.Helper()
	return d.cmd(args...).Start(d.t).WaitFor(2 * testbench.Patience)
}

// configure writes a configuration file for the dock.
func (d *dock) configure(text string) {
	d.t.Helper()
	d.conf = filepath.Join(d.t.TempDir(), "custodock.yaml")
	if err := os.WriteFile(d.conf, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// told is what an ingest printed.
type told struct {
	files   []ingest.FileResult
	summary *ingest.Summary // nil when it was not reached
}

// hear reads the whole lines of ingest --json; one that a kill cut off counts
// for nothing.
func hear(stdout string) (told, error) {
	var out told
	for line := range strings.Lines(stdout) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var l struct {
			ingest.FileResult
			Summary *ingest.Summary `json:"summary"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			return out, fmt.Errorf("line %q: %w", line, err)
		}
		if l.Summary != nil {
			out.summary = l.Summary
			continue
		}
		out.files = append(out.files, l.FileResult)
	}
	return out, nil
}

func safe(f ingest.FileResult) bool {
	return f.State == ingest.StateStored || f.State == ingest.StateKnown || f.State == ingest.StateRecorded
}

// ledger is what a test knows must be in the log: every clip that was
// acknowledged, and every checkpoint that was seen.
type ledger struct {
	acked map[string]string // clip to SHA-256
	seen  map[int64]string  // size to root
}

func newLedger() *ledger { return &ledger{acked: map[string]string{}, seen: map[int64]string{}} }

// note adds the acknowledgements of one run.
func (l *ledger) note(stdout string) (int, error) {
	out, err := hear(stdout)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, f := range out.files {
		if !safe(f) {
			continue
		}
		n++
		if old, found := l.acked[f.Clip]; found && old != f.SHA256 {
			return n, fmt.Errorf("clip %s was %s and is %s now", f.Clip, old, f.SHA256)
		}
		l.acked[f.Clip] = f.SHA256
	}
	return n, nil
}

// finish lets an ingest come to its end and wants every file complete.
func (d *dock) finish(l *ledger, dirs ...string) (told, error) {
	d.t.Helper()
	r := d.run(append([]string{"ingest", "--json"}, dirs...)...)
	if _, err := l.note(r.Stdout); err != nil {
		return told{}, err
	}
	out, err := hear(r.Stdout)
	if err == nil && (r.Code != 0 || out.summary == nil) {
		err = fmt.Errorf("ingest ended with %d: %s%s", r.Code, tail(r.Stdout), r.Stderr)
	}
	return out, err
}

func tail(s string) string {
	const most = 2000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// verified runs verify --all and wants every clip whole.
func (d *dock) verified() error {
	d.t.Helper()
	report, results, err := d.verify()
	if err == nil && (report.OK != report.Clips || report.Clips != len(results)) {
		err = fmt.Errorf("verify: %+v", report)
	}
	return err
}

// verify gives what verify --all says, and an error unless it says all is well.
func (d *dock) verify() (verify.Report, map[string]verify.Result, error) {
	d.t.Helper()
	r := d.run("verify", "--all", "--json")
	results := map[string]verify.Result{}
	var report *verify.Report
	for line := range strings.Lines(r.Stdout) {
		var l struct {
			verify.Result
			Summary *verify.Report `json:"summary"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			return verify.Report{}, nil, fmt.Errorf("line %q: %w", line, err)
		}
		if l.Summary != nil {
			report = l.Summary
			continue
		}
		results[l.Clip] = l.Result
	}
	if report == nil {
		return verify.Report{}, results, fmt.Errorf("verify ended with %d and no summary: %s", r.Code, r.Stderr)
	}
	if r.Code != 0 {
		return *report, results, fmt.Errorf("verify ended with %d: %s%s", r.Code, tail(r.Stdout), r.Stderr)
	}
	return *report, results, nil
}

// camera makes a folder of clips.
func camera(t testing.TB, n int, size int64, seed uint64) (string, []testbench.File) {
	t.Helper()
	dir := t.TempDir()
	return dir, testbench.Clips(t, dir, n, size, seed)
}

// rename moves a folder away or back, as an unplugged archive disk.
func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// await looks until cond holds, at most for testbench.Patience.
func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(testbench.Patience)
	defer late.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// all joins what several checks found.
func all(checks ...func() error) error {
	var errs []error
	for _, check := range checks {
		errs = append(errs, check())
	}
	return errors.Join(errs...)
}

// otherDisk is a folder on a file system of its own.
func otherDisk(t testing.TB) string { t.Helper(); return testbench.LoopDisk(t, 64).Mountpoint }

// digestOf is the SHA-256 of a file, lower-case hex.
func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
