package journey

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// TestDeniedCalls: a sync or a rename that fails, whichever it is, leads to no
// false word and loses nothing (P5, faults 29 and 30).
func TestDeniedCalls(t *testing.T) {
	bin := testbench.Build(t)
	for _, calls := range []string{"fsync", "fdatasync", "syncfs", "rename,renameat,renameat2"} {
		t.Run(calls, func(t *testing.T) {
			fired := 0
			for n := 1; n <= scaled(5, 1); n++ {
				hits, err := denied(t, bin, testbench.Injection{
					Calls: calls, Fault: "error=EIO", When: fmt.Sprint(n), MayMiss: true, // the count is a thread's
				})
				fired += hits
				if err != nil {
					t.Fatalf("call %d: %v", n, err)
				}
			}
			t.Logf("fired %d times", fired)
			if fired == 0 {
				t.Error("the fault never fired")
			}
		})
	}
}

// denied ingests under the fault, then checks what was acknowledged before
// anything can mend it, and that the next ingest brings the rest.
func denied(t testing.TB, bin string, in testbench.Injection) (fired int, err error) {
	d := newDock(t, bin, t.TempDir())
	l := newLedger()
	if r := d.run("init"); r.Code != 0 {
		return 0, fmt.Errorf("init: %s", r.Stderr)
	}
	cam, files := camera(t, 5, 30_000, 1)
	c := d.cmd("ingest", "--json", "--wait", "1s", cam)
	c.Inject = []testbench.Injection{in}
	p := c.Start(t)
	r := p.WaitFor(testbench.Patience)
	fired = len(p.Injected(in))
	acks, err := l.note(r.Stdout)
	if err != nil {
		return fired, err
	}
	if r.Code == 0 && acks != len(files) || r.Code < 0 {
		return fired, fmt.Errorf("exit %d with %d acknowledged: %s%s", r.Code, acks, r.Stdout, r.Stderr)
	}
	for clip, sum := range l.acked {
		if !whole(d, sum) {
			return fired, fmt.Errorf("clip %s was acknowledged, and its bytes are nowhere", clip)
		}
	}
	if _, err := d.finish(l, cam); err != nil {
		return fired, err
	}
	return fired, all(func() error { return d.once(files...) }, func() error { return d.kept(l) }, d.verified)
}

// whole reports whether the store or the spool has the bytes.
func whole(d *dock, sum string) bool {
	for _, path := range []string{
		filepath.Join(d.archive(), "object", sum[:2], sum), filepath.Join(d.state, "spool", sum),
	} {
		if got, err := digestOf(path); err == nil && got == sum {
			return true
		}
	}
	return false
}

// writesLastWords is P11 for the manifest: somebody else fills the disk to its
// last byte while a clip is read (fault 27). The clip is refused, and what must
// be written of that still fits.
func writesLastWords(t testing.TB, bin string) error {
	disk := testbench.LoopDisk(t, 96)
	dir, files := camera(t, 2, 600_000, 1)
	junk := filepath.Join(dir, "System Volume Information")
	if err := os.Mkdir(junk, 0o755); err != nil {
		return err
	}
	for i := range 3000 { // not taken, but all named when the docking ends
		if err := os.WriteFile(filepath.Join(junk, fmt.Sprintf("%0100d", i)), nil, 0o600); err != nil {
			return err
		}
	}
	cam := testbench.Camera(t, dir, testbench.Fault{Path: files[1].Name, Kind: testbench.Hang, At: 550_000})
	d := newDock(t, bin, disk.Mountpoint)
	d.configure("reserve: 16MiB\n")
	d.store = filepath.Join(t.TempDir(), "archive") // has room
	p := d.cmd("ingest", "--json", "--wait", "2s", cam.Mountpoint).Start(t)
	cam.Await(testbench.Hang, 1)
	p.AwaitOutput(func(stdout, _ string) bool { return strings.Contains(stdout, files[0].SHA256) })
	free := fill(t, disk)
	cam.Heal()
	r := p.WaitFor(testbench.Patience)
	l := newLedger()
	if n, err := l.note(r.Stdout); err != nil || n != 1 || r.Code != 3 || !strings.Contains(r.Stdout, ingest.ErrFull.Error()) {
		return fmt.Errorf("%d acknowledged, exit %d, %v: %s%s", n, r.Code, err, r.Stdout, r.Stderr)
	}
	p1, err := read(d.archive())
	if err != nil {
		return err
	}
	if last := p1.entries[len(p1.entries)-1]; last.Type != "docking.closed" {
		return fmt.Errorf("the log ends with %s", last.Raw)
	}
	free()
	if _, err := d.finish(l, cam.Mountpoint); err != nil {
		return err
	}
	return all(func() error { return d.once(files...) }, func() error { return d.kept(l) }, d.verified)
}

// fill takes the last byte of a disk.
func fill(t testing.TB, disk *testbench.Disk) (free func()) {
	most := disk.Fill(1 << 20)
	rest, err := os.Create(filepath.Join(disk.Mountpoint, "rest"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = rest.Write(make([]byte, 4096))
	}
	if err := errors.Join(rest.Sync(), rest.Close()); err != nil {
		t.Fatal(err)
	}
	return func() { most(); _ = os.Remove(rest.Name()) }
}

// TestFewDescriptors: with hardly any file descriptors an ingest is slow or
// fails, and loses nothing (fault 38).
func TestFewDescriptors(t *testing.T) {
	bin := testbench.Build(t)
	failed := 0
	for _, n := range []int{12, 10, 16, 24, 32}[:scaled(5, 1)] {
		d := newDock(t, bin, t.TempDir())
		l := newLedger()
		cam, files := camera(t, 60, 5_000, 1)
		c := d.cmd("ingest", "--json", "--wait", "1s", cam)
		c.Args = append([]string{fmt.Sprintf("--nofile=%d:%d", n, n), c.Bin}, c.Args...)
		c.Bin = "prlimit"
		r := c.Start(t).WaitFor(testbench.Patience)
		acks, err := l.note(r.Stdout)
		if err != nil || r.Code < 0 || r.Code == 0 && acks != len(files) || strings.Contains(r.Stderr, "goroutine ") {
			t.Fatalf("%d descriptors: exit %d, %d acknowledged, %v: %s", n, r.Code, acks, err, tail(r.Stderr))
		}
		if r.Code != 0 {
			failed++
		}
		t.Logf("%d descriptors: exit %d, %d of %d acknowledged", n, r.Code, acks, len(files))
		if _, err := d.finish(l, cam); err != nil {
			t.Fatalf("%d descriptors: %v", n, err)
		}
		err = all(func() error { return d.once(files...) }, func() error { return d.kept(l) }, d.verified)
		if err != nil {
			t.Errorf("%d descriptors: %v", n, err)
		}
	}
	if failed == 0 {
		t.Error("no limit was felt")
	}
}

// TestTornState: a state.db that lost its tail, or pages in it, is refused in
// words or read as it was; never is the log continued from before what the
// store shows (fault 33). Of a page that lost its bytes within the file only
// the database knows, and panics: nothing may be acknowledged before that.
func TestTornState(t *testing.T) {
	bin := testbench.Build(t)
	tears := map[string]func(b []byte) []byte{
		"empty":            func([]byte) []byte { return nil },
		"half":             func(b []byte) []byte { return b[:len(b)/2] },
		"one page":         func(b []byte) []byte { return b[:4096] },
		"odd":              func(b []byte) []byte { return b[:len(b)/3+100] },
		"newest meta torn": func(b []byte) []byte { clear(b[100:4096]); return b },
		"other meta torn":  func(b []byte) []byte { clear(b[4096+100 : 8192]); return b },
		"both metas torn":  func(b []byte) []byte { clear(b[:8192]); return b },
		"pages zeroed":     func(b []byte) []byte { clear(b[8192 : len(b)/2]); return b },
	}
	for name, tear := range tears {
		t.Run(name, func(t *testing.T) {
			d := newDock(t, bin, t.TempDir())
			d.store = filepath.Join(t.TempDir(), "archive")
			l := newLedger()
			cam, files := camera(t, 3, 5_000, 1)
			if _, err := d.finish(l, cam); err != nil {
				t.Fatal(err)
			}
			if err := l.look(d.archive()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(d.state, "state.db")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tear(b), 0o600); err != nil {
				t.Fatal(err)
			}
			r := d.run("ingest", "--json", "--wait", "1s", cam)
			if crashed := strings.Contains(r.Stderr, "goroutine "); crashed && name != "pages zeroed" {
				t.Errorf("it crashed: %s", tail(r.Stderr))
			} else if r.Code != 0 && !crashed && !strings.Contains(r.Stderr, "log recover") {
				t.Errorf("exit %d without a word of what to do: %s", r.Code, r.Stderr)
			}
			t.Logf("exit %d: %s", r.Code, tail(r.Stderr))
			if _, err := l.note(r.Stdout); err != nil {
				t.Error(err)
			}
			if err := l.look(d.archive()); err != nil {
				t.Error(err)
			}
			if err := all(func() error { return d.kept(l) }, func() error { return d.once(files...) }); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestClockReset: other bytes under the same name, size and time are a new
// clip (fault 58), also on a device that is known well enough to be skipped.
func TestClockReset(t *testing.T) {
	bin := testbench.Build(t)
	places := map[string]func(t *testing.T) string{
		"folder": func(t *testing.T) string { return t.TempDir() },
		"device": func(t *testing.T) string { // two identities: its file system and its log
			mount := testbench.LoopDisk(t, 32).Mountpoint
			if err := os.Remove(filepath.Join(mount, "lost+found")); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(mount, "LOG"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(mount, "LOG", "a.txt"), []byte("#ID: 1111111\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return mount
		},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			cam := place(t)
			files := testbench.Clips(t, cam, 2, 500_000, 1)
			d := newDock(t, bin, t.TempDir())
			l := newLedger()
			if _, err := d.finish(l, cam); err != nil {
				t.Fatal(err)
			}
			other := testbench.Clips(t, cam, 2, 500_000, 2) // same names, sizes and times
			out, err := d.finish(l, cam)
			if err != nil {
				t.Fatal(err)
			}
			if out.summary.Stored != 2 {
				t.Errorf("docked again: %+v", *out.summary)
			}
			err = all(func() error { return d.once(append(files, other...)...) }, func() error { return d.kept(l) }, d.verified)
			if err != nil {
				t.Error(err)
			}
		})
	}
}
