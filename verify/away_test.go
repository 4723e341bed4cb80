package verify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// leaving is a store that gives no file of a kind any more behind some, and nothing
// else either where it is gone as a whole.
type leaving struct {
	verifytest.Memory
	kind  string       // how their names begin
	left  atomic.Int64 // of them that it still gives
	whole bool
}

func (s *leaving) Open(ctx context.Context, name, version string) (store.File, error) {
	if strings.HasPrefix(name, s.kind) && s.left.Add(-1) < 0 {
		return nil, fmt.Errorf("open %s: %w", name, store.ErrAway)
	}
	return s.Memory.Open(ctx, name, version)
}

func (s *leaving) Stat(ctx context.Context, name, version string) (store.Info, error) {
	if s.whole && s.left.Load() < 0 {
		return store.Info{}, fmt.Errorf("stat %s: %w", name, store.ErrAway)
	}
	return s.Memory.Stat(ctx, name, version)
}

// An object that cannot be read is its clip's fault as long as the store is there; of
// a store that went nothing is said of any clip behind.
func TestStoreGoesAway(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	const clips, given = 20, 7
	for i := range clips {
		l.Stored(l.Clip(fmt.Sprint(i), fmt.Sprint("content ", i)))
	}
	l.Publish()
	for _, whole := range []bool{false, true} {
		s := &leaving{Memory: l.Memory(), kind: "object/", whole: whole}
		s.left.Store(given)
		report, err := verify.Store(context.Background(), verify.Options{Store: s, Key: l.Key, Workers: 1}, nil)
		if mismatch := errors.Is(err, verify.ErrMismatch); mismatch == whole || errors.Is(err, store.ErrAway) != whole {
			t.Errorf("gone %t: %v", whole, err)
		}
		want := 0
		if !whole {
			want = clips - given
		}
		if report.Missing != want || whole && report.OK > given || !whole && report.OK != given {
			t.Errorf("gone %t: %+v", whole, report)
		}
	}
}

// Wherever a store goes away while the log is read, no file of the log is called
// wrong for it.
func TestStoreGoesAwayInTheLog(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	for i := range 30 {
		l.Clip(fmt.Sprint(i), fmt.Sprint("content ", i))
	}
	l.Publish()
	read := map[string]func(verify.Options) error{
		"store":  func(o verify.Options) error { _, err := verify.Store(t.Context(), o, nil); return err },
		"log":    func(o verify.Options) error { _, err := verify.Log(t.Context(), o, nil); return err },
		"read":   func(o verify.Options) error { _, err := readPaths(t, o); return err },
		"sample": func(o verify.Options) error { _, _, _, err := verify.Sample(t.Context(), o, "seed", 1, 0); return err },
		"prove":  func(o verify.Options) error { _, _, err := verify.Prove(t.Context(), o, "7"); return err },
	}
	heads := map[string]int64{"sample": 2} // how often the checkpoint is read first; it is no file of the log
	for what, do := range read {
		for _, whole := range []bool{false, true} {
			broke := 0
			for given := int64(0); ; given++ {
				s := &leaving{Memory: l.Memory(), whole: whole}
				s.left.Store(given)
				err := do(verify.Options{Store: s, Key: l.Key, Workers: 1})
				if s.left.Load() >= 0 {
					break
				}
				broke++
				if whole && (!errors.Is(err, store.ErrAway) || errors.Is(err, verify.ErrMismatch)) {
					t.Errorf("%s: gone behind %d files: %v", what, given, err)
				}
				if !whole && given >= max(1, heads[what]) && !errors.Is(err, verify.ErrMismatch) {
					t.Errorf("%s: no file behind %d can be read: %v", what, given, err)
				}
			}
			if broke < 3 {
				t.Errorf("%s: it broke at %d places", what, broke)
			}
		}
	}
}

// tearing is a store whose record files break off within, and which is gone then where
// it goes as a whole.
type tearing struct {
	leaving
	torn atomic.Int64
}

type tornFile struct {
	store.File
	of *tearing
}

func (f tornFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b[:min(len(b), 100)])
	if f.of.torn.Add(1) > 3 {
		f.of.left.Store(-1)
		return 0, fmt.Errorf("read record: %w", store.ErrAway)
	}
	return n, err
}

func (s *tearing) Open(ctx context.Context, name, version string) (store.File, error) {
	f, err := s.Memory.Open(ctx, name, version)
	if err == nil && strings.HasPrefix(name, "record/") {
		return tornFile{f, s}, nil
	}
	return f, err
}

// A record file that breaks off is wrong as long as the store is there.
func TestStoreGoesAwayInAFile(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	for i := range 30 {
		l.Clip(fmt.Sprint(i), fmt.Sprint("content ", i))
	}
	l.Publish()
	for _, whole := range []bool{false, true} {
		s := &tearing{leaving: leaving{Memory: l.Memory(), whole: whole}}
		_, err := readPaths(t, verify.Options{Store: s, Key: l.Key, Workers: 1})
		if s.left.Load() >= 0 {
			t.Fatal("nothing broke off")
		}
		if errors.Is(err, store.ErrAway) != whole || errors.Is(err, verify.ErrMismatch) == whole {
			t.Errorf("gone %t: %v", whole, err)
		}
	}
}
