package journey

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// keepsWord is P2: what was called safe to take outlives a power cut at once
// after it, also when no store has it yet.
func keepsWord(t testing.TB, bin string) error {
	disk := testbench.LoopDisk(t, 128)
	d := newDock(t, bin, disk.Mountpoint)
	d.configure("reserve: 16MiB\n")
	d.store = filepath.Join(t.TempDir(), "archive")
	l := newLedger()
	first, _ := camera(t, 1, 1000, 1)
	if _, err := d.finish(l, first); err != nil {
		return err
	}
	away := d.store + "-away"
	rename(t, d.store, away)
	cam, files := camera(t, 3, 100_000, 2)
	r := d.run("ingest", "--json", "--wait", "10ms", cam)
	n, err := l.note(r.Stdout)
	if err != nil || n != len(files) || r.Code != 3 {
		return fmt.Errorf("%d of %d clips safe, exit %d, %v: %s%s", n, len(files), r.Code, err, r.Stdout, r.Stderr)
	}
	disk.Shutdown()
	rename(t, away, d.store)
	return all(d.verified, func() error { return d.kept(l) })
}

// takesOnce is P3: docking again, whole or in part, enters nothing twice.
func takesOnce(t testing.TB, bin string) error {
	d := newDock(t, bin, t.TempDir())
	cam, files := camera(t, 3, 5000, 1)
	l := newLedger()
	if _, err := d.finish(l, cam); err != nil {
		return err
	}
	more, err := testbench.MakeClips(filepath.Join(cam, "more"), 2, 5000, 2)
	if err != nil {
		return err
	}
	out, err := d.finish(l, cam)
	if err != nil {
		return err
	}
	if out.summary.Known != len(files) || out.summary.Stored != len(more) {
		return fmt.Errorf("docked again: %+v", *out.summary)
	}
	return d.once(append(files, more...)...)
}

// takesWhole is P4: a file that ends before its size is no clip.
func takesWhole(t testing.TB, bin string) error {
	dir, files := camera(t, 3, 300_000, 1)
	cam := testbench.Camera(t, dir, testbench.Fault{Path: files[1].Name, Kind: testbench.EarlyEOF, At: 200_000})
	d := newDock(t, bin, t.TempDir())
	r := d.run("ingest", "--json", cam.Mountpoint)
	if cam.Fired(testbench.EarlyEOF) == 0 {
		t.Fatal("the fault never fired")
	}
	out, err := hear(r.Stdout)
	if err != nil || len(out.files) != len(files) {
		return fmt.Errorf("%w: %s%s", err, r.Stdout, r.Stderr)
	}
	for _, f := range out.files {
		if bad := f.Path == files[1].Name; bad == safe(f) {
			return fmt.Errorf("%+v", f)
		}
	}
	if r.Code != 3 {
		return fmt.Errorf("exit %d", r.Code)
	}
	p, err := read(d.archive())
	if err != nil {
		return err
	}
	list, _, err := p.acquisitions()
	if err != nil || len(list) != 2 {
		return fmt.Errorf("in the log: %+v, %v", list, err)
	}
	return d.once(files[0], files[2])
}

// copiesAgain is P5: a clip whose sync failed is read from the camera again
// before it is acknowledged; no sync is tried twice on the same copy.
func copiesAgain(t testing.TB, bin string) error {
	dir, files := camera(t, 1, 400_000, 1)
	// The flipped byte counts how often the clip is read. It is none of those that
	// are looked at again in the end.
	cam := testbench.Camera(t, dir, testbench.Fault{Path: files[0].Name, Kind: testbench.BitFlip, At: 100_000})
	d := newDock(t, bin, t.TempDir())
	if r := d.run("init"); r.Code != 0 {
		return errors.New(r.Stderr)
	}
	inject := testbench.Injection{
		Calls: "syncfs", Fault: "error=EIO", When: "1", Path: filepath.Join(d.state, "spool"),
	}
	c := d.cmd("ingest", "--json", cam.Mountpoint)
	c.Inject = []testbench.Injection{inject}
	p := c.Start(t)
	r := p.Wait()
	failed, reads := len(p.Injected(inject)), cam.Fired(testbench.BitFlip)
	l := newLedger()
	acks, err := l.note(r.Stdout)
	if err != nil || acks == 0 && r.Code == 0 {
		return fmt.Errorf("exit %d, %v: %s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	if failed > reads || acks > 0 && failed == reads {
		return fmt.Errorf("%d syncs failed, the clip was read %d times, %d acknowledged", failed, reads, acks)
	}
	return all(func() error { _, err := d.finish(l, cam.Mountpoint); return err }, func() error { return d.kept(l) })
}

// extendsLog is P6: entries that were signed but not sealed when the program
// was killed are there when it starts again.
func extendsLog(t testing.TB, bin string) error {
	dir, files := camera(t, 6, 20_000, 1)
	last := files[len(files)-1].Name
	cam := testbench.Camera(t, dir, testbench.Fault{Path: last, Kind: testbench.Hang, At: 10_000})
	d := newDock(t, bin, t.TempDir())
	d.configure("publish: 1h\n") // after the first clip nothing is sealed
	p := d.cmd("ingest", "--json", cam.Mountpoint).Start(t)
	r, alive := p.KillWhen(func(stdout, _ string) bool { return strings.Count(stdout, "\n") >= len(files)-1 })
	cam.Heal()
	l := newLedger()
	if n, err := l.note(r.Stdout); err != nil || !alive || n != len(files)-1 {
		return fmt.Errorf("%d acknowledged, alive %v: %v", n, alive, err)
	}
	if err := l.look(d.archive()); err != nil {
		return err
	}
	if _, err := d.finish(l, cam.Mountpoint); err != nil {
		return err
	}
	return all(func() error { return d.kept(l) }, func() error { return d.once(files...) }, d.verified)
}

// refusesFork is P6 for a state that was restored from a backup: the store
// shows a longer log, so nothing more is signed and nothing acknowledged.
func refusesFork(t testing.TB, bin string) error {
	dir := t.TempDir()
	d := newDock(t, bin, dir)
	d.store = filepath.Join(dir, "archive")
	l := newLedger()
	first, _ := camera(t, 1, 1000, 1)
	second, _ := camera(t, 1, 1000, 2)
	if _, err := d.finish(l, first); err != nil {
		return err
	}
	backup := filepath.Join(dir, "backup")
	if err := os.CopyFS(backup, os.DirFS(d.state)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(backup, "key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.finish(l, second); err != nil {
		return err
	}
	if err := l.look(d.archive()); err != nil {
		return err
	}
	old := *d
	old.state = backup
	third, files := camera(t, 1, 1000, 3)
	r := old.run("ingest", "--json", "--wait", "1s", third)
	n, err := newLedger().note(r.Stdout)
	if err != nil || n > 0 || r.Code == 0 || !strings.Contains(r.Stderr, "log recover") {
		return fmt.Errorf("a restored state acknowledged %d clips and ended with %d, %v: %s%s", n, r.Code, err, r.Stdout, r.Stderr)
	}
	if err := l.look(d.archive()); err != nil {
		return err
	}
	if r := old.run("log", "recover"); r.Code != 0 {
		return fmt.Errorf("log recover ended with %d: %s", r.Code, r.Stderr)
	}
	if _, err := old.finish(l, first, second, third); err != nil {
		return err
	}
	return all(func() error { return old.kept(l) }, func() error { return old.once(files...) }, old.verified)
}

// writesAlone is P7: a second process that would write the state refuses and
// names the first.
func writesAlone(t testing.TB, bin string) error {
	dir, files := camera(t, 1, 100_000, 1)
	cam := testbench.Camera(t, dir, testbench.Fault{Path: files[0].Name, Kind: testbench.Hang, At: 0})
	d := newDock(t, bin, t.TempDir())
	p := d.cmd("ingest", "--json", cam.Mountpoint).Start(t)
	cam.Await(testbench.Hang, 1)
	other, _ := camera(t, 1, 1000, 2)
	r := d.run("ingest", "--json", other)
	cam.Heal()
	l := newLedger()
	first := p.WaitFor(time.Minute)
	if _, err := l.note(first.Stdout); err != nil || first.Code != 0 {
		return fmt.Errorf("the first: exit %d, %v: %s", first.Code, err, first.Stderr)
	}
	named := fmt.Sprintf("process %d (%s ", p.PID(), filepath.Base(bin))
	if !strings.Contains(r.Stderr, named) || r.Code != 1 || r.Stdout != "" {
		return fmt.Errorf("the second did not say %q but, with exit %d: %s%s", named, r.Code, r.Stdout, r.Stderr)
	}
	out, err := d.finish(l, other)
	if err == nil && out.files[0].State != ingest.StateStored {
		err = fmt.Errorf("%+v", out.files)
	}
	return err
}
