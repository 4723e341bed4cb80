package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// errBehind marks a store that does not show all that the dock has published.
var errBehind = errors.New("it shows an older log")

// publishedSize publishes what there is and says how many entries that are.
func publishedSize(ctx context.Context, desk console.Desk, key string) (int64, error) {
	note, err := desk.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	v, err := manifest.ParseKey(key)
	if err != nil {
		return 0, err
	}
	c, err := manifest.OpenCheckpoint(note, v.Name(), v)
	return c.Size, err
}

// shows is an error unless a store shows so many entries of the log.
func shows(ctx context.Context, st store.Reader, key string, size int64) error {
	head, err := verify.Open(ctx, verify.Options{Store: st, Key: key})
	if err == nil && head.Checkpoint.Size < size {
		err = fmt.Errorf("%w: %d entries of %d", errBehind, head.Checkpoint.Size, size)
	}
	return err
}

// shownBy opens the first store that shows all of the log, before it is entered that
// anything leaves: who cannot read a store takes nothing from it, and one that is
// behind would tell of another export.
func (a *app) shownBy(ctx context.Context, key string, size int64) (reader, error) {
	var errs []error
	for _, s := range a.cfg.Stores {
		r, err := a.reader(ctx, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if err = shows(ctx, r, key, size); err == nil {
			return r, nil
		}
		_ = r.Close()
		errs = append(errs, fmt.Errorf("export from %s: %w", s.URL, err))
	}
	return nil, errors.Join(errs...)
}

// How long a store that took the log a moment ago is given to show its last entry,
// and how often it is asked.
const (
	shownWithin = 20 * time.Second
	shownAsked  = 200 * time.Millisecond
)

// awaitShown returns when a store shows so many entries.
func awaitShown(ctx context.Context, st store.Reader, key string, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, shownWithin)
	defer cancel()
	tick := time.NewTicker(shownAsked)
	defer tick.Stop()
	for {
		err := shows(ctx, st, key, size)
		if !errors.Is(err, errBehind) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the store that is read for the package does not show yet that the clips leave: %w: try again", err)
		}
	}
}
