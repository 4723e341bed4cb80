package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// RecoverOptions choose between the two ways out. Without New the published log
// is adopted, if ours is its beginning. With New the old log ends, and a log
// under a new key begins with an entry that names the old one's last published
// checkpoint; Old names that log where the state does not know it any more.
type RecoverOptions struct {
	New bool
	Old string
}

// Recover brings a dock back to work whose state a store contradicts. It
// returns the verifier key that is in force afterwards.
func Recover(ctx context.Context, o Options, r RecoverOptions) (string, error) {
	if r.New {
		return startLinked(ctx, o, r.Old)
	}
	o.recovering, o.Create = true, true
	s, err := Open(ctx, o)
	if err != nil {
		return "", err
	}
	err = s.adopt(ctx)
	vkey := s.vkey
	return vkey, errors.Join(err, s.Close())
}

// adopt takes over the longest history of our log that a store shows.
func (s *Station) adopt(ctx context.Context) error {
	before := s.ledger.Size()
	for _, c := range s.stores {
		err := c.use(func(st store.Store) error {
			_, err := s.ledger.Adopt(ctx, shelf{st}, func(tx *ledger.Tx, e manifest.Entry, record []byte) error {
				return catalog{tx.Bolt()}.apply(e, record)
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("recover log %s from store %s: %w: end it and start a linked log with --new", s.log, c.name, err)
		}
	}
	if s.ledger.Size() == before {
		return nil
	}
	if err := s.requeue(); err != nil {
		return err
	}
	err := s.commit(ctx, func(tx *ledger.Tx) error {
		_, err := s.append(tx, manifest.Draft{Type: "log.recovered", Actor: "admin", Fields: manifest.Object{
			"from": before, "size": tx.Size(),
		}})
		return err
	})
	return errors.Join(err, s.publishNow(ctx))
}

// requeue drops the rows of clips that the adopted history shows as stored.
func (s *Station) requeue() error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(clipBucket).Cursor()
		for k, v := cur.First(); k != nil; k, v = cur.Next() {
			var r row
			if err := decode(v, &r); err != nil {
				return err
			}
			for name := range r.Stored {
				if err := tx.Bucket(queueBucket).Delete(queueKey(name, r.N)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// startLinked sets the old state aside, whole, and begins a new log that names
// the old one's last published checkpoint.
func startLinked(ctx context.Context, o Options, old string) (string, error) {
	lock, err := prepare(o.State, true)
	if err != nil {
		return "", err
	}
	last, err := setAside(o.State, o.Config.Key, old)
	if err == nil {
		err = lock.Close()
	}
	if err != nil {
		return "", fmt.Errorf("set the old log aside: %w", err)
	}
	if old == "" {
		old = last
	}
	if o.Config.Log == old {
		o.Config.Log = ""
	}
	o.Create = true
	s, err := Open(ctx, o)
	if err != nil {
		return "", err
	}
	vkey := s.vkey
	return vkey, errors.Join(s.link(ctx, old), s.Close())
}

// setAside moves database and key of the log that ended under ended/, where
// its unpublished entries and its key stay readable. Spool files stay.
func setAside(state, keyPath, named string) (old string, err error) {
	if keyPath == "" {
		keyPath = filepath.Join(state, "key")
	}
	b, err := os.ReadFile(keyPath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = named // the key is lost: only a person knows the name
	case err != nil:
		return "", err
	default:
		id, err := parseIdentity(strings.TrimSpace(string(b)))
		if err != nil {
			return "", err
		}
		old = id.log
	}
	if !manifest.ValidLogName(old) {
		return "", errors.New("the log that ended has no name: give it with --old")
	}
	aside := filepath.Join(state, "ended", old)
	if err := durable.MkdirAll(aside, 0o700); err != nil {
		return "", err
	}
	for _, move := range []struct{ from, name string }{
		{filepath.Join(state, "state.db"), "state.db"}, {filepath.Join(state, "spool"), "spool"}, {keyPath, "key"},
	} {
		err := os.Rename(move.from, filepath.Join(aside, move.name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return old, errors.Join(durable.SyncDir(aside), durable.SyncDir(state))
}

// link enters what the stores last showed of the old log.
func (s *Station) link(ctx context.Context, old string) error {
	var shown []byte
	for _, c := range s.stores {
		var b []byte
		err := c.use(func(st store.Store) (err error) {
			b, _, err = store.ReadAll(ctx, st, manifest.CheckpointPath(old), 1<<16)
			return err
		})
		if errors.Is(err, store.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		shown = b
	}
	if shown == nil {
		return fmt.Errorf("recover: no store holds a log %s", old)
	}
	lines := strings.SplitN(string(shown), "\n", 4)
	if len(lines) < 4 {
		return fmt.Errorf("recover: the checkpoint of log %s: %w", old, manifest.ErrMalformed)
	}
	err := s.commit(ctx, func(tx *ledger.Tx) error {
		_, err := s.append(tx, manifest.Draft{Type: "log.recovered", Actor: "admin", Fields: manifest.Object{
			"old": manifest.Object{"origin": lines[0], "size": lines[1], "root": lines[2]},
		}})
		return err
	})
	return errors.Join(err, s.publishNow(ctx))
}
