package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/store"
)

func createOnce(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, data := range []string{"", "one line\n", strings.Repeat("long", 100_000)} {
		name := fmt.Sprintf("log/a/%d", len(data))
		first, err := s.Create(ctx, name, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Create(ctx, name, []byte(data))
		if err != nil {
			t.Errorf("the same bytes again: %v", err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("created again it is another version: %s", diff)
		}
		for _, other := range []string{data + "x", strings.ToUpper(data) + "\n", "y"} {
			_, err := s.Create(ctx, name, []byte(other))
			wantErr(t, "other bytes", err, store.ErrExists)
		}
		mustHold(t, s, name, []byte(data))
		stat, err := s.Stat(ctx, name, first.Version)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(first, stat); diff != "" {
			t.Error(diff)
		}
	}
}

func replaceIfUnchanged(t *testing.T, s store.Store) {
	ctx := t.Context()
	const name = "log/a/checkpoint"
	_, err := s.Replace(ctx, name, []byte("x"), "0123")
	wantErr(t, "replace of what never was", err, store.ErrStale)
	_, err = s.Stat(ctx, name, "")
	wantErr(t, "after a refused replace", err, store.ErrNotExist)

	v1, err := s.Replace(ctx, name, []byte("one"), "")
	if err != nil {
		t.Fatal(err)
	}
	if v1.Version == "" {
		t.Fatal("a replaced name has no version")
	}
	_, err = s.Replace(ctx, name, []byte("x"), "")
	wantErr(t, "replace of what must not exist", err, store.ErrStale)
	v2, err := s.Replace(ctx, name, []byte("second"), v1.Version)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Replace(ctx, name, []byte("x"), v1.Version)
	wantErr(t, "replace with a stale version", err, store.ErrStale)
	if info := mustHold(t, s, name, []byte("second")); info.Version != v2.Version {
		t.Errorf("open says version %s, replace %s", info.Version, v2.Version)
	}
	stat, err := s.Stat(ctx, name, "")
	if err != nil || stat.Version != v2.Version {
		t.Errorf("stat says version %s, replace %s: %v", stat.Version, v2.Version, err)
	}
	// A name that was created is replaced by the same rule.
	c, err := s.Create(ctx, "log/a/other", []byte("created"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Replace(ctx, "log/a/other", []byte("replaced"), c.Version); err != nil {
		t.Error(err)
	}
	mustHold(t, s, "log/a/other", []byte("replaced"))
}

func oneWriterWins(t *testing.T, s store.Store) {
	ctx := t.Context()
	base, err := s.Create(ctx, "log/a/checkpoint", []byte("base"))
	if err != nil {
		t.Fatal(err)
	}
	for _, race := range []struct {
		what, name string
		write      func(name string, data []byte) error
		lost       error
	}{
		{"create", "log/a/key", func(name string, data []byte) error {
			_, err := s.Create(ctx, name, data)
			return err
		}, store.ErrExists},
		{"replace of nothing", "log/b/checkpoint", func(name string, data []byte) error {
			_, err := s.Replace(ctx, name, data, "")
			return err
		}, store.ErrStale},
		{"replace", "log/a/checkpoint", func(name string, data []byte) error {
			_, err := s.Replace(ctx, name, data, base.Version)
			return err
		}, store.ErrStale},
	} {
		const n = 24
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { errs[i] = race.write(race.name, fmt.Appendf(nil, "writer %02d", i)) })
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Errorf("%s: %d and %d both won", race.what, winner, i)
			case err == nil:
				winner = i
			case !errors.Is(err, race.lost):
				t.Errorf("%s: %v, want %v", race.what, err, race.lost)
			}
		}
		if winner < 0 {
			t.Errorf("%s: nobody won", race.what)
			continue
		}
		mustHold(t, s, race.name, fmt.Appendf(nil, "writer %02d", winner))
	}
}

// noTornReads replaces a file by longer and shorter ones under its readers.
func noTornReads(t *testing.T, s store.Store) {
	const name, rounds = "log/a/checkpoint", 30
	content := func(i int) []byte {
		return bytes.Repeat([]byte{byte('a' + i%26)}, 1+(i*7919)%100_000)
	}
	info, err := s.Create(t.Context(), name, content(0))
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := -1; ; {
				select {
				case <-stop:
					return
				default:
				}
				b, got, err := store.ReadAll(t.Context(), s, name, 1<<20)
				if err != nil || len(b) == 0 {
					t.Errorf("read while it is replaced: %d bytes, %v", len(b), err)
					return
				}
				i := 0
				for i < rounds && !bytes.Equal(b, content(i)) {
					i++
				}
				if i == rounds || got.Size != int64(len(b)) || i < last {
					t.Errorf("torn or older than before: %d bytes of %q, described as %+v", len(b), b[0], got)
					return
				}
				last = i
			}
		})
	}
	for i := 1; i < rounds; i++ {
		if info, err = s.Replace(t.Context(), name, content(i), info.Version); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	readers.Wait()
}

func list(t *testing.T, s store.Store) {
	ctx := t.Context()
	// In this order, which is that of whole names and not of their elements.
	want := []string{
		"log/a-b", "log/a.p/1", "log/a/0", "log/a/tile/0/x001/000", "log/a/tile/0/x001/001", "log/ab", "log/b/key", "record/a/0.ndjson",
	}
	for i := range want {
		name := want[(i*5+3)%len(want)]
		if _, err := s.Create(ctx, name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	put, err := s.Put(ctx, Object(t, []byte("clip")))
	if err != nil {
		t.Fatal(err)
	}
	want = append(want[:len(want)-1:len(want)-1], put.Name, want[len(want)-1])
	for _, prefix := range []string{"", "l", "log", "log/", "log/a", "log/a/", "log/a/tile/0/x001/00", "log/a/0", "object/", put.Name, "record/", "x", "log//", "../", "/"} {
		filtered := []string{}
		for _, name := range want {
			if strings.HasPrefix(name, prefix) {
				filtered = append(filtered, name)
			}
		}
		if diff := cmp.Diff(filtered, Names(t, s, prefix)); diff != "" {
			t.Errorf("prefix %q: %s", prefix, diff)
		}
	}
	for info, err := range s.List(ctx, "log/a/0") {
		if err != nil || info.Size != int64(len("log/a/0")) {
			t.Errorf("%+v %v", info, err)
		}
	}
	seen := 0
	for _, err := range s.List(ctx, "") {
		if err != nil {
			t.Error(err)
		}
		if seen++; seen == 2 {
			break
		}
	}
	if seen != 2 {
		t.Errorf("listing did not stop: %d", seen)
	}
}

func names(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, name := range []string{
		"", "/", ".", "..", "../out", "a/../b", "a/../../out", "/abs", "a//b", "a/", "./a", "a/./b", "a\x00b", "a\nb", "a\xffb",
		strings.Repeat("n", 256), strings.Repeat("n/", 513) + "n",
	} {
		what := fmt.Sprintf("%.20q", name)
		if _, err := s.Create(ctx, name, []byte("x")); err == nil {
			t.Errorf("%s was created", what)
		}
		if _, err := s.Replace(ctx, name, []byte("x"), ""); err == nil {
			t.Errorf("%s was replaced", what)
		}
		if f, err := s.Open(ctx, name, ""); err == nil || f != nil {
			t.Errorf("%s was opened", what)
		}
		if _, err := s.Stat(ctx, name, ""); err == nil {
			t.Errorf("%s was described", what)
		}
	}
	if got := Names(t, s, ""); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}
