package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
)

const allErase = "erase.begun, erase.ended, erase.stopped, clip.erased"

func erasings(t *testing.T, s *Station) string {
	t.Helper()
	return typesOf(listed(t, s, strings.Split(allErase, ", ")...))
}

// TestErase: a camera that stays in its bay is erased once its clips were read
// back and the log that says so is shown; announced before, entered after, and
// the bay says all the while that it may be taken.
func TestErase(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "DCIM/a.mp4", "DCIM/b.mp4", "LOG/day.log")
	size := int64(0)
	st := docked(t, s, cam, func(c *erasable) {
		c.before = func(string) error {
			if size == 0 {
				size = s.ledger.Size()
			}
			return nil
		}
	})
	st.erased(t, 3)
	if left, err := filepath.Glob(cam + "/*/*"); err != nil || len(left) != 0 {
		t.Errorf("still there: %v, %v", left, err)
	}
	all := listed(t, s, "erase.begun", "clip.erased")
	if got := typesOf(all); got != "erase.begun, clip.erased erased, clip.erased erased, clip.erased erased" {
		t.Fatalf("entries: %s", got)
	}
	if size <= all[0].N {
		t.Errorf("the first file went at entry %d, before %d announced it", size, all[0].N)
	}
	if n, _ := all[0].Fields.Int("count"); n != 3 || all[0].Fields.Str("device") != "c017" || all[0].Fields.Str("mode") != "after-confirmed" || all[0].Actor != "dock" {
		t.Errorf("erase.begun says %v", all[0].Fields)
	}
	record, err := s.ledger.Record(all[0].N)
	if err != nil || !strings.Contains(string(record), `"path":"DCIM/a.mp4"`) || strings.Contains(string(all[0].Raw), "DCIM") {
		t.Errorf("record %s, %v", record, err)
	}
	for _, e := range all[1:] {
		clip, err := s.Show(context.Background(), e.Fields.Str("clip"))
		if err != nil || clip.Leaf != e.Fields.Str("leaf") || clip.Custody[len(clip.Custody)-1].Type != "clip.erased" {
			t.Errorf("%v: %+v, %v", e.Fields, clip, err)
		}
	}
	b := st.d.bay.status()
	if !b.MayTake || b.State != BayDone || b.Erase.Left != 0 || b.Erase.Reason != "" {
		t.Errorf("bay %+v, %+v", b, b.Erase)
	}
	if st, err := s.Status(context.Background()); err != nil || len(st.Alarms) != 0 {
		t.Errorf("alarms %+v, %v", st.Alarms, err)
	}
}

// TestEraseWaits: a camera that comes before its clips are proved is erased by
// and by, as they are.
func TestEraseWaits(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("DCIM/%02d.mp4", i))
	}
	st := docked(t, s, filmed(t, names...), func(c *erasable) { c.early = true })
	st.erased(t, len(names))
	if gone := len(listed(t, s, "clip.erased")); gone != len(names) || st.card.told != gone {
		t.Errorf("%d entries, told %d times, %d files", gone, st.card.told, len(names))
	}
}

// TestNeverByDefault: without a word in the configuration nothing is asked of a
// camera, and nothing is said of it.
func TestNeverByDefault(t *testing.T) {
	o, _ := eraseOptions(t)
	o.Config.Erase = configs.Default().Erase
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4")
	st := docked(t, s, cam, nil)
	until(t, s, "read back", func(Status) bool { return len(listed(t, s, "clip.confirmed")) == 1 })
	published := s.ledger.Size()
	until(t, s, "published", func(st Status) bool { return st.Published >= published })
	st.take()
	if st.card.told != 0 || !exists(cam+"/a.mp4") || erasings(t, s) != "" || st.d.bay.status().Erase != nil {
		t.Errorf("told %d times, %s, %+v", st.card.told, erasings(t, s), st.d.bay.status().Erase)
	}
}

// TestOneShotNeverErases: a folder that somebody named is not the dock's to
// clear, whatever it is.
func TestOneShotNeverErases(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4")
	take(t, s, cam, clip.Tags{})
	c := openCard(t, cam)
	for _, want := range []wishes{{actor: "dock", oneshot: true}, {actor: "dock", drop: true}} {
		d := s.newDocking(c, s.newBay("x", "", cam, false), cam, want)
		if err := d.run(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.complete = true
		if len(d.claims) != 0 || d.judge(true).whole != whyUnable {
			t.Errorf("%+v: %v, %q", want, d.claims, d.judge(true).whole)
		}
	}
}

// TestChangedFile: bytes that changed after they were read are kept, alarmed
// about, and read whole at the next docking, also where no sample shows them.
func TestChangedFile(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4", "b.mp4")
	path := filepath.Join(cam, "a.mp4")
	content := bytes.Repeat([]byte("a"), 1<<20)
	write(t, path, string(content))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	fired := 0
	st := docked(t, s, cam, func(c *erasable) {
		c.before = func(name string) error {
			if name == "a.mp4" {
				fired++
				content[200_000]++ // between the samples
				write(t, path, string(content))
				return os.Chtimes(path, info.ModTime(), info.ModTime())
			}
			return nil
		}
	})
	st.erased(t, 1)
	if fired != 1 || st.card.told != 2 || !exists(path) {
		t.Fatalf("fired %d, told %d", fired, st.card.told)
	}
	got := until(t, s, "alarmed", func(st Status) bool { return len(st.Alarms) == 1 })
	if al := got.Alarms[0]; al.Code != "erase_differs" || al.Args[0] != "c017" {
		t.Errorf("alarm %+v", al)
	}
	if b := st.d.bay.status(); b.State != BayError || b.Remaining != 1 || !b.MayTake || b.Erase.Reason != string(whyChanged) {
		t.Errorf("bay %+v", b)
	}
	if got := erasings(t, s); got != "erase.begun, clip.erased erased, erase.ended" {
		t.Errorf("entries: %s", got)
	}
	st.take()
	st = docked(t, s, cam, nil)
	st.erased(t, 1)
	if n := len(listed(t, s, "clip.ingested")); n != 3 || exists(path) {
		t.Errorf("%d clips; the other bytes are a clip of their own", n)
	}
	until(t, s, "quiet", func(st Status) bool { return len(st.Alarms) == 0 })
}

// TestReadOnlyCamera: one that cannot be written is asked once a docking, keeps
// everything, and the bay says why.
func TestReadOnlyCamera(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4", "b.mp4", "c.mp4")
	locked := func(c *erasable) { c.before = func(string) error { return fmt.Errorf("ro: %w", device.ErrReadOnly) } }
	for docking := 1; docking <= 2; docking++ {
		st := docked(t, s, cam, locked)
		st.stays(t, whyReadOnly)
		size := s.ledger.Size()
		s.erasing.news.wake()
		until(t, s, "published", func(st Status) bool { return st.Published >= size })
		st.take()
		if st.card.told != 1 || s.ledger.Size() != size {
			t.Errorf("docking %d: told %d times, %d entries more", docking, st.card.told, s.ledger.Size()-size)
		}
		if b := st.d.bay.status(); !b.MayTake || b.State != BayDone || b.Erase.Left != 3 {
			t.Errorf("bay %+v", b)
		}
	}
	if got := erasings(t, s); got != "erase.begun, erase.ended, erase.begun, erase.ended" {
		t.Errorf("entries: %s", got)
	}
}

// TestProtectedFile: one that only the file system itself knows to be protected
// is asked for once a docking, and holds up no other.
func TestProtectedFile(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4", "b.mp4")
	st := docked(t, s, cam, func(c *erasable) {
		c.before = func(name string) error {
			if name == "a.mp4" {
				return fmt.Errorf("immutable: %w", device.ErrProtected)
			}
			return nil
		}
	})
	st.erased(t, 1)
	st.stays(t, whyProtected)
	s.erasing.news.wake()
	size := s.ledger.Size()
	until(t, s, "published", func(st Status) bool { return st.Published >= size })
	st.take()
	if got := erasings(t, s); st.card.told != 2 || got != "erase.begun, clip.erased erased, erase.ended" || !exists(cam+"/a.mp4") {
		t.Errorf("told %d times: %s", st.card.told, got)
	}
}

// TestFileBack: files that were erased and are back stop the erasing of their
// camera until an admin orders it, over a restart too.
func TestFileBack(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4", "b.mp4")
	st := docked(t, s, cam, nil)
	st.erased(t, 2)
	st.take()
	write(t, filepath.Join(cam, "a.mp4"), "bytes of a.mp4")
	for range 2 {
		st = docked(t, s, cam, nil)
		st.stays(t, whyBack)
		st.take()
		if st.card.told != 0 {
			t.Errorf("told %d times", st.card.told)
		}
	}
	if got := erasings(t, s); got != "erase.begun, clip.erased erased, clip.erased erased, erase.stopped" {
		t.Errorf("entries: %s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openErasing(t, o)
	s.patrol()
	if got := codes(t, s); len(got) != 1 || got[0] != "erase_back c017" {
		t.Errorf("alarms after a restart: %v", got)
	}
	st = docked(t, s, cam, nil)
	st.stays(t, whyBack)
	res, err := s.EraseDevice(context.Background(), EraseOrder{Device: "c017", Reason: "card was faulty", Actor: "admin"})
	if err != nil || res.Erased != 1 || len(res.Left) != 0 || exists(cam+"/a.mp4") {
		t.Errorf("%+v, %v", res, err)
	}
	until(t, s, "quiet", func(st Status) bool { return len(st.Alarms) == 0 })
	begun := listed(t, s, "erase.begun")
	last := begun[len(begun)-1]
	if record, err := s.ledger.Record(last.N); err != nil || last.Actor != "admin" || !strings.Contains(string(record), "card was faulty") {
		t.Errorf("%v %s, %v", last.Fields, record, err)
	}
	if n := len(listed(t, s, "clip.ingested")); n != 2 {
		t.Errorf("%d clips", n)
	}
}

// TestBackAtOnce: a camera that says a file is gone and shows it still is
// believed in nothing more.
func TestBackAtOnce(t *testing.T) {
	o, _ := eraseOptions(t)
	s := openErasing(t, o)
	cam := filmed(t, "a.mp4", "b.mp4")
	st := docked(t, s, cam, func(c *erasable) {
		c.after = func(name string) error {
			return os.WriteFile(filepath.Join(cam, name), []byte("bytes of "+name), 0o600)
		}
	})
	st.stays(t, whyBack)
	if got := erasings(t, s); got != "erase.begun, erase.ended, erase.stopped" || st.card.told != 1 {
		t.Errorf("told %d times: %s", st.card.told, got)
	}
}

// TestManual: nothing goes before an admin says so, and then what may.
func TestManual(t *testing.T) {
	o, _ := eraseOptions(t)
	o.Config.Erase.Mode = configs.EraseManual
	s := openErasing(t, o)
	order := EraseOrder{Device: "c017", Reason: "handed back", Actor: "admin"}
	if _, err := s.EraseDevice(context.Background(), order); !errors.Is(err, ErrNoCamera) {
		t.Errorf("no camera is docked: %v", err)
	}
	cam := filmed(t, "a.mp4", "b.mp4")
	if err := os.Chmod(cam+"/b.mp4", 0o444); err != nil {
		t.Fatal(err)
	}
	st := docked(t, s, cam, nil)
	st.stays(t, whyManual)
	if st.card.told != 0 {
		t.Errorf("told %d times", st.card.told)
	}
	if _, err := s.EraseDevice(context.Background(), EraseOrder{Device: "c017", Actor: "admin"}); err == nil {
		t.Error("erased without a reason")
	}
	res, err := s.EraseDevice(context.Background(), order)
	if err != nil || res.Erased != 1 || len(res.Left) != 1 || res.Left[0] != (EraseLeft{string(whyProtected), 1}) {
		t.Errorf("%+v, %v", res, err)
	}
	st.take()
	if _, err := s.EraseDevice(context.Background(), order); !errors.Is(err, ErrNoCamera) {
		t.Errorf("it was taken out: %v", err)
	}
}
