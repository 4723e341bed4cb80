package ingest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
)

// TestUnplugInErase: a camera that leaves in the middle is asked at its next
// docking what it did, in another bay too: the entry says what was found, and
// the rest goes then. One that is not known for certain, or was not listed to
// its end, is no answer.
func TestUnplugInErase(t *testing.T) {
	o, v := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4", "b.mp4", "c.mp4")
	fired := 0
	st := docked(t, s, cam, func(c *erasable) {
		c.after = func(string) error {
			if c.told == 2 {
				fired++
				return fmt.Errorf("no answer: %w", device.ErrGone)
			}
			return nil
		}
	})
	st.stays(t, whyGone)
	st.take()
	if got := erasings(t, s); fired != 1 || got != "erase.begun, clip.erased erased, erase.ended" {
		t.Fatalf("fired %d: %s", fired, got)
	}
	sure := s.erasing.certain
	for _, certain := range []bool{true, false} {
		s.erasing.certain = func(*docking) bool { return certain }
		d := s.newDocking(openCard(t, cam), s.newBay("x", "", cam, false), cam, wishes{actor: "dock"})
		if err := d.run(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.complete = !certain
		if f, err := d.findErased(context.Background()); err != nil || len(f.gone)+len(f.there)+len(f.back) != 0 {
			t.Errorf("certain %t, complete %t: %+v, %v", certain, !certain, f, err)
		}
	}
	s.erasing.certain = sure
	st = docked(t, s, cam, nil)
	st.erased(t, 1)
	if got := erasings(t, s); got != "erase.begun, clip.erased erased, erase.ended, clip.erased found_gone, erase.begun, clip.erased erased" {
		t.Errorf("entries: %s", got)
	}
	clips := map[string]bool{}
	for _, e := range listed(t, s, "clip.erased") {
		clips[e.Fields.Str("clip")] = true
	}
	if len(clips) != 3 || len(listed(t, s, "clip.ingested")) != 3 || len(v.objects) != 3 {
		t.Errorf("%d erased, %d ingested, %d uploads", len(clips), len(listed(t, s, "clip.ingested")), len(v.objects))
	}
}

// TestUnansweredIsThere: a file that the camera was told to erase and that is on
// it still is judged anew; one whose name another file has now is gone.
func TestUnansweredIsThere(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4", "b.mp4")
	fail := func(c *erasable) { c.before = func(string) error { return fmt.Errorf("no answer: %w", unix.EIO) } }
	for _, next := range []string{"a.mp4", "b.mp4"} {
		st := docked(t, s, cam, fail)
		st.stays(t, whyFailed)
		st.take()
		if next == "b.mp4" {
			break
		}
		write(t, filepath.Join(cam, next), "another clip") // the camera's counter began anew
	}
	begun := "erase.begun, erase.ended"
	if got := erasings(t, s); got != begun+", clip.erased found_gone, "+begun {
		t.Errorf("entries: %s", got)
	}
	st := docked(t, s, cam, nil)
	st.erased(t, 2)
	if got := erasings(t, s); got != begun+", clip.erased found_gone, "+begun+", erase.ended, erase.begun, clip.erased erased, clip.erased erased" {
		t.Errorf("entries: %s", got)
	}
}

// TestTakenBeforeErase: a camera that was taken after its clips were proved is
// erased at its next docking, without another upload or entry.
func TestTakenBeforeErase(t *testing.T) {
	o, v := eraseOptions(t)
	o.Config.Erase.Mode = configs.EraseNever
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4", "b.mp4")
	docked(t, s, cam, nil).take()
	cfg := *s.conf()
	cfg.Erase.Mode = configs.EraseAfterConfirmed
	s.cfg.Store(&cfg)
	size := s.ledger.Size()
	docked(t, s, cam, nil).erased(t, 2)
	if got := typesOf(listed(t, s, "clip.ingested", "clip.stored", "clip.confirmed")); strings.Count(got, ",") != 5 || len(v.objects) != 2 {
		t.Errorf("%d uploads: %s", len(v.objects), got)
	}
	if n := s.ledger.Size() - size; n != 5 { // opened, closed, begun, two erased
		t.Errorf("%d entries", n)
	}
}

const (
	killEnv  = "CUSTODOCK_TEST_ERASE_KILL" // the step at which the child kills itself
	killDirs = "CUSTODOCK_TEST_ERASE_DIRS" // state, store and camera
)

// killOptions are those of the docks of parent and child.
func killOptions(t *testing.T, state, archive string) Options {
	t.Helper()
	o, _ := eraseOptions(t)
	o.OpenStore, o.State = openDir, state
	o.Config.Stores = []configs.Store{storeAt("file://" + archive)}
	return o
}

// TestEraseChild is the process that is killed; alone it does nothing.
func TestEraseChild(t *testing.T) {
	step := os.Getenv(killEnv)
	if step == "" {
		return
	}
	dirs := strings.Split(os.Getenv(killDirs), "\n")
	s := openErasing(t, killOptions(t, dirs[0], dirs[1]))
	die := func(when bool) {
		if when {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
	st := docked(t, s, dirs[2], func(c *erasable) {
		c.before = func(string) error { die(step == "announced"); return nil }
		c.after = func(string) error { die(step == "second gone" && c.told == 2); return nil }
		c.opened = func(string) { die(step == "all gone" && c.told == 3) }
	})
	st.erased(t, 3)
	die(step == "entered")
}

// TestEraseKilled: a dock that is killed at any step says of no file that it is
// gone which is not, erased none that it had not announced, and finds the rest
// out at the next docking. Each clip is ingested and erased once.
func TestEraseKilled(t *testing.T) {
	for step, want := range map[string]string{
		"announced":   "0 found, 3 erased",
		"second gone": "2 found, 1 erased",
		"all gone":    "3 found, 0 erased",
		"entered":     "0 found, 3 erased",
	} {
		t.Run(step, func(t *testing.T) {
			state, archive, cam := filepath.Join(t.TempDir(), "state"), filepath.Join(otherDisk(t), "store"), filmed(t, "a.mp4", "b.mp4", "c.mp4")
			child := exec.Command("/proc/self/exe", "-test.run=^TestEraseChild$")
			child.Env = append(os.Environ(), killEnv+"="+step, killDirs+"="+strings.Join([]string{state, archive, cam}, "\n"), "TMPDIR="+t.TempDir())
			out, err := child.CombinedOutput()
			if ws, ok := child.ProcessState.Sys().(syscall.WaitStatus); err == nil || !ok || ws.Signal() != syscall.SIGKILL {
				t.Fatalf("it was not killed: %v\n%s", err, out)
			}
			s := openErasing(t, killOptions(t, state, archive))
			there, _ := filepath.Glob(cam + "/*")
			said := len(listed(t, s, "clip.erased"))
			if said > 3-len(there) {
				t.Errorf("%d files are said to be gone, %d are there", said, len(there))
			}
			if len(there) < 3 && len(listed(t, s, "erase.begun")) == 0 {
				t.Error("files are gone that were not announced")
			}
			docked(t, s, cam, nil)
			until(t, s, "all erased", func(Status) bool { return len(listed(t, s, "clip.erased")) == 3 })
			found, erased, seen := 0, 0, map[string]bool{}
			for _, e := range listed(t, s, "clip.erased") {
				seen[e.Fields.Str("clip")] = true
				if e.Fields.Str("result") == erasedGone {
					found++
				} else {
					erased++
				}
			}
			if got := fmt.Sprintf("%d found, %d erased", found, erased); got != want || len(seen) != 3 {
				t.Errorf("%s of %d clips, want %s", got, len(seen), want)
			}
			if there, _ := filepath.Glob(cam + "/*"); len(there) != 0 || len(listed(t, s, "clip.ingested")) != 3 {
				t.Errorf("%v left, %d clips", there, len(listed(t, s, "clip.ingested")))
			}
		})
	}
}

// TestTwoVolumes: what one card of a camera was told to erase says nothing of
// another card with the same names on it.
func TestTwoVolumes(t *testing.T) {
	o, _ := eraseOptions(t)
	o.Config.Devices[0].Match = configs.Match{Serial: "A1B2"}
	s := openErasing(t, o)
	cam, second := filmed(t, "a.mp4", "b.mp4"), filmed(t, "a.mp4")
	st := docked(t, s, cam, func(c *erasable) {
		c.after = func(string) error {
			if c.told == 2 {
				return device.ErrGone
			}
			return nil
		}
	})
	st.stays(t, whyGone)
	st.take()
	other := func(c *erasable) { c.ids[0].Value = "OTHER-1" }
	st = docked(t, s, second, other)
	st.erased(t, 1)
	st.take()
	if got := erasings(t, s); got != "erase.begun, clip.erased erased, erase.ended, erase.begun, clip.erased erased" {
		t.Errorf("entries: %s", got)
	}
	docked(t, s, cam, nil)
	until(t, s, "found", func(Status) bool { return strings.HasSuffix(erasings(t, s), "found_gone") })
}
