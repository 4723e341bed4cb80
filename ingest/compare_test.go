package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/hash"
)

// meddled is a folder that somebody writes to between the two looks: do runs
// before the second listing.
type meddled struct {
	device.Tree
	scans int
	do    func()
}

func (m *meddled) Scan(ctx context.Context, fn func(device.File) error) (device.Scan, error) {
	if m.scans++; m.scans == 2 {
		m.do()
	}
	return m.Tree.Scan(ctx, fn)
}

// closing returns the record of the last docking.closed.
func closing(t *testing.T, s *Station) closedRecord {
	t.Helper()
	all := listed(t, s, "docking.closed")
	raw, err := s.ledger.Record(all[len(all)-1].N)
	okay(t, err)
	var rec closedRecord
	okay(t, json.Unmarshal(raw, &rec))
	if same := all[len(all)-1].Fields.Bool("same"); same != rec.Same {
		t.Errorf("the entry says same %v, its record %v", same, rec.Same)
	}
	return rec
}

// TestSourceChanged: whatever of a camera is not at the end what it was at the
// beginning is said, file by file, and an alarm is raised; a camera that stays
// as it was ends it.
func TestSourceChanged(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"size.mp4", "time.mp4", "bytes.mp4", "middle.mp4", "gone.mp4", "same.mp4", "unread.mp4"} {
		write(t, at(name), string(bytes.Repeat([]byte(name), 50_000)))
	}
	mtime := func(name string) time.Time {
		info, err := os.Stat(at(name))
		okay(t, err)
		return info.ModTime()
	}
	folder, err := device.Open(dir)
	okay(t, err)
	defer func() { _ = folder.Close() }()
	s := openStation(t, testOptions(t))
	run := func(do func()) {
		t.Helper()
		d := s.newDocking(&meddled{Tree: folder, do: do}, s.newBay("bay-1", "bay-1", dir, false), dir, wishes{actor: "dock"})
		okay(t, d.run(t.Context()))
	}
	run(func() {
		when := mtime("size.mp4")
		okay(t, os.Truncate(at("size.mp4"), 5), os.Chtimes(at("size.mp4"), time.Time{}, when))
		okay(t, os.Chtimes(at("time.mp4"), time.Time{}, time.Unix(5, 0)))
		patch(t, at("bytes.mp4"), 5, mtime("bytes.mp4"))
		patch(t, at("middle.mp4"), 225_000, mtime("middle.mp4"))
		patch(t, at("same.mp4"), 70_000, mtime("same.mp4")) // in no sample
		okay(t, os.Remove(at("gone.mp4")))
		write(t, at("new.mp4"), "new")
	})
	rec := closing(t, s)
	slices.SortFunc(rec.Changed, func(a, b changed) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) })
	want := []changed{
		{Path: "bytes.mp4", What: []string{"bytes"}}, {Path: "gone.mp4", What: []string{"missing"}}, {Path: "middle.mp4", What: []string{"bytes"}},
		{Path: "new.mp4", What: []string{"new"}}, {Path: "size.mp4", What: []string{"size"}}, {Path: "time.mp4", What: []string{"mtime"}},
	}
	if diff := cmp.Diff(want, rec.Changed); diff != "" || rec.Same || len(rec.Before) != 7 || len(rec.Missing) != 1 || len(rec.After) != 3 {
		t.Errorf("record %+v: %s", rec, diff)
	}
	if al, stands := s.alarms.about("source_changed", "bay-1"); !stands {
		t.Errorf("no alarm but %+v", al)
	}
	if b := s.bayStatus()[0]; b.State != BayError || b.Failed != 5 {
		t.Errorf("bay %+v", b)
	}
	run(func() {})
	if rec = closing(t, s); !rec.Same || len(rec.Changed) != 0 {
		t.Errorf("a camera that stayed as it was: %+v", rec)
	}
	if _, stands := s.alarms.about("source_changed", "bay-1"); stands {
		t.Error("the alarm stays")
	}
}

// TestGoneAtTheEnd: a camera that goes before the second look is not one whose
// files are missing.
func TestGoneAtTheEnd(t *testing.T) {
	cam, _ := camera(t, nil)
	folder, err := device.Open(cam.Mountpoint)
	okay(t, err)
	defer func() { _ = folder.Close() }()
	s := openStation(t, testOptions(t))
	d := s.newDocking(&meddled{Tree: folder, do: cam.Unplug}, s.newBay("bay-1", "bay-1", "x", false), "x", wishes{actor: "dock"})
	okay(t, d.run(t.Context()))
	if rec := closing(t, s); rec.Same || rec.Changed != nil || rec.Missing != nil || rec.Problem == "" {
		t.Errorf("record %+v", rec)
	}
	if _, stands := s.alarms.about("source_changed", "bay-1"); stands {
		t.Error("alarmed")
	}
}

// TestHangsAtTheEnd: a camera that hangs in the second look says so.
func TestHangsAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.mp4"), "clip")
	folder, err := device.Open(dir)
	okay(t, err)
	defer func() { _ = folder.Close() }()
	s := openStation(t, testOptions(t))
	b := &broken{Tree: folder}
	tree := &meddled{Tree: b, do: func() { b.lose = func() error { return device.ErrHangs } }}
	d := s.newDocking(tree, s.newBay("bay-1", "bay-1", dir, false), dir, wishes{actor: "dock"})
	if err := d.run(t.Context()); !errors.Is(err, device.ErrHangs) {
		t.Errorf("ended with %v", err)
	}
	all := listed(t, s, "docking.closed")
	if end := all[0].Fields.Str("end"); end != "hung" || s.bayStatus()[0].State != BayHangs {
		t.Errorf("ended %q, bay %+v", end, s.bayStatus()[0])
	}
}

// TestSampler: the samples of bytes that pass by are those that are read, for
// every size about which the places of the samples change.
func TestSampler(t *testing.T) {
	data := make([]byte, 900_000)
	for i := range data {
		data[i] = byte(i * i >> 5)
	}
	for _, size := range []int{0, 1, sampleSize - 1, sampleSize, sampleSize + 1, 2 * sampleSize, 3*sampleSize - 1, 3 * sampleSize, 3*sampleSize + 1, 800_000} {
		want, pieces := clip.Digest(sha256.Sum256(data[:size])), []int{size}
		if disjoint(int64(size)) {
			var err error
			want, err = sample(bytes.NewReader(data[:size]), int64(size))
			okay(t, err)
			pieces = append(pieces, 1000, sampleSize, 100_001)
			if _, err := sample(bytes.NewReader(data[:size-1]), int64(size)); err == nil {
				t.Errorf("%d bytes of %d were sampled", size-1, size)
			}
		}
		for _, piece := range pieces {
			s, whole := newSampler(int64(size)), clip.Digest(sha256.Sum256(data[:size]))
			for rest := data[:size]; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
				if s != nil {
					_, _ = s.Write(rest[:min(piece, len(rest))])
				}
			}
			if s.sum(whole) != want {
				t.Errorf("%d bytes in pieces of %d: other samples", size, piece)
			}
		}
		for _, at := range []int{0, 100, sampleSize, 300_000, 440_000, 799_999} {
			if !disjoint(int64(size)) || at > size {
				continue
			}
			s := newSampler(int64(size))
			okay(t, s.skip(bytes.NewReader(data[:at]), int64(at)))
			_, _ = s.Write(data[at:size])
			if s.sum(clip.Digest{}) != want {
				t.Errorf("%d bytes read on at %d: other samples", size, at)
			}
		}
	}
}

// TestSampleWhole: a small file is looked at whole, as it was listed.
func TestSampleWhole(t *testing.T) {
	dir := t.TempDir()
	tree, err := device.Open(dir)
	okay(t, err)
	t.Cleanup(func() { _ = tree.Close() })
	for _, size := range []int{0, 1, 70_000, 3*sampleSize - 1} {
		data := strings.Repeat("x", size)
		write(t, filepath.Join(dir, "a"), data)
		if got, err := sampleWhole(tree, "a", int64(size)); err != nil || got != sha256.Sum256([]byte(data)) {
			t.Errorf("%d bytes: %v, %v", size, got, err)
		}
		var read *hash.ReadError
		if got, err := sampleWhole(tree, "a", int64(size)+1); !errors.As(err, &read) {
			t.Errorf("%d bytes of %d: %v, %v", size, size+1, got, err)
		}
	}
	write(t, filepath.Join(dir, "a"), strings.Repeat("x", 3*sampleSize))
	if got, err := sampleWhole(tree, "a", 10); err != nil || got != (clip.Digest{}) {
		t.Errorf("a file that grew: %v, %v", got, err)
	}
}
