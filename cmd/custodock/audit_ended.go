package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// follow adds the log that a log of the dock's came after, as that one's log.recovered
// names it. No key has to be known of it: its last checkpoint is in an entry that is
// proved. A store that is away may show it, so that is an error; that no store does, or
// another one, is kept in bad.
func (l *auditLogs) follow(ctx context.Context, by string, old manifest.Object) error {
	_, log, _ := manifest.SplitOrigin(old.Str("origin"))
	if slices.ContainsFunc(l.list, func(o verify.Options) bool { return o.Log == log }) {
		return nil
	}
	var bad error
	for _, p := range l.parts {
		o, err := endedLog(ctx, p, by, old)
		switch {
		case err == nil:
			o.Store = store.Join(append([]store.Reader{p}, l.parts...)...)
			o.Spool = filepath.Join(l.state, "ended", log, "spool")
			l.list = append(l.list, o)
			return nil
		case bad == nil, !errors.Is(err, verify.ErrMismatch):
			bad = err
		}
	}
	if !errors.Is(bad, verify.ErrMismatch) {
		return bad
	}
	l.bad = errors.Join(l.bad, bad)
	return nil
}

// endedLog opens a log that ended in one store, and proves that it is the one, with
// nothing behind its end.
func endedLog(ctx context.Context, p store.Reader, by string, old manifest.Object) (verify.Options, error) {
	origin := old.Str("origin")
	_, log, ok := manifest.SplitOrigin(origin)
	if !ok {
		return verify.Options{}, &verify.MismatchError{Cause: fmt.Sprintf("log %s follows %q, which is no log", by, origin)}
	}
	path := manifest.KeyPath(log)
	key, err := store.ReadBare(ctx, p, path, maxKey)
	switch {
	case errors.Is(err, store.ErrNotExist):
		return verify.Options{}, &verify.MismatchError{Cause: fmt.Sprintf("%s is missing: log %s follows that log, and no store has it", path, by)}
	case err != nil:
		return verify.Options{}, fmt.Errorf("read %s: %w", path, err)
	}
	o := verify.Options{Store: p, Log: log, Key: strings.TrimSpace(string(key))}
	head, err := verify.Open(ctx, o)
	if err != nil {
		return o, err
	}
	c := head.Checkpoint
	if size, _ := old.Int("size"); c.Origin != origin || c.Size != size || c.Root.String() != old.Str("root") {
		return o, &verify.MismatchError{Cause: fmt.Sprintf("log %s, which log %s follows, ended with other entries than its store shows now", log, by)}
	}
	return o, nil
}
