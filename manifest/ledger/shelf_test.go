package ledger

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/custodock/custodock/manifest"
)

func TestPublishRefusesForks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, b *bench, s *fakeShelf)
		want   error
		says   []string
	}{
		"larger": {func(t *testing.T, b *bench, s *fakeShelf) {
			other := openBench(t, t.TempDir(), b.identity)
			other.add(77, true)
			*s = *newShelf()
			other.publish(s)
		}, manifest.ErrForked, []string{"77", "20"}},
		"same size, other entries": {func(t *testing.T, b *bench, s *fakeShelf) {
			other := openBench(t, t.TempDir(), b.identity)
			other.add(20, true)
			*s = *newShelf()
			other.publish(s)
		}, manifest.ErrForked, []string{"20"}},
		"another key": {func(t *testing.T, b *bench, s *fakeShelf) {
			s.files[manifest.KeyPath(b.Log())] = []byte(newIdentity(t, 2).vkey + "\n")
		}, manifest.ErrForked, nil},
		"checkpoint of another key": {func(t *testing.T, b *bench, s *fakeShelf) {
			s.files[manifest.CheckpointPath(b.Log())][60] ^= 1
		}, manifest.ErrForked, nil},
		"unreachable": {func(_ *testing.T, _ *bench, s *fakeShelf) {
			s.reads = func(string) error { return errRefused }
		}, errRefused, nil},
		"as it was": {func(*testing.T, *bench, *fakeShelf) {}, nil, nil},
		"restored from a backup": {func(t *testing.T, b *bench, s *fakeShelf) {
			*s = *newShelf()
		}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b, s := newBench(t), newShelf()
			b.add(10, true)
			b.publish(s)
			b.add(10, true)
			c.change(t, b, s)
			before := s.writes
			b = b.reopen()
			for call, err := range map[string]error{"check": b.Check(ctx, "s", s), "publish": b.Publish(ctx, "s", s)} {
				if !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Errorf("%s: %v", call, err)
				}
				for _, text := range c.says {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("%s does not name %s: %v", call, text, err)
					}
				}
			}
			if c.want != nil && s.writes != before {
				t.Error("wrote to it all the same")
			}
			if c.want == nil && s.check(b) != 20 {
				t.Error("not published")
			}
		})
	}
}

// What the disk of the dock spoiled is not spread.
func TestPublishRefusesDamagedBundle(t *testing.T) {
	b, s := newBench(t), newShelf()
	b.add(300, true)
	name := manifest.LogPath(b.Log(), "tile/entries/000")
	data, err := os.ReadFile(b.local(name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.local(name), flipped(data, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(ctx, "s", s); !errors.Is(err, ErrDamaged) || s.files[name] != nil || s.check(b) != 0 {
		t.Errorf("publish: %v", err)
	}
}

// When only the answer to the checkpoint was lost, the publishing is done.
func TestPublishLostAnswer(t *testing.T) {
	b, s := newBench(t), newShelf()
	b.add(10, true)
	s.fault = func(_ int, name string) error {
		if name == manifest.CheckpointPath(b.Log()) {
			return errLost
		}
		return nil
	}
	b.publish(s)
	before := s.writes
	b.publish(s)
	if s.check(b) != 10 || s.writes != before {
		t.Errorf("%d published, %d writes more", s.check(b), s.writes-before)
	}
}

// A store that is replaced by an empty one between two attempts gets all.
func TestPublishToReplacedStore(t *testing.T) {
	b, s := newBench(t), newShelf()
	b.add(300, true)
	s.fault = func(_ int, name string) error {
		if name == manifest.CheckpointPath(b.Log()) {
			return errRefused
		}
		return nil
	}
	if err := b.Publish(ctx, "s", s); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	s = newShelf()
	b.publish(s)
	if s.check(b) != 300 {
		t.Error("not published")
	}
}

// Two docks with one state: the one that comes second finds out, also in the
// middle of its life.
func TestPublishFindsClone(t *testing.T) {
	b, s := newBench(t), newShelf()
	b.add(5, true)
	b.publish(s)
	clone := openBench(t, copyState(t, b), b.identity)
	b.add(3, true)
	clone.add(4, true)
	if err := clone.Check(ctx, "s", s); err != nil {
		t.Fatal(err)
	}
	b.publish(s)
	for range 2 {
		if err := clone.Publish(ctx, "s", s); err == nil {
			t.Fatal("the clone published")
		}
	}
	if err := clone.Publish(ctx, "s", s); !errors.Is(err, manifest.ErrForked) {
		t.Error(err)
	}
	if s.check(b) != 8 {
		t.Error("the first dock's log is not what is published")
	}
}
