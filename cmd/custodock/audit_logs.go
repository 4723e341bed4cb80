package main

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
)

// auditLogs are the logs that an audit looks through.
type auditLogs struct {
	list  []verify.Options // grows while it is gone through, by logs that ended
	own   string           // the dock's own log, "" for whoever has no dock
	state string           // of the dock
	parts []store.Reader   // the dock's stores
	alone bool             // what is asked is asked of one log
	bad   error            // of logs that are not proved
	done  func()
}

// auditLogs are those of the dock, or of --from: the log of the key, or all that an
// authority answers for. alone asks for one: on a dock that is its own.
func (a *app) auditLogs(ctx context.Context, c verifyCall, alone bool) (*auditLogs, error) {
	if c.key == "" {
		return a.ownLogs(ctx, alone)
	}
	auth, err := a.issuer(c)
	if err != nil {
		return nil, err
	}
	l := &auditLogs{alone: alone}
	if auth == nil {
		l.list = make([]verify.Options, 1)
		l.list[0], l.done, err = a.foreign(ctx, c)
		return l, err
	}
	from, err := a.from(c.from)
	if err != nil {
		return nil, err
	}
	r, err := a.reader(ctx, from)
	if err != nil {
		return nil, err
	}
	l.done = func() { _ = r.Close() }
	names, calls, err := a.endorsedLogs(ctx, r, verifyCall{}, *auth)
	switch {
	case alone && len(names) > 1:
		err = severalLogs(names)
	case provedOtherwise(err) && len(names) > 0:
		l.bad, err = err, nil
	}
	if err != nil {
		l.done()
		return nil, err
	}
	for _, call := range calls {
		l.list = append(l.list, call.o)
	}
	return l, nil
}

// ownLogs begin with the dock's log of now, out of whichever of its stores can be had.
// Those that ended before it are found in it.
func (a *app) ownLogs(ctx context.Context, alone bool) (*auditLogs, error) {
	d, err := a.dock(ctx)
	if err != nil {
		return nil, err
	}
	l := &auditLogs{own: d.log, state: a.state, alone: alone}
	var open []reader
	l.done = func() {
		for _, r := range open {
			_ = r.Close()
		}
	}
	var shut error
	for _, s := range a.cfg.Stores {
		r, err := a.reader(ctx, s)
		if err != nil {
			shut = errors.Join(shut, err)
			l.parts = append(l.parts, &closed{err})
			continue
		}
		open, l.parts = append(open, r), append(l.parts, r)
	}
	if len(open) == 0 {
		return nil, shut
	}
	o := verify.Options{Log: d.log, Key: d.key, Spool: a.spool()}
	o.Store = store.Join(fullestFirst(ctx, l.parts, o)...)
	l.list = []verify.Options{o}
	return l, nil
}

// closed is a store that could not be opened: it is away.
type closed struct{ err error }

func (c *closed) Open(context.Context, string, string) (store.File, error) { return nil, c.err }

func (c *closed) Stat(context.Context, string, string) (store.Info, error) {
	return store.Info{}, c.err
}

func (c *closed) List(context.Context, string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) { yield(store.Info{}, c.err) }
}

// fullestFirst puts the store first which shows most of a log, the first of those that
// show the same. A checkpoint that is wrong is for the audit to meet.
func fullestFirst(ctx context.Context, parts []store.Reader, o verify.Options) []store.Reader {
	best, most := 0, int64(-1)
	for i, p := range parts {
		o.Store = p
		head, err := verify.Open(ctx, o)
		size := head.Checkpoint.Size
		switch {
		case errors.Is(err, verify.ErrMismatch) && isThere(ctx, p, manifest.CheckpointPath(o.Log)):
			size = math.MaxInt64
		case err != nil:
			size = -1
		}
		if size > most {
			best, most = i, size
		}
	}
	return slices.Concat(parts[best:best+1], parts[:best], parts[best+1:])
}

func isThere(ctx context.Context, p store.Reader, name string) bool {
	_, err := p.Stat(ctx, name, "")
	return err == nil
}

// each has look go through every log. What is wrong with one of them is kept in bad,
// and the others are looked through all the same; the error is about reading.
func (l *auditLogs) each(ctx context.Context, look func(verify.Options) error) error {
	for i := 0; i < len(l.list); i++ { // it grows
		o := l.list[i]
		var before []manifest.Object
		o.Seen = func(e manifest.Entry) {
			if old := e.Fields.Sub("old"); e.Type == "log.recovered" && old.Str("origin") != "" {
				before = append(before, old)
			}
		}
		err := look(o)
		switch {
		case provedOtherwise(err):
			l.bad = errors.Join(l.bad, err)
			continue
		case err != nil:
			return err
		case l.own == "" || l.alone:
			continue
		}
		for _, old := range before {
			if err := l.follow(ctx, o.Log, old); err != nil {
				return err
			}
		}
	}
	return nil
}
