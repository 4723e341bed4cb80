package storetest

import (
	"os"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/store"
)

func putOnce(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, content := range [][]byte{[]byte("small"), {}, Random(100_000, 1)} {
		o := Object(t, content)
		first, err := s.Put(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if first.Name != store.Name(o.Digest) || first.Size != o.Size {
			t.Errorf("put as %+v", first)
		}
		again, err := s.Put(ctx, Object(t, content))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("put twice it has two versions: %s", diff)
		}
		if diff := cmp.Diff([]string{first.Name}, Names(t, s, first.Name)); diff != "" {
			t.Error(diff)
		}
		mustHold(t, s, first.Name, content)
		stat, err := s.Stat(ctx, first.Name, first.Version)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, stat); diff != "" {
			t.Error(diff)
		}
		// The spool file goes once every store has it.
		if err := os.Remove(o.Path); err != nil {
			t.Fatal(err)
		}
		mustHold(t, s, first.Name, content)
	}
}

func putOfParts(t *testing.T, s store.Store) {
	for i, n := range []int{PartSize, PartSize + 1, 2*PartSize + 777} {
		content := Random(n, byte(10+i))
		info, err := s.Put(t.Context(), Object(t, content))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		mustHold(t, s, info.Name, content)
	}
}

// putOfOtherBytes leaves it to a store whether it reads what it is given; one
// that does must notice.
func putOfOtherBytes(t *testing.T, s store.Store) {
	ctx := t.Context()
	o := Object(t, []byte("what was hashed"))
	if err := os.WriteFile(o.Path, []byte("what is there!!"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, o); err != nil {
		wantErr(t, "put of other bytes", err, store.ErrDamaged)
		_, err = s.Stat(ctx, store.Name(o.Digest), "")
		wantErr(t, "after it", err, store.ErrNotExist)
	}
	for what, content := range map[string]string{"shorter": "short", "longer": "one byte more than it had"} {
		o := Object(t, []byte("sixteen letters "+what))
		if err := os.WriteFile(o.Path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Put(ctx, o)
		wantErr(t, "put of a "+what+" file", err, store.ErrDamaged)
		_, err = s.Stat(ctx, store.Name(o.Digest), "")
		wantErr(t, "after it", err, store.ErrNotExist)
	}
	o = Object(t, []byte("gone"))
	if err := os.Remove(o.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, o); err == nil {
		t.Error("a missing spool file was put")
	}
}

func putManyAtOnce(t *testing.T, s store.Store) {
	one := Random(70_000, 2)
	o := Object(t, one)
	others := make([]store.Object, 20)
	for i := range others {
		others[i] = Object(t, Random(1000, byte(100+i)))
	}
	const n = 200
	infos := make([]store.Info, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if infos[i], err = s.Put(t.Context(), o); err != nil {
				t.Error(err)
			}
			if i < len(others) {
				if _, err := s.Put(t.Context(), others[i]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, info := range infos {
		if diff := cmp.Diff(infos[0], info); diff != "" {
			t.Fatalf("one digest, two versions: %s", diff)
		}
	}
	mustHold(t, s, infos[0].Name, one)
	if got := Names(t, s, ""); len(got) != 1+len(others) {
		t.Errorf("%d objects, want %d", len(got), 1+len(others))
	}
}
