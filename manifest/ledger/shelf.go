package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// Shelf is the part of a store that a log needs. When a writing method returns
// nil the bytes are durable and visible to every reader; when it returns an
// error they may be all the same.
type Shelf interface {
	// Create makes name hold data. The same bytes again succeed; where other
	// bytes are it wraps ErrOther and changes nothing.
	Create(ctx context.Context, name string, data []byte) error
	// Replace makes name hold data if its version still is old, "" meaning
	// that it must not exist, and returns the new version.
	Replace(ctx context.Context, name string, data []byte, old string) (version string, err error)
	// Read returns the newest bytes and their version, or wraps ErrAbsent.
	Read(ctx context.Context, name string) (data []byte, version string, err error)
}

// shelfState is what this process knows of a shelf. Its channel holds one
// token, for one Publish or Check at a time.
type shelfState struct {
	turn    chan struct{}
	known   bool // the rest was read or written by this process
	hasKey  bool
	size    int64  // of its checkpoint, 0 without one
	version string // of its checkpoint, "" without one

	mu   sync.Mutex
	done map[string]bool // written beyond size, so that an attempt goes on where the last one failed
}

// once calls write unless it succeeded before in this publishing.
func (st *shelfState) once(what string, write func() error) error {
	st.mu.Lock()
	done := st.done[what]
	st.mu.Unlock()
	if done {
		return nil
	}
	if err := write(); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.done[what] = true
	return nil
}

func (l *Ledger) shelf(ctx context.Context, id string) (*shelfState, func(), error) {
	l.mu.Lock()
	st := l.shelves[id]
	if st == nil {
		st = &shelfState{turn: make(chan struct{}, 1), done: map[string]bool{}}
		l.shelves[id] = st
	}
	l.mu.Unlock()
	if err := lock(ctx, st.turn); err != nil {
		return nil, nil, err
	}
	return st, func() { <-st.turn }, nil
}

// Check compares the log in a shelf with this one. It wraps manifest.ErrForked
// when the shelf holds the log of another key or a checkpoint that ours does
// not extend, also because it is larger: then nothing may be signed.
func (l *Ledger) Check(ctx context.Context, id string, s Shelf) error {
	st, done, err := l.shelf(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	return l.inspect(ctx, id, s, st)
}

// inspect reads key and checkpoint of a shelf into st, refusing a fork.
func (l *Ledger) inspect(ctx context.Context, id string, s Shelf, st *shelfState) error {
	hadKey, size := st.hasKey, st.size
	defer func() {
		if st.hasKey != hadKey || st.size != size {
			clear(st.done) // another shelf than we left, or a step further
		}
	}()
	st.known = false
	key, _, err := s.Read(ctx, manifest.KeyPath(l.o.Log))
	switch {
	case errors.Is(err, ErrAbsent):
		st.hasKey = false
	case err != nil:
		return fmt.Errorf("read key in %s: %w", id, err)
	case string(key) != l.o.Key+"\n":
		return fmt.Errorf("%s holds a log %s of the key %q, ours is %q: %w: choose another name for this log, or another store",
			id, l.o.Log, bytes.TrimSpace(key), l.o.Key, manifest.ErrForked)
	default:
		st.hasKey = true
	}
	msg, version, err := s.Read(ctx, manifest.CheckpointPath(l.o.Log))
	switch {
	case errors.Is(err, ErrAbsent):
		st.size, st.version = 0, ""
	case err != nil:
		return fmt.Errorf("read checkpoint in %s: %w", id, err)
	default:
		size, err := l.extends(id, msg)
		if err != nil {
			return err
		}
		st.size, st.version = size, version
	}
	st.known = true
	return nil
}

// extends returns the size of a checkpoint that ours extends.
func (l *Ledger) extends(id string, msg []byte) (int64, error) {
	c, err := manifest.OpenCheckpoint(msg, l.origin, l.o.Verifier)
	ours := l.newest()
	if err != nil {
		return 0, fmt.Errorf("%s holds a checkpoint that is not ours (we have %d entries): %w: %w", id, ours.size, manifest.ErrForked, err)
	}
	if c.Size > ours.size {
		return 0, fmt.Errorf("%s holds %d entries of %s, this state %d: %w: run `custodock log recover`",
			id, c.Size, l.origin, ours.size, manifest.ErrForked)
	}
	var root tlog.Hash
	err = l.view(func(tx *bbolt.Tx) (err error) {
		root, err = tlog.TreeHash(c.Size, rows(tx))
		return err
	})
	if err != nil {
		return 0, err
	}
	if root != c.Root {
		return 0, fmt.Errorf("%s holds %d entries of %s that are not the first of the %d here: %w: run `custodock log recover`",
			id, c.Size, l.origin, ours.size, manifest.ErrForked)
	}
	return c.Size, nil
}
