package central

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// netTrial is a test of a program with a bug in it: what it finds is noted, and
// does not fail the test around it.
type netTrial struct {
	testing.TB
	found []string
}

func (n *netTrial) Errorf(format string, args ...any) {
	n.found = append(n.found, fmt.Sprintf(format, args...))
}

func (n *netTrial) Error(args ...any) { n.found = append(n.found, fmt.Sprint(args...)) }

func (n *netTrial) Fatalf(format string, args ...any) {
	n.Errorf(format, args...)
	runtime.Goexit()
}

func (n *netTrial) Fatal(args ...any) {
	n.Error(args...)
	runtime.Goexit()
}

// netFound runs a check and gives what it found.
func netFound(t *testing.T, check func(testing.TB, string), bin string) []string {
	t.Helper()
	n := &netTrial{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		check(n, bin)
	}()
	<-done
	return n.found
}

// TestPlanted: a program with one of these bugs is found out.
func TestPlanted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		return // each takes a build
	}
	for _, b := range []struct {
		name           string
		check          func(testing.TB, string)
		file, old, new string
	}{
		{"P7 the lock is shared", writesAlone, "ingest/lock.go", "unix.LOCK_EX|unix.LOCK_NB", "unix.LOCK_SH|unix.LOCK_NB"},
		{"P11 what no store has makes room", fillsUp, "ingest/tidy.go",
			"return ctx.Err()\n\t\t}\n\t\tif err := s.releaseSpooled(f.digest)", "return ctx.Err()\n\t\t}\n\t\tif err := os.Remove(s.spool.path(f.digest))"},
		{"P11 the reserve is taken", fillsUp, "ingest/spool.go", "free < size+reserve", "free < 0"},
		{"a bad configuration is put in force", reloads, "cmd/custodock/reload.go",
			"cfg, err := configs.Load(r.file)\n\tif err != nil {", "cfg, err := configs.Load(r.file)\n\tif err != nil && len(cfg.Stores) > 0 {"},
	} {
		t.Run(b.name, func(t *testing.T) {
			found := netFound(t, b.check, testbench.PatchedBuild(t, b.file, b.old, b.new))
			if len(found) == 0 {
				t.Fatal("nothing was found")
			}
			t.Logf("found: %.600s", strings.Join(found, "\n"))
		})
	}
}

// TestWritesAlone: see writesAlone.
func TestWritesAlone(t *testing.T) {
	t.Parallel()
	writesAlone(t, testbench.Build(t))
}

// writesAlone is P7: a second daemon on a state refuses and names the first,
// which goes on.
func writesAlone(t testing.TB, bin string) {
	t.Helper()
	s := netBucket(t, testbench.S3Options{})
	d := netNew(t, bin, netStores(netStore("one", s.URL("evidence", "alone"))), s.Env()...)
	p := d.daemon()
	second := d.cmd("run").Start(t)
	second.AwaitOutput(func(stdout, stderr string) bool { return strings.Contains(stdout+stderr, "\n") })
	if strings.Contains(first(second.Output()), "ready") {
		t.Fatal("two daemons work on one state")
	}
	r := second.WaitFor(testbench.Patience)
	if named := fmt.Sprintf("process %d (%s run)", p.PID(), filepath.Base(bin)); r.Code != 1 || !strings.Contains(r.Stderr, named) || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("the second did not say %q but, with exit %d: %s", named, r.Code, r.Stderr)
	}
	dir, files := netClips(t, 2, 20_000, 1)
	d.wants(ingest.StateStored, "1m", dir, files)
	d.drained()
	d.stop(p)
	d.verified(files...)
	d.once(s, "evidence/alone", []string{"one"}, files...)
}

func first(a, _ string) string { return a }

// TestFillsUp: see fillsUp.
func TestFillsUp(t *testing.T) {
	t.Parallel()
	fillsUp(t, testbench.Build(t))
}

// fillsUp is P11: while the store takes nothing the spool fills up to the
// reserve and no further, nothing that is recorded makes room, and all of it
// gets to the store.
func fillsUp(t testing.TB, bin string) {
	t.Helper()
	disk := testbench.LoopDisk(t, 64)
	s := netBucket(t, testbench.S3Options{})
	relay := testbench.Proxy(t, s.Endpoint())
	relay.Inject(testbench.WireFault{Kind: testbench.Refused, Method: "PUT", Part: "/object/", Status: 507, Code: "XMinioStorageFull"})
	d := netNew(t, bin, netStores(netStore("one", testbench.StoreURL(relay.URL, "evidence", "full"))), s.Env()...)
	d.state = filepath.Join(disk.Mountpoint, "state")
	dir, files := netClips(t, 12, 5<<20, 1)
	got, r := d.ingest("1s", dir)
	var safe []testbench.File
	for _, f := range files {
		switch got[f.SHA256].State {
		case ingest.StateRecorded:
			safe = append(safe, f)
			if info, err := os.Stat(filepath.Join(d.state, "spool", f.SHA256)); err != nil || info.Size() != f.Size {
				t.Errorf("%s is recorded, no store has it, and in the spool %v", f.Name, err)
			}
		case ingest.StateStored, ingest.StateKnown:
			t.Errorf("%s is %s", f.Name, got[f.SHA256].State)
		}
	}
	if len(safe) == 0 || len(safe) == len(files) || r.Code != 3 || !strings.Contains(r.Stdout, ingest.ErrFull.Error()) || relay.Fired(testbench.Refused) == 0 {
		t.Fatalf("%d of %d clips recorded, exit %d: %s%s", len(safe), len(files), r.Code, r.Stdout, r.Stderr)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(disk.Mountpoint, &st); err != nil {
		t.Fatal(err)
	}
	const reserve = 7 << 20 // an eighth of such a disk, less what the log took of it
	if free := int64(st.Bavail) * st.Bsize; free < reserve {
		t.Errorf("%d bytes are free on the dock's disk, want %d", free, reserve)
	}
	relay.Heal()
	d.wants(ingest.StateStored, "1m", dir, nil)
	p := d.daemon()
	d.drained()
	d.stop(p)
	d.verified(files...)
	d.once(s, "evidence/full", []string{"one"}, files...)
}
