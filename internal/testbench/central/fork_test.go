package central

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

// refuses is an error unless a dock takes nothing in, says what to do, and
// leaves the published log alone.
func (d *dock) refuses(c *centre, dir string) error {
	d.t.Helper()
	name := c.logs()[0]
	before, err := c.checkpoint(name)
	if err != nil {
		return err
	}
	out := d.ingest("5s", dir)
	if out.Code == 0 || out.Code == 3 || len(d.acked) != 0 || !strings.Contains(out.Stderr, "log recover") {
		return fmt.Errorf("ingest ended with %d, %d clips acknowledged: %s%s", out.Code, len(d.acked), out.Stdout, out.Stderr)
	}
	after, err := c.checkpoint(name)
	if err == nil && after != before {
		err = fmt.Errorf("the published log went from %d to %d entries", before.Size, after.Size)
	}
	return err
}

// TestRestored: a state from a backup signs nothing, and continues the log
// that it finds in the bucket after log recover (fault 35).
func TestRestored(t *testing.T) {
	c := newCentre(t, testbench.S3Options{}, false)
	d := newDock(t, testbench.Build(t), c.Env(), "", storeText("centre", c.url(), unlocked))
	var files []testbench.File
	next := func() string {
		dir, made := camera(t, 1, small, uint64(len(files)+1))
		files = append(files, made...)
		return dir
	}
	if err := d.ingest("60s", next()).complete(1); err != nil {
		t.Fatal(err)
	}
	old := d.clone()
	if err := d.ingest("60s", next()).complete(1); err != nil {
		t.Fatal(err)
	}
	third := next()
	if err := old.refuses(c, third); err != nil {
		t.Error(err)
	}
	if r := old.run("log", "recover"); r.Code != 0 {
		t.Fatalf("log recover ended with %d: %s", r.Code, r.Stderr)
	}
	if err := old.ingest("60s", third).complete(1); err != nil {
		t.Error(err)
	}
	if err := errors.Join(old.settled(c, files...), c.keeps(d.acked)); err != nil {
		t.Error(err)
	}
}

// TestCloned: of two docks with one key and one bucket the second to publish
// finds the fork, calls a person and signs nothing more. What it had signed
// before cannot be joined; a linked log is the way out, and its clips are taken
// from their cameras again (fault 36).
func TestCloned(t *testing.T) {
	c := newCentre(t, testbench.S3Options{}, false)
	d := newDock(t, testbench.Build(t), c.Env(), "", storeText("centre", c.url(), unlocked))
	first, files := camera(t, 1, small, 1)
	if err := d.ingest("60s", first).complete(1); err != nil {
		t.Fatal(err)
	}
	// Both were started before they could know of each other.
	twin := d.clone()
	running, other := d.daemon(), twin.daemon()
	second, more := camera(t, 1, small, 2)
	if err := d.ingest("60s", second).complete(1); err != nil {
		t.Fatal(err)
	}
	files = append(files, more...)
	third, more := camera(t, 1, small, 3)
	files = append(files, more...)
	out := twin.ingest("2s", third)
	if out.Code == 0 || out.summary.Stored != 0 {
		t.Errorf("the twin ended with %d: %s%s", out.Code, out.Stdout, out.Stderr)
	}
	if err := twin.awaitAlarm("log_forked", "log recover"); err != nil {
		t.Error(err)
	}
	twin.acked = map[string]string{}
	fourth, more := camera(t, 1, small, 4)
	files = append(files, more...)
	if err := twin.refuses(c, fourth); err != nil {
		t.Error(err)
	}
	doctor := twin.run("doctor")
	if doctor.Code != 1 || !strings.Contains(doctor.Stdout, "log recover") {
		t.Errorf("doctor ended with %d: %s", doctor.Code, doctor.Stdout)
	}
	twin.end(other)
	d.end(running)
	if err := twin.recovers(); err != nil {
		t.Fatal(err)
	}
	if err := twin.ingest("60s", third, fourth).complete(2); err != nil {
		t.Error(err)
	}
	if n := len(c.logs()); n != 2 {
		t.Errorf("%d logs in the bucket", n)
	}
	err := errors.Join(c.once(files...), c.keeps(d.acked), c.keeps(twin.acked), d.verified(2), twin.verified(2))
	if err != nil {
		t.Error(err)
	}
}

// recovers leaves a forked log: what is told first cannot be done, and says
// what can.
func (d *dock) recovers() error {
	d.t.Helper()
	if r := d.run("log", "recover"); r.Code == 0 || !strings.Contains(r.Stderr, "log recover --new") {
		return fmt.Errorf("log recover ended with %d: %s", r.Code, r.Stderr)
	}
	if r := d.run("log", "recover", "--new"); r.Code != 0 {
		return fmt.Errorf("log recover --new ended with %d: %s", r.Code, r.Stderr)
	}
	return nil
}
