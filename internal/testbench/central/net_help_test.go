package central

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/verify"
)

// These tests wait for lines and pauses far more than they compute, so more of
// them run at once than there are processors. -parallel still has its way.
func init() {
	testing.Init()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
}

// netDock is a state folder, its configuration and the program.
type netDock struct {
	t     testing.TB
	bin   string
	state string
	conf  string
	env   []string
}

// netNew makes a dock without cameras and board, with these lines in its
// configuration, and env for its keys.
func netNew(t testing.TB, bin, lines string, env ...string) *netDock {
	t.Helper()
	dir := t.TempDir()
	d := &netDock{t: t, bin: bin, state: filepath.Join(dir, "state"), conf: filepath.Join(dir, "etc", "custodock.yaml"), env: env}
	if err := os.Mkdir(filepath.Dir(d.conf), 0o755); err != nil {
		t.Fatal(err)
	}
	d.configure(lines)
	return d
}

// configure replaces the configuration file in one step, as a careful editor
// does.
func (d *netDock) configure(lines string) {
	d.t.Helper()
	fresh := d.conf + ".new"
	text := "roots: []\nboard: \"\"\nreserve: 16MiB\n" + lines
	if err := errors.Join(os.WriteFile(fresh, []byte(text), 0o600), os.Rename(fresh, d.conf)); err != nil {
		d.t.Fatal(err)
	}
}

// netStore is a store in a configuration, without lock; more are further lines
// of it.
func netStore(name, url string, more ...string) string {
	lines := append([]string{"url: " + url, "lock: none"}, more...)
	return fmt.Sprintf("  - name: %s\n    %s\n", name, strings.Join(lines, "\n    "))
}

func netStores(stores ...string) string { return "stores:\n" + strings.Join(stores, "") }

func (d *netDock) cmd(args ...string) testbench.Cmd {
	return testbench.Cmd{Bin: d.bin, Args: append([]string{"--state", d.state, "--config", d.conf, "--json"}, args...), Env: d.env}
}

func (d *netDock) run(args ...string) testbench.Result {
	d.t.Helper()
	return d.cmd(args...).Start(d.t).WaitFor(2 * testbench.Patience)
}

// daemon starts the program and returns when cameras may be docked.
func (d *netDock) daemon(env ...string) *testbench.Process {
	d.t.Helper()
	c := d.cmd("run")
	c.Env = append(slices.Clone(c.Env), env...)
	p := c.Start(d.t)
	p.Await(`"ready"`)
	return p
}

// stop ends the daemon as the service manager does.
func (d *netDock) stop(p *testbench.Process) {
	d.t.Helper()
	p.Signal(syscall.SIGTERM)
	if r := p.WaitFor(testbench.Patience); r.Code != 0 {
		d.t.Fatalf("the daemon ended with %d: %s", r.Code, r.Stderr)
	}
}

// ingest takes a folder in and gives what became of each file by its digest.
func (d *netDock) ingest(wait, dir string) (map[string]ingest.FileResult, testbench.Result) {
	d.t.Helper()
	r := d.run("ingest", "--wait", wait, dir)
	files := map[string]ingest.FileResult{}
	for line := range strings.Lines(r.Stdout) {
		var l ingest.FileResult
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			d.t.Fatalf("line %q: %v", line, err)
		}
		if l.SHA256 != "" {
			files[l.SHA256] = l
		}
	}
	return files, r
}

// wants ingests a folder and wants each file in that state.
func (d *netDock) wants(state, wait, dir string, files []testbench.File) {
	d.t.Helper()
	got, r := d.ingest(wait, dir)
	code := map[string]int{ingest.StateRecorded: 3}[state]
	for _, f := range files {
		if got[f.SHA256].State != state || r.Code != code {
			d.t.Fatalf("%s is %+v, exit %d, want %s and %d: %s", f.Name, got[f.SHA256], r.Code, state, code, r.Stderr)
		}
	}
}

// status asks without the configuration file, which may be in disorder; a
// daemon runs, so it names no store.
func (d *netDock) status() ingest.Status {
	d.t.Helper()
	r := testbench.Run(d.t, d.bin, "--state", d.state, "--json", "status")
	var s ingest.Status
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		d.t.Fatalf("status ended with %d, %v: %s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return s
}

// await asks for the status until cond holds.
func (d *netDock) await(what string, cond func(ingest.Status) bool) ingest.Status {
	d.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(testbench.Patience)
	defer late.Stop()
	for {
		s := d.status()
		if cond(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-late.C:
			d.t.Fatalf("waited in vain until %s: %+v", what, s)
		}
	}
}

// alarmed waits for an alarm of one of these codes with these words.
func (d *netDock) alarmed(words string, codes ...string) ingest.Alarm {
	d.t.Helper()
	var found ingest.Alarm
	d.await("an alarm says "+words, func(s ingest.Status) bool {
		for _, a := range s.Alarms {
			if slices.Contains(codes, a.Code) && strings.Contains(a.Text, words) {
				found = a
			}
		}
		return found.Code != ""
	})
	if strings.ContainsAny(found.Text, "\n\r\x1b") {
		d.t.Errorf("alarm %q is more than a line", found.Text)
	}
	return found
}

// drained waits until no clip waits and no alarm stands.
func (d *netDock) drained() {
	d.t.Helper()
	d.await("the queues are empty and all is well", func(s ingest.Status) bool {
		for _, q := range s.Queue {
			if q.Clips > 0 {
				return false
			}
		}
		return len(s.Alarms) == 0 && s.Published == s.Size
	})
}

// verified wants every clip of the log whole, and no more clips than files.
func (d *netDock) verified(files ...testbench.File) {
	d.t.Helper()
	r := d.run("verify", "--all")
	digests, whole := []string{}, r.Code == 0
	for line := range strings.Lines(r.Stdout) {
		var l verify.Result
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			d.t.Fatalf("line %q: %v", line, err)
		}
		if l.Clip != "" {
			digests, whole = append(digests, l.SHA256), whole && l.Result == "ok"
		}
	}
	if want := netDigests(files); !whole || !slices.Equal(slices.Sorted(slices.Values(digests)), want) {
		d.t.Errorf("verify ended with %d, want %d clips: %s%s", r.Code, len(want), r.Stdout, r.Stderr)
	}
}

// once wants one acquisition of each file, entered as stored once in each
// store, and in the bucket one version of each digest.
func (d *netDock) once(s *testbench.S3Server, at string, stores []string, files ...testbench.File) {
	d.t.Helper()
	var digests []string
	for line := range strings.Lines(d.run("clips").Stdout) {
		var c ingest.ClipView
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			d.t.Fatalf("line %q: %v", line, err)
		}
		digests = append(digests, c.SHA256)
		d.storedOnce(c.Clip, stores)
	}
	if want := netDigests(files); !slices.Equal(slices.Sorted(slices.Values(digests)), want) {
		d.t.Errorf("acquired are %q, want %q", digests, want)
	}
	netVersions(d.t, s, at, files...)
}

// storedOnce wants one clip.stored of a clip for each store.
func (d *netDock) storedOnce(clip string, stores []string) {
	d.t.Helper()
	var c ingest.ClipDetail
	r := d.run("show", clip)
	if err := json.Unmarshal([]byte(r.Stdout), &c); err != nil {
		d.t.Fatalf("show %s: %v: %s%s", clip, err, r.Stdout, r.Stderr)
	}
	var stored []string
	for _, e := range c.Custody {
		var entry struct{ Store string }
		if err := json.Unmarshal([]byte(e.Entry), &entry); err != nil {
			d.t.Fatal(err)
		}
		if e.Type == "clip.stored" {
			stored = append(stored, entry.Store)
		}
	}
	if !slices.Equal(slices.Sorted(slices.Values(stored)), slices.Sorted(slices.Values(stores))) {
		d.t.Errorf("%s is entered as stored in %q, want %q", clip, stored, stores)
	}
}

// netVersions wants one version of each digest in "bucket/prefix", and no
// object else.
func netVersions(t testing.TB, s *testbench.S3Server, at string, files ...testbench.File) {
	t.Helper()
	bucket, prefix, _ := strings.Cut(at, "/")
	var have []string
	for _, v := range s.Versions(bucket, prefix+"/object/") {
		have = append(have, filepath.Base(v.Key))
		if v.DeleteMarker {
			t.Errorf("a delete marker: %+v", v)
		}
	}
	if want := netDigests(files); !slices.Equal(slices.Sorted(slices.Values(have)), slices.Compact(want)) {
		t.Errorf("%s has versions of %q, want one each of %q", at, have, want)
	}
}

func netDigests(files []testbench.File) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.SHA256)
	}
	slices.Sort(out)
	return out
}

// netClips makes a folder of clips.
func netClips(t testing.TB, n int, size int64, seed uint64) (string, []testbench.File) {
	t.Helper()
	dir := t.TempDir()
	return dir, testbench.Clips(t, dir, n, size, seed)
}

// netBucket starts a server with the bucket "evidence", which has versions.
func netBucket(t testing.TB, o testbench.S3Options) *testbench.S3Server {
	t.Helper()
	s := testbench.S3(t, o)
	s.MakeBucket("evidence", false)
	s.EnableVersioning("evidence")
	return s
}

// netAwait looks until cond holds.
func netAwait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
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

// netStopped reports whether every thread of a process stands still, as
// proc_pid_stat(5) tells it.
func netStopped(t testing.TB, pid int) bool {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("threads of process %d: %v", pid, err)
	}
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil {
			return false
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		if !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return true
}
