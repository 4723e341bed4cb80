package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Several are stores that hold the same, as one Reader: what one has not got, or does
// not give, is looked for in the next. A file that breaks off while it is read does not
// go on in another, which may have another version of it. Where none gives a file the
// error is that of an outage, if any of them is away: it may have it.
type Several struct {
	parts []Reader

	mu       sync.Mutex
	unlisted error // the first list that broke off
}

// Join puts stores together, in the order in which they are asked.
func Join(parts ...Reader) *Several { return &Several{parts: parts} }

// Away is an error where a store cannot be read any more, or any of several: name,
// which is there, does not come. A name that is gone is no outage.
func Away(ctx context.Context, r Reader, name string) error {
	s, joined := r.(*Several)
	if !joined {
		s = Join(r)
	}
	for _, p := range s.parts {
		if _, err := p.Stat(ctx, name, ""); err != nil && !errors.Is(err, ErrNotExist) {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unlisted
}

// Open implements Reader.
func (s *Several) Open(ctx context.Context, name, version string) (File, error) {
	return ask(ctx, s, name, func(p Reader) (File, error) { return p.Open(ctx, name, version) })
}

// OpenBare implements Bare.
func (s *Several) OpenBare(ctx context.Context, name string) (File, error) {
	return ask(ctx, s, name, func(p Reader) (File, error) { return OpenBare(ctx, p, name) })
}

// Stat implements Reader.
func (s *Several) Stat(ctx context.Context, name, version string) (Info, error) {
	return ask(ctx, s, name, func(p Reader) (Info, error) { return p.Stat(ctx, name, version) })
}

// ask has the answer of the first store that gives one.
func ask[T any](ctx context.Context, s *Several, name string, of func(Reader) (T, error)) (answer T, err error) {
	err = fmt.Errorf("%s: %w", name, ErrNotExist)
	for _, p := range s.parts {
		if ctx.Err() != nil {
			return answer, ctx.Err()
		}
		got, bad := of(p)
		if bad == nil {
			return got, nil
		}
		if errors.Is(err, ErrNotExist) {
			err = bad
		}
	}
	return answer, err
}

// List implements Reader with the names that any of the stores gives. Where a list
// breaks off its store counts as away from then on, and only where all do it is an error.
func (s *Several) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		names := map[string]Info{}
		var broken []error
		for _, p := range s.parts {
			if err := gather(ctx, p, prefix, names); err != nil {
				broken = append(broken, err)
			}
		}
		if len(broken) > 0 {
			s.mu.Lock()
			if s.unlisted == nil {
				s.unlisted = broken[0]
			}
			s.mu.Unlock()
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if !yield(names[name], nil) {
				return
			}
		}
		if len(broken) == len(s.parts) {
			yield(Info{}, errors.Join(broken...))
		}
	}
}

// gather adds the names of one store that are not known yet. What is no file of a store
// is an error under its name, and left out here.
func gather(ctx context.Context, p Reader, prefix string, names map[string]Info) error {
	for info, err := range p.List(ctx, prefix) {
		switch {
		case err != nil && !strings.HasPrefix(info.Name, prefix):
			return err
		case err != nil:
		case names[info.Name].Name == "":
			names[info.Name] = info
		}
	}
	return nil
}
