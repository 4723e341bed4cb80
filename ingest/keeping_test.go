package ingest

import (
	"fmt"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/profile"
)

// placed reads so many files of an open docking and gives them their place in
// the spool.
func placed(t *testing.T, s *Station, files int) (*docking, []*taken) {
	t.Helper()
	dir := t.TempDir()
	for i := range files {
		write(t, filepath.Join(dir, fmt.Sprintf("%03d.mp4", i)), fmt.Sprint("clip ", i))
	}
	folder, err := device.Open(dir)
	okay(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	d := s.newDocking(folder, s.newBay("bay-1", "bay-1", dir, false), dir, wishes{actor: "dock"})
	okay(t, d.scan(t.Context()), d.open(t.Context()))
	var all []*taken
	for _, f := range d.files {
		g, err := d.read(t.Context(), f)
		okay(t, err)
		d.slots <- struct{}{}
		clip, err := d.place(f, profile.Facts{}, g)
		okay(t, err)
		all = append(all, clip)
	}
	if len(all) != files {
		t.Fatalf("%d of %d files were placed", len(all), files)
	}
	return d, all
}

// transactions is how many wrote to the database of s so far.
func transactions(t *testing.T, s *Station) (n int) {
	t.Helper()
	okay(t, s.db.View(func(tx *bbolt.Tx) error { n = tx.ID(); return nil }))
	return n
}

// TestClipsAreEnteredTogether: clips that wait at the same time cost one sync and
// one transaction, and the entries are theirs.
func TestClipsAreEnteredTogether(t *testing.T) {
	s := openStation(t, testOptions(t))
	d, all := placed(t, s, 100)
	before := transactions(t, s)
	okay(t, d.finish(t.Context(), all, true))
	if n := transactions(t, s) - before; n != 1 {
		t.Errorf("%d transactions for %d clips", n, len(all))
	}
	entries := listed(t, s, "clip.ingested")
	if len(entries) != len(all) || len(d.slots) != 0 {
		t.Fatalf("%d entries for %d clips, %d slots are taken", len(entries), len(all), len(d.slots))
	}
	for i, e := range entries {
		if t1 := all[i]; t1.n != e.N || e.Fields.Str("sha256") != t1.digest().String() || t1.f.outcome != StateRecorded {
			t.Errorf("clip %d: entry %d of %v, outcome %q", t1.n, e.N, e.Fields, t1.f.outcome)
		}
	}
}

// TestOneThatCannotBeEntered: it keeps out no other, and its bytes do not stay.
func TestOneThatCannotBeEntered(t *testing.T) {
	s := openStation(t, testOptions(t))
	d, all := placed(t, s, 5)
	bad := all[2]
	bad.actor = "" // no entry is without
	okay(t, d.finish(t.Context(), all, true))
	if n := len(listed(t, s, "clip.ingested")); n != len(all)-1 || d.counts.Failed != 1 || bad.f.outcome != StateFailed {
		t.Errorf("%d entries, %d failed, outcome %q", n, d.counts.Failed, bad.f.outcome)
	}
	for _, clip := range all {
		if there := isFile(s.spool.path(clip.digest())); there == (clip == bad) {
			t.Errorf("%s: in the spool: %v", clip.f.Path, there)
		}
	}
	if len(d.slots) != 0 || len(s.spool.held) != 0 {
		t.Errorf("%d slots and %d digests are held", len(d.slots), len(s.spool.held))
	}
}

// TestNoneIsSynced: a sync of the spool that fails keeps every clip that waited for
// it from being entered; all are to be copied again, by another handle.
func TestNoneIsSynced(t *testing.T) {
	s := openStation(t, testOptions(t))
	d, all := placed(t, s, 5)
	broken := s.spool.syncer
	okay(t, broken.Close())
	okay(t, d.finish(t.Context(), all, false))
	if n := len(listed(t, s, "clip.ingested")); n != 0 || len(d.retry) != len(all) {
		t.Errorf("%d entries, %d files to be copied again", n, len(d.retry))
	}
	if s.spool.syncer == broken || len(s.spool.broken) != 1 {
		t.Errorf("%d handles are broken", len(s.spool.broken))
	}
	if left, err := s.spool.files(); err != nil || len(left) != 0 {
		t.Errorf("%d files stay in the spool (%v)", len(left), err)
	}
}
