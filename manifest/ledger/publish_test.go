package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

var (
	errRefused = errors.New("refused")
	errLost    = errors.New("answer lost")
	errOther   = errors.New("exists with other bytes")
)

// fakeShelf is a store in memory that fails when told to.
type fakeShelf struct {
	mu     sync.Mutex
	files  map[string][]byte
	vers   map[string]int
	writes int
	// fault is asked before each write, counted from 1.
	fault func(n int, name string) error
	reads func(name string) error
}

func newShelf() *fakeShelf {
	return &fakeShelf{files: map[string][]byte{}, vers: map[string]int{}}
}

func (s *fakeShelf) clone() *fakeShelf {
	c := newShelf()
	for k, v := range s.files {
		c.files[k], c.vers[k] = bytes.Clone(v), s.vers[k]
	}
	return c
}

// write applies fn unless the fault refuses it; a lost answer is applied.
func (s *fakeShelf) write(name string, fn func() error) error {
	s.writes++
	var fault error
	if s.fault != nil {
		fault = s.fault(s.writes, name)
	}
	if errors.Is(fault, errRefused) {
		return fault
	}
	return errors.Join(fn(), fault)
}

func (s *fakeShelf) Create(_ context.Context, name string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(name, func() error {
		if old, there := s.files[name]; there && !bytes.Equal(old, data) {
			return fmt.Errorf("%s: %w", name, errOther)
		}
		s.files[name] = bytes.Clone(data)
		return nil
	})
}

func (s *fakeShelf) Replace(_ context.Context, name string, data []byte, old string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.write(name, func() error {
		have := ""
		if _, there := s.files[name]; there {
			have = strconv.Itoa(s.vers[name])
		}
		if have != old {
			return errors.New("changed by another writer")
		}
		s.vers[name]++
		s.files[name] = bytes.Clone(data)
		return nil
	})
	return strconv.Itoa(s.vers[name]), err
}

func (s *fakeShelf) Read(_ context.Context, name string) ([]byte, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reads != nil {
		if err := s.reads(name); err != nil {
			return nil, "", err
		}
	}
	data, there := s.files[name]
	if !there {
		return nil, "", fmt.Errorf("%s: %w", name, ErrAbsent)
	}
	return bytes.Clone(data), strconv.Itoa(s.vers[name]), nil
}

// check verifies the shelf from its files alone and returns its size. It holds
// at every moment, however a publishing was interrupted.
func (s *fakeShelf) check(b *bench) int64 {
	b.t.Helper()
	msg, there := s.files[manifest.CheckpointPath(b.Log())]
	if !there {
		return 0
	}
	if got := string(s.files[manifest.KeyPath(b.Log())]); got != b.vkey+"\n" {
		b.t.Fatalf("key is %q", got)
	}
	c, err := manifest.OpenCheckpoint(msg, b.Origin(), b.verifier(b.t))
	if err != nil {
		b.t.Fatal(err)
	}
	read := func(path string) ([]byte, error) {
		data, _, err := s.Read(context.Background(), manifest.LogPath(b.Log(), path))
		return data, err
	}
	records := map[string]bool{}
	for name, data := range s.files {
		if strings.HasPrefix(name, "record/") {
			for line := range bytes.Lines(data) {
				records[manifest.RecordDigest(bytes.TrimSuffix(line, []byte("\n"))).String()] = true
			}
		}
	}
	tree := manifest.HashReader(c, read)
	for start := int64(0); start < c.Size; start += manifest.TileWidth {
		w := int(min(manifest.TileWidth, c.Size-start))
		data, err := read(manifest.EntriesPath(start/manifest.TileWidth, w))
		if err != nil {
			b.t.Fatal(err)
		}
		entries, err := manifest.DecodeBundle(data, w)
		if err != nil {
			b.t.Fatal(err)
		}
		var indexes []int64
		for i := range entries {
			indexes = append(indexes, tlog.StoredHashIndex(0, start+int64(i)))
		}
		leaves, err := tree.ReadHashes(indexes)
		if err != nil {
			b.t.Fatal(err)
		}
		for i, raw := range entries {
			if leaves[i] != manifest.LeafHash(raw) {
				b.t.Fatalf("entry %d is not in the tree", start+int64(i))
			}
			e, err := manifest.ParseEntry(raw)
			if err != nil || e.N != start+int64(i) || e.Record != "" && !records[e.Record] {
				b.t.Fatalf("entry %d: %v, or its record is missing", start+int64(i), err)
			}
		}
	}
	return c.Size
}

func (b *bench) publish(s Shelf) {
	b.t.Helper()
	if err := b.Publish(ctx, "s", s); err != nil {
		b.t.Fatal(err)
	}
}

func TestPublish(t *testing.T) {
	b, s := newBench(t), newShelf()
	b.publish(s)
	for _, n := range []int{1, 1, 253, 1, 1, 511, 1, 300} {
		b.add(n, true)
		b.add(1, false) // signed, not sealed: stays private
		b.publish(s)
		if size := s.check(b); size != b.Size()-1 {
			t.Fatalf("%d of %d published", size, b.Size())
		}
		if size, err := b.Published("s"); err != nil || size != b.Size()-1 {
			t.Fatalf("published is %d, %v", size, err)
		}
		before := s.writes
		b.publish(s)
		if s.writes != before {
			t.Errorf("%d writes for nothing new", s.writes-before)
		}
		if n == 511 {
			b = b.reopen()
		}
	}
	// A second shelf, from the beginning.
	other := newShelf()
	if err := b.Publish(ctx, "other", other); err != nil || other.check(b) != s.check(b) {
		t.Errorf("second shelf: %v", err)
	}
	for name := range s.files {
		if strings.Contains(name, "checkpoints") || !strings.HasPrefix(name, "log/") && !strings.HasPrefix(name, "record/") {
			t.Errorf("unexpected %s", name)
		}
	}
}

// Every write of a publishing fails once, in both truths: refused, and done
// with its answer lost. Trying again gives the same shelf each time.
func TestPublishInterrupted(t *testing.T) {
	for _, fault := range []error{errRefused, errLost} {
		b := newBench(t)
		b.add(300, true)
		base := newShelf()
		b.publish(base)
		b.add(300, true)
		done := false
		for at := 1; !done; at++ {
			b = b.reopen()
			s := base.clone()
			fired := false
			s.fault = func(n int, _ string) error {
				if n == at {
					fired = true
					return fault
				}
				return nil
			}
			for try := 0; s.check(b) != 600; try++ {
				_ = b.Publish(ctx, "s", s)
				if try > 3 {
					t.Fatalf("%v at write %d: not there after %d attempts", fault, at, try)
				}
			}
			b.publish(s)
			if done = !fired; done && at < 6 {
				t.Fatalf("only %d writes were tried", at)
			}
		}
	}
}

// The very first publishing, with every second write failing.
func TestPublishOftenInterrupted(t *testing.T) {
	for _, fault := range []error{errRefused, errLost} {
		b, s := newBench(t), newShelf()
		s.fault = func(n int, _ string) error {
			if n%2 == 1 {
				return fault
			}
			return nil
		}
		b.add(700, true)
		for try := 0; s.check(b) != 700; try++ {
			_ = b.Publish(ctx, "s", s)
			if try > 200 {
				t.Fatal("does not end")
			}
		}
	}
}

// The checkpoint is written last: a publishing that dies before it is not seen.
func TestPublishOrder(t *testing.T) {
	b, s := newBench(t), newShelf()
	b.add(300, true)
	s.fault = func(_ int, name string) error {
		if name == manifest.CheckpointPath(b.Log()) {
			return errRefused
		}
		return nil
	}
	if err := b.Publish(ctx, "s", s); !errors.Is(err, errRefused) || s.check(b) != 0 {
		t.Fatal(err)
	}
	for _, name := range []string{manifest.LogPath(b.Log(), "tile/0/001.p/44"), manifest.LogPath(b.Log(), "tile/entries/000"),
		manifest.RecordPath(b.Log(), 0), manifest.KeyPath(b.Log())} {
		if s.files[name] == nil {
			t.Errorf("%s is not there before the checkpoint", name)
		}
	}
}

// A record that was erased between an attempt whose answer was lost and the next.
func TestPublishErasedRecord(t *testing.T) {
	b, s := newBench(t), newShelf()
	b.add(10, true)
	name := manifest.RecordPath(b.Log(), 0)
	s.fault = func(_ int, at string) error {
		if at == name {
			return errLost
		}
		return nil
	}
	if err := b.Publish(ctx, "s", s); err != nil && !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	s.fault = nil
	delete(s.files, manifest.CheckpointPath(b.Log()))
	rest := s.files[name][bytes.IndexByte(s.files[name], '\n')+1:]
	if err := b.writeFile(name, rest, 0o600); err != nil {
		t.Fatal(err)
	}
	b = b.reopen()
	b.publish(s)
	if !bytes.Equal(s.files[name], rest) {
		t.Error("the erased record is still on the shelf")
	}
	if _, err := b.Record(0); !errors.Is(err, ErrNoEntry) {
		t.Errorf("erased record: %v", err)
	}
}

// A bundle that a Seal filled while a publishing of less was under way.
func TestPublishPartOfFullBundle(t *testing.T) {
	b, s := newBench(t), newShelf()
	b.add(300, true)
	st := &shelfState{done: map[string]bool{}}
	if err := b.uploadBundle(ctx, s, st, tlog.Tile{H: manifest.TileHeight, N: 0, W: 7}); err != nil {
		t.Fatal(err)
	}
	entries, err := manifest.DecodeBundle(s.files[manifest.LogPath(b.Log(), "tile/entries/000.p/7")], 7)
	if err != nil {
		t.Fatal(err)
	}
	if first, err := b.Entry(6); err != nil || !bytes.Equal(first, entries[6]) {
		t.Errorf("entry 6: %v", err)
	}
}
