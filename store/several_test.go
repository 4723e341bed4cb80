package store_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify/verifytest"
)

// shut is a store that is away.
type shut struct{}

func (shut) Open(context.Context, string, string) (store.File, error) { return nil, store.ErrAway }
func (shut) Stat(context.Context, string, string) (store.Info, error) {
	return store.Info{}, store.ErrAway
}
func (shut) List(context.Context, string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) { yield(store.Info{}, store.ErrAway) }
}

// torn is a store whose lists break off behind their first name, and which has one that
// is no file.
type torn struct{ verifytest.Memory }

func (s torn) List(ctx context.Context, prefix string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		for info, err := range s.Memory.List(ctx, prefix) {
			_ = yield(store.Info{Name: prefix + "link"}, errors.New("no file")) && yield(info, err) && yield(store.Info{}, store.ErrAway)
			return
		}
	}
}

// What one store has not got comes from the next. What none gives may be in one that is away.
func TestSeveral(t *testing.T) {
	one, two := verifytest.Memory{"a/1": []byte("first"), "a/3": []byte("x")}, verifytest.Memory{"a/1": []byte("second"), "a/2": []byte("y"), "b": nil}
	for what, c := range map[string]struct {
		parts        []store.Reader
		first        string // bytes of a/1
		absent, away error  // of a name that nobody has, and of the stores then
		names        []string
		listed       error
	}{
		"both":          {[]store.Reader{one, two}, "first", store.ErrNotExist, nil, []string{"a/1", "a/2", "a/3"}, nil},
		"first away":    {[]store.Reader{shut{}, two}, "second", store.ErrAway, store.ErrAway, []string{"a/1", "a/2"}, nil},
		"second away":   {[]store.Reader{one, shut{}}, "first", store.ErrAway, store.ErrAway, []string{"a/1", "a/3"}, nil},
		"both away":     {[]store.Reader{shut{}, shut{}}, "", store.ErrAway, store.ErrAway, nil, store.ErrAway},
		"a list breaks": {[]store.Reader{torn{two}, one}, "second", store.ErrNotExist, store.ErrAway, []string{"a/1", "a/3"}, nil},
	} {
		s := store.Join(c.parts...)
		if b, err := store.ReadBare(t.Context(), s, "a/1", 100); string(b) != c.first || (err == nil) != (c.first != "") {
			t.Errorf("%s: %q, %v", what, b, err)
		}
		if b, _, err := store.ReadAll(t.Context(), s, "a/1", 100); string(b) != c.first || (err == nil) != (c.first != "") {
			t.Errorf("%s: %q, %v", what, b, err)
		}
		if _, err := s.Open(t.Context(), "c", ""); !errors.Is(err, c.absent) {
			t.Errorf("%s: what nobody has: %v", what, err)
		}
		var names []string
		var listed error
		for info, err := range s.List(t.Context(), "a/") {
			if listed = err; err == nil {
				names = append(names, info.Name)
			}
		}
		if !slices.Equal(names, c.names) || !errors.Is(listed, c.listed) {
			t.Errorf("%s: listed %v, %v", what, names, listed)
		}
		if err := store.Away(t.Context(), s, "a/1"); !errors.Is(err, c.away) {
			t.Errorf("%s: away %v", what, err)
		}
	}
	for _, c := range []struct {
		of   store.Reader
		want error
	}{{one, nil}, {verifytest.Memory{}, nil}, {shut{}, store.ErrAway}} {
		if err := store.Away(t.Context(), c.of, "a/1"); !errors.Is(err, c.want) {
			t.Error(fmt.Sprintf("%T", c.of), err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := store.Join(one).Open(ctx, "a/1", ""); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
