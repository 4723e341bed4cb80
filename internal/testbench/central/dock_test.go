package central

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/verify"
)

var kinds = []string{testbench.VersityGW, testbench.MinIO}

// dock is a state folder, its configuration and the program that works on it.
type dock struct {
	t     testing.TB
	bin   string
	state string
	conf  string
	env   []string
	acked map[string]string // clips that were called safe, to their SHA-256
}

// newDock is a dock whose configuration has these stores, and more of anything.
func newDock(t testing.TB, bin string, env []string, more string, stores ...string) *dock {
	t.Helper()
	d := &dock{t: t, bin: bin, state: filepath.Join(t.TempDir(), "state"), env: env, acked: map[string]string{}}
	d.conf = filepath.Join(t.TempDir(), "custodock.yaml")
	d.configure(more, stores...)
	return d
}

// configure writes the configuration, or another one.
func (d *dock) configure(more string, stores ...string) {
	d.t.Helper()
	text := "roots: []\nboard: \"\"\nreserve: 16MiB\n" + more + "stores:\n" + strings.Join(stores, "")
	if err := os.WriteFile(d.conf, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// storeText is one store of a configuration, with further lines of its own.
func storeText(name, url string, lines ...string) string {
	text := fmt.Sprintf("  - name: %s\n    url: %q\n", name, url)
	for _, line := range lines {
		text += "    " + line + "\n"
	}
	return text
}

// Lines of a store that locks as the tests can afford it, or not at all.
const (
	unlocked = "lock: none"
	governed = "lock: governance"
	oneDay   = "retain_days: 1"
)

// clone is the same dock again: a backup that was restored, or a copied disk.
func (d *dock) clone() *dock {
	d.t.Helper()
	twin := *d
	twin.state, twin.acked = filepath.Join(d.t.TempDir(), "state"), map[string]string{}
	if err := os.CopyFS(twin.state, os.DirFS(d.state)); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(twin.state, "key"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return &twin
}

func (d *dock) cmd(args ...string) testbench.Cmd {
	return testbench.Cmd{Bin: d.bin, Args: append([]string{"--state", d.state, "--config", d.conf}, args...), Env: d.env}
}

func (d *dock) run(args ...string) testbench.Result {
	d.t.Helper()
	return d.cmd(args...).Start(d.t).WaitFor(2 * testbench.Patience)
}

// daemon starts the daemon and returns when cameras may be docked.
func (d *dock) daemon() *testbench.Process {
	d.t.Helper()
	p := d.cmd("run", "--json").Start(d.t)
	p.Await(`"ready"`)
	return p
}

// end stops a daemon as its service manager does.
func (d *dock) end(p *testbench.Process) {
	d.t.Helper()
	if r := terminate(p); r.Code != 0 {
		d.t.Errorf("the daemon ended with %d: %s", r.Code, r.Stderr)
	}
}

// told is what an ingest said.
type told struct {
	testbench.Result
	files   []ingest.FileResult
	summary ingest.Summary
}

// ingest takes folders in and notes what was acknowledged.
func (d *dock) ingest(wait string, dirs ...string) told {
	d.t.Helper()
	return d.hear(d.run(append([]string{"ingest", "--json", "--wait", wait}, dirs...)...))
}

func (d *dock) hear(r testbench.Result) told {
	d.t.Helper()
	out := told{Result: r}
	for line := range strings.Lines(r.Stdout) {
		if !strings.HasSuffix(line, "\n") {
			break // cut off by a kill
		}
		var l struct {
			ingest.FileResult
			Summary *ingest.Summary `json:"summary"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			d.t.Fatalf("line %q: %v", line, err)
		}
		if l.Summary != nil {
			out.summary = *l.Summary
			continue
		}
		out.files = append(out.files, l.FileResult)
		if slices.Contains([]string{ingest.StateStored, ingest.StateKnown, ingest.StateRecorded}, l.State) {
			d.acked[l.Clip] = l.SHA256
		}
	}
	return out
}

// complete is an error unless an ingest had every file stored.
func (o told) complete(files int) error {
	if n := o.summary.Stored + o.summary.Known; o.Code != 0 || n != files {
		return fmt.Errorf("ingest ended with %d and %d of %d files complete: %s%s", o.Code, n, files, o.Stdout, o.Stderr)
	}
	return nil
}

// kept is an error unless all is safe on the dock and the command says that
// the stores lack it.
func (o told) kept(files int) error {
	if o.Code != 3 || o.summary.Recorded != files {
		return fmt.Errorf("ingest ended with %d and %d of %d files recorded: %s%s", o.Code, o.summary.Recorded, files, o.Stdout, o.Stderr)
	}
	return nil
}

// status is what the dock says of itself.
func (d *dock) status() ingest.Status {
	d.t.Helper()
	var s ingest.Status
	r := d.run("status", "--json")
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		d.t.Fatalf("status ended with %d: %v: %s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return s
}

// waiting is how many clips a store lacks, all stores where none is named.
func (d *dock) waiting(store string) int {
	d.t.Helper()
	n := 0
	for _, q := range d.status().Queue {
		if store == "" || q.Store == store {
			n += q.Clips
		}
	}
	return n
}

// alarm looks for an alarm that stands.
func (d *dock) alarm(code string) (ingest.Alarm, bool) {
	d.t.Helper()
	for _, a := range d.status().Alarms {
		if a.Code == code {
			return a, true
		}
	}
	return ingest.Alarm{}, false
}

// awaitAlarm waits for an alarm of a daemon and wants these words in it.
func (d *dock) awaitAlarm(code string, words ...string) error {
	d.t.Helper()
	var a ingest.Alarm
	await(d.t, "alarm "+code, func() (found bool) { a, found = d.alarm(code); return found })
	for _, w := range words {
		if !strings.Contains(a.Text, w) {
			return fmt.Errorf("alarm %s %q says %q, and nothing of %q", code, a.Args, a.Text, w)
		}
	}
	return nil
}

// awaitQuiet waits until no alarm stands.
func (d *dock) awaitQuiet() {
	d.t.Helper()
	await(d.t, "no alarm stands and the log is shown", func() bool {
		s := d.status()
		return len(s.Alarms) == 0 && s.Published == s.Size
	})
}

// verified reads everything back from a store and wants it whole.
func (d *dock) verified(clips int) error {
	d.t.Helper()
	report, _, r := d.verify("--all")
	if r.Code != 0 || report.OK != clips || report.Clips != clips {
		return fmt.Errorf("verify ended with %d and %d of %d clips whole: %s%s", r.Code, report.OK, clips, r.Stdout, r.Stderr)
	}
	return nil
}

func (d *dock) verify(what ...string) (verify.Report, []verify.Result, testbench.Result) {
	d.t.Helper()
	r := d.run(append([]string{"verify", "--json"}, what...)...)
	var report verify.Report
	var results []verify.Result
	for line := range strings.Lines(r.Stdout) {
		var l struct {
			verify.Result
			Summary *verify.Report `json:"summary"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			d.t.Fatalf("line %q: %v", line, err)
		}
		if l.Summary != nil {
			report = *l.Summary
			continue
		}
		results = append(results, l.Result)
	}
	return report, results, r
}

// settled is what holds at the end of every bad day: each file is one
// acquisition in the published log and one version of one object, every clip
// is whole, and nothing that was acknowledged is missing.
func (d *dock) settled(c *centre, files ...testbench.File) error {
	d.t.Helper()
	return errors.Join(c.once(files...), c.keeps(d.acked), d.verified(len(files)))
}

// camera makes a folder of clips.
func camera(t testing.TB, n int, size int64, seed uint64) (string, []testbench.File) {
	t.Helper()
	dir := t.TempDir()
	return dir, testbench.Clips(t, dir, n, size, seed)
}

// await looks until cond holds, at most for testbench.Patience.
func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
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
