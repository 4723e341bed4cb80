package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/store"
)

// retentionOnlyGrows holds for stores that lock; one that does not says so in
// its Info.
func retentionOnlyGrows(t *testing.T, s store.Store) {
	ctx := t.Context()
	for what, size := range map[string]int{"one part": 1000, "many parts": PartSize + 1} {
		o := Object(t, Random(size, 20))
		day := 24 * time.Hour
		first := time.Now().Add(day)
		want := first
		for _, until := range []time.Time{first, first.Add(day), first, {}, time.Now().Add(-day), first.Add(3 * day)} {
			o.Until = until
			if until.After(want) {
				want = until
			}
			info, err := s.Put(ctx, o)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if info.Lock == "" {
				if !info.Until.IsZero() {
					t.Errorf("%s: no lock, until %s", what, info.Until)
				}
				continue
			}
			if info.Until.Before(want) || info.Until.After(want.Add(time.Second)) {
				t.Errorf("%s: put until %s it is locked until %s, want %s", what, until, info.Until, want)
			}
			stat, err := s.Stat(ctx, info.Name, info.Version)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(info, stat); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
		}
	}
}

// versionIsPinned offers an object with the version that a store said it has.
func versionIsPinned(t *testing.T, s store.Store) {
	ctx := t.Context()
	content := []byte("stored before")
	o := Object(t, content)
	first, err := s.Put(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Version = first.Version
	again, err := s.Put(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("with its version it became another: %s", diff)
	}
	f, err := s.Open(ctx, first.Name, first.Version)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, f.Info()); diff != "" {
		t.Error(diff)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// Hidden checks what holds after somebody hid an object behind a delete marker:
// the name is gone, the version is not, and nothing is sent again for it.
func Hidden(t *testing.T, s store.Store, hide func(name string)) {
	t.Helper()
	ctx := t.Context()
	for _, size := range []int{1000, PartSize + 1} {
		o := Object(t, Random(size, 21))
		o.Until = time.Now().Add(time.Hour)
		first, err := s.Put(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		hide(first.Name)
		_, err = s.Stat(ctx, first.Name, "")
		wantErr(t, "stat of a hidden name", err, store.ErrNotExist)
		_, err = s.Open(ctx, first.Name, "")
		wantErr(t, "open of a hidden name", err, store.ErrNotExist)
		o.Version, o.Until = first.Version, time.Now().Add(2*time.Hour)
		again, err := s.Put(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		// A server may tell the lock of the newest version only.
		if again.Version != first.Version || again.Lock != "" && !again.Until.After(first.Until) {
			t.Errorf("hidden it was put as %+v, first as %+v", again, first)
		}
		if diff := cmp.Diff([]string{}, Names(t, s, first.Name)); diff != "" {
			t.Errorf("it was sent again: %s", diff)
		}
		stat, err := s.Stat(ctx, first.Name, first.Version)
		if err != nil || stat.Size != o.Size {
			t.Errorf("the hidden version: %+v, %v", stat, err)
		}
	}
}
