package ledger

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/manifest"
)

// copyState is a backup of the state folder, or a clone of the dock.
func copyState(t *testing.T, b *bench) string {
	t.Helper()
	b.close()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	*b = *openBench(t, b.dir, b.identity)
	return dir
}

// scene is a dock that published 700 entries after a backup was made at 310,
// of which 300 were sealed.
func scene(t *testing.T) (b *bench, backup string, s *fakeShelf) {
	t.Helper()
	b, s = newBench(t), newShelf()
	b.add(300, true)
	b.publish(s)
	b.add(10, false)
	backup = copyState(t, b)
	b.add(90, true)
	b.add(300, true)
	b.publish(s)
	return b, backup, s
}

func TestAdopt(t *testing.T) {
	b, backup, s := scene(t)
	old := openBench(t, backup, b.identity)
	if err := old.Check(ctx, "s", s); !errors.Is(err, manifest.ErrForked) || !strings.Contains(err.Error(), "700") || !strings.Contains(err.Error(), "310") {
		t.Fatalf("check: %v", err)
	}
	next := int64(310)
	stop := errors.New("stop")
	replay := func(limit int64) Replay {
		return func(tx *Tx, e manifest.Entry, record []byte) error {
			if e.N == limit {
				return stop
			}
			if _, err := tx.Append(draft(0)); err == nil {
				t.Error("appended while the log is recovered")
			}
			if e.N != next || e.Record != "" && manifest.RecordDigest(record).String() != e.Record || e.Record == "" && record != nil {
				t.Errorf("replay of %d with record %s, want %d", e.N, record, next)
			}
			next++
			return nil
		}
	}
	if _, err := old.Adopt(ctx, s, replay(600)); !errors.Is(err, stop) || old.Size() != 310 {
		t.Fatalf("interrupted: %v, %d entries", err, old.Size())
	}
	old.checkAll()
	old = old.reopen()
	next = 310
	if size, err := old.Adopt(ctx, s, replay(-1)); err != nil || size != 700 || next != 700 {
		t.Fatalf("%d, %v, replayed up to %d", size, err, next)
	}
	if !bytes.Equal(old.Checkpoint(), b.Checkpoint()) {
		t.Error("another checkpoint than the published one")
	}
	if size, msg := old.Sealed(); size != 700 || !bytes.Equal(msg, b.Checkpoint()) {
		t.Errorf("%d are sealed", size)
	}
	_ = old.db.View(func(tx *bbolt.Tx) error {
		if n := tx.Bucket(bucketRecord).Inspect().KeyN; n != 0 {
			t.Errorf("%d records are staged still", n)
		}
		if n := tx.Bucket(bucketEntry).Inspect().KeyN; n != 700-512 {
			t.Errorf("%d entries are staged", n)
		}
		return nil
	})
	old.checkAll()
	old = old.reopen()
	old.checkAll()
	old.add(200, true)
	old.publish(s)
	if size := s.check(old); size != 900 {
		t.Errorf("%d published", size)
	}
	if size, err := old.Adopt(ctx, s, nil); err != nil || size != 900 {
		t.Errorf("nothing to adopt: %d, %v", size, err)
	}
	old.add(1, false)
	if size, err := old.Adopt(ctx, s, nil); err != nil || size != 901 {
		t.Errorf("ours is ahead: %d, %v", size, err)
	}
	old.checkAll()
}

// An empty state with the key takes the whole log.
func TestAdoptFromNothing(t *testing.T) {
	b, _, s := scene(t)
	fresh := openBench(t, t.TempDir(), b.identity)
	n := 0
	if size, err := fresh.Adopt(ctx, s, func(*Tx, manifest.Entry, []byte) error { n++; return nil }); err != nil || size != 700 || n != 700 {
		t.Fatalf("%d, %v, %d replayed", size, err, n)
	}
	fresh.checkAll()
}

func TestAdoptRefuses(t *testing.T) {
	none := func(*Tx, manifest.Entry, []byte) error { return nil }
	for name, c := range map[string]struct {
		change func(b, old *bench, s *fakeShelf)
		want   error
	}{
		"forked": {func(_, old *bench, _ *fakeShelf) { old.add(1, false) }, manifest.ErrForked},
		"other key": {func(b, _ *bench, s *fakeShelf) {
			s.files[manifest.KeyPath(b.Log())] = []byte("x")
		}, manifest.ErrForked},
		"no log":     {func(_, _ *bench, s *fakeShelf) { *s = *newShelf() }, ErrAbsent},
		"checkpoint": {func(b, _ *bench, s *fakeShelf) { s.files[manifest.CheckpointPath(b.Log())][50] ^= 1 }, manifest.ErrUntrusted},
		"entry": {func(b, _ *bench, s *fakeShelf) {
			s.files[manifest.LogPath(b.Log(), "tile/entries/002.p/188")][100] ^= 1
		}, manifest.ErrMalformed},
		"well-formed entry": {func(b, _ *bench, s *fakeShelf) {
			name := manifest.LogPath(b.Log(), "tile/entries/002.p/188")
			s.files[name] = bytes.Replace(s.files[name], []byte(`"size":600`), []byte(`"size":601`), 1)
		}, manifest.ErrMalformed},
		"bundle gone": {func(b, _ *bench, s *fakeShelf) {
			delete(s.files, manifest.LogPath(b.Log(), "tile/entries/001"))
		}, ErrAbsent},
	} {
		b, backup, s := scene(t)
		old := openBench(t, backup, b.identity)
		c.change(b, old, s)
		before := old.Size()
		same := func(_ *Tx, e manifest.Entry, _ []byte) error {
			if raw, err := b.Entry(e.N); err != nil || !bytes.Equal(raw, e.Raw) {
				t.Errorf("%s: replay of %s", name, e.Raw)
			}
			return nil
		}
		if size, err := old.Adopt(ctx, s, same); !errors.Is(err, c.want) {
			t.Errorf("%s: %d, %v", name, size, err)
		}
		if old.Size() != before {
			t.Errorf("%s: the log has %d entries instead of %d", name, old.Size(), before)
		}
		old.add(1, true)
		old.checkAll()
		old.close()
		b.close()
	}
	// Every tile that speaks of the entries taken is authenticated.
	for _, tile := range []string{"tile/0/002.p/188", "tile/0/001", "tile/1/000.p/2"} {
		b, backup, s := scene(t)
		old := openBench(t, backup, b.identity)
		s.files[manifest.LogPath(b.Log(), tile)][40] ^= 1
		if size, err := old.Adopt(ctx, s, none); err == nil {
			t.Errorf("%s: adopted %d", tile, size)
		}
		old.close()
		b.close()
	}
}

func TestAdoptErasedRecords(t *testing.T) {
	b, backup, s := scene(t)
	name := manifest.RecordPath(b.Log(), 402) // the first record of the last publishing
	lines := bytes.SplitAfter(s.files[name], []byte("\n"))
	if len(lines) < 3 {
		t.Fatalf("%d lines", len(lines))
	}
	s.files[name] = bytes.Join(lines[1:], nil)
	old := openBench(t, backup, b.identity)
	got := map[int64]bool{}
	_, err := old.Adopt(ctx, s, func(_ *Tx, e manifest.Entry, record []byte) error {
		got[e.N] = record != nil
		return nil
	})
	if err != nil || got[402] || !got[405] || !got[399] {
		t.Fatalf("402 %v, 405 %v, 399 %v: %v", got[402], got[405], got[399], err)
	}
	if _, err := old.Record(402); !errors.Is(err, ErrNoEntry) {
		t.Errorf("erased record: %v", err)
	}
	if _, err := old.Record(405); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(old.dir, name)); err != nil {
		t.Error(err)
	}
}
