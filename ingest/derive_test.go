package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/internal/testbench"
)

// derived enters content as made from a clip.
func derived(t *testing.T, s *Station, of, content string, change func(*DeriveRequest)) (DerivedView, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.mp4")
	write(t, path, content)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	r := DeriveRequest{
		Clip: of, File: f, Name: "made.mp4", Kind: "redacted", Tool: "blur", Reason: "third persons", Actor: "admin", Wait: time.Minute,
	}
	if change != nil {
		change(&r)
	}
	v, err := s.Derive(context.Background(), r)
	if _, open := f.Stat(); !errors.Is(open, os.ErrClosed) {
		t.Error("the file was left open")
	}
	return v, err
}

// types are those of the entries that are known of a clip.
func types(t *testing.T, s *Station, name string) (out []string) {
	t.Helper()
	d, err := s.Show(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range d.Custody {
		out = append(out, c.Type)
	}
	return out
}

func TestDerive(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "the original")
	_, results := take(t, s, cam, clip.Tags{})
	of := results["a.mp4"].Clip
	from, to := int64(500), int64(1500)
	made, err := derived(t, s, of, "blurred", func(r *DeriveRequest) { r.FromMS, r.ToMS = &from, &to })
	if err != nil || made.State != StateStored || made.Clip != of {
		t.Fatalf("%+v, %v", made, err)
	}
	want := []string{"clip.ingested", "clip.stored", "clip.derived", "derived.stored"}
	if d := cmp.Diff(want, types(t, s, of)); d != "" {
		t.Error(d)
	}
	d, err := s.Show(context.Background(), of)
	if err != nil || len(d.Derived) != 1 || cmp.Diff(made, d.Derived[0]) != "" || *made.FromMS != from {
		t.Errorf("%+v, %v", d.Derived, err)
	}
	size := s.ledger.Size()
	if again, err := derived(t, s, of, "blurred", nil); err != nil || again.Entry != made.Entry || s.ledger.Size() != size {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	if other, err := derived(t, s, of, "blurred", func(r *DeriveRequest) { r.Kind = "transcode" }); err != nil || other.Entry == made.Entry {
		t.Errorf("another kind: %+v, %v", other, err)
	}
	// A camera that has the same bytes made them by itself.
	more := t.TempDir()
	write(t, filepath.Join(more, "b.mp4"), "blurred")
	_, results = take(t, s, more, clip.Tags{})
	if b, err := s.Show(context.Background(), results["b.mp4"].Clip); err != nil || b.SameAs != "" {
		t.Errorf("same as %q, %v", b.SameAs, err)
	}
	count := 0
	err = s.Clips(context.Background(), Filter{}, func(ClipView) error { count++; return nil })
	if err != nil || count != 2 {
		t.Errorf("%d clips, %v", count, err)
	}
	if _, err := s.Show(context.Background(), made.Entry); !errors.Is(err, ErrNoClip) {
		t.Errorf("it is a clip: %v", err)
	}
	until(t, s, "let go", func(Status) bool { return spoolFiles(t, s) == 0 })
}

func TestDeriveRefuses(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "the original")
	_, results := take(t, s, cam, clip.Tags{})
	of := results["a.mp4"].Clip
	five, two := int64(5), int64(2)
	size := s.ledger.Size()
	for name, change := range map[string]func(*DeriveRequest){
		"kind":     func(r *DeriveRequest) { r.Kind = "blurred" },
		"tool":     func(r *DeriveRequest) { r.Tool = "" },
		"reason":   func(r *DeriveRequest) { r.Reason = "" },
		"interval": func(r *DeriveRequest) { r.FromMS, r.ToMS = &five, &two },
		"half":     func(r *DeriveRequest) { r.FromMS = &five },
		"clip":     func(r *DeriveRequest) { r.Clip = "dtest1-0" },
	} {
		if v, err := derived(t, s, of, "blurred", change); err == nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v, err := derived(t, s, of, "the original", nil); err == nil || !strings.Contains(err.Error(), "nothing was derived") {
		t.Errorf("the original itself: %+v, %v", v, err)
	}
	if s.ledger.Size() != size || spoolFiles(t, s) != 0 {
		t.Errorf("%d entries more, %d files", s.ledger.Size()-size, spoolFiles(t, s))
	}
}

// What may not survive a power cut is not entered.
func TestDerivedIsDurableFirst(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "the original")
	_, results := take(t, s, cam, clip.Tags{})
	of := results["a.mp4"].Clip
	until(t, s, "let go", func(Status) bool { return spoolFiles(t, s) == 0 })
	if err := s.spool.syncer.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := derived(t, s, of, "blurred", nil); !errors.Is(err, errSync) {
		t.Fatalf("after a failed sync: %+v, %v", v, err)
	}
	if got := types(t, s, of); slices.Contains(got, "clip.derived") || spoolFiles(t, s) != 0 {
		t.Errorf("it was entered, or is in the spool: %q", got)
	}
	if v, err := derived(t, s, of, "blurred", nil); err != nil || v.State != StateStored {
		t.Errorf("again: %+v, %v", v, err)
	}
	s.spool.broken = nil // it is closed already
}

func TestDerivedFileMustKeepStill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made.mp4")
	write(t, path, "blurred")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	before, err := f.Stat()
	if err != nil || settled(f, before, before.Size()) != nil {
		t.Fatal(err)
	}
	if err := settled(f, before, before.Size()-1); !errors.Is(err, ErrUnstable) {
		t.Errorf("short: %v", err)
	}
	write(t, path, "blurred more")
	if err := settled(f, before, before.Size()); !errors.Is(err, ErrUnstable) {
		t.Errorf("it grew: %v", err)
	}
}

// A published log tells a new dock of derived files, and a store that joins gets
// them too.
func TestDerivedIsAdopted(t *testing.T) {
	o, cam := archived(t)
	s := openStation(t, o)
	_, results := take(t, s, cam, clip.Tags{})
	var of string
	for _, r := range results {
		of = r.Clip
	}
	made, err := derived(t, s, of, "blurred", nil)
	if err != nil {
		t.Fatal(err)
	}
	read := &scrubber{s: s, c: s.centrals()[0], pool: hash.NewPool(2), rate: rate.NewLimiter(rate.Inf, scrubBurst)}
	for range 4 {
		if err := read.one(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	before := types(t, s, of)
	if !slices.Contains(before, "derived.confirmed") {
		t.Errorf("not read back: %q", before)
	}
	if err := s.publishNow(context.Background()); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(o.State, "key"))
	if err != nil {
		t.Fatal(err)
	}
	o.State = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.State, "key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(context.Background(), o, RecoverOptions{}); err != nil {
		t.Fatal(err)
	}
	s = openStation(t, o)
	if d := cmp.Diff(before, types(t, s, of)); d != "" {
		t.Error(d)
	}
	s.startWork()
	until(t, s, "in both stores", func(Status) bool {
		d, err := s.Show(context.Background(), of)
		return err == nil && len(d.Derived) == 1 && d.Derived[0].Entry == made.Entry && len(d.Derived[0].Stores) == len(o.Config.Stores)
	})
}

// TestDeriveMakesRoom: on a full disk clips that are only kept make room for what is
// derived, as they do for a camera.
func TestDeriveMakesRoom(t *testing.T) {
	disk, o := onDisk(t, 64)
	o.Config.Stores = append(o.Config.Stores, storeAt("file://"+filepath.Join(t.TempDir(), "archive")))
	o.Config.Keep = configs.Keep{Days: 3, Percent: 99}
	s := openStation(t, o)
	cam := t.TempDir()
	files := testbench.Clips(t, cam, 3, 6<<20, 7)
	_, results := take(t, s, cam, clip.Tags{})
	disk.Fill(3 << 20)
	if err := s.spool.room(8 << 20); !errors.Is(err, ErrFull) {
		t.Fatalf("there is room: %v", err)
	}
	if _, err := derived(t, s, results[files[0].Name].Clip, strings.Repeat("x", 8<<20), nil); err != nil {
		t.Error(err)
	}
}
