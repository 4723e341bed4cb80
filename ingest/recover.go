package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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

	CredentialRemoved bool // a person says that the service manager hands the old key over no more
}

// Recover brings a dock back to work whose state a store contradicts. It
// returns the verifier key that is in force afterwards.
func Recover(ctx context.Context, o Options, r RecoverOptions) (string, error) {
	if r.New {
		return startLinked(ctx, o, r)
	}
	o.recovering, o.Create = true, true
	s, err := Open(ctx, o)
	if err != nil {
		return "", err
	}
	err = s.adopt(ctx)
	vkey := s.newest()
	return vkey, errors.Join(err, s.Close())
}

// adopt takes over the longest history of our log that a store shows.
func (s *Station) adopt(ctx context.Context) error {
	before := s.ledger.Size()
	asked := 0
	for _, c := range s.centrals() {
		err := c.use(func(st store.Store) error {
			_, err := s.ledger.Adopt(ctx, shelf{st}, func(tx *ledger.Tx, e manifest.Entry, record []byte) error {
				return catalog{tx.Bolt()}.apply(e, record)
			})
			return err
		})
		switch {
		case errors.Is(err, manifest.ErrForked):
			return fmt.Errorf("recover log %s from store %s: %w: end it and start a linked log with custodock log recover --new", s.log, c.name, err)
		case err != nil:
			s.logger.Warn("store not asked", "store", c.name, "err", err)
		default:
			asked++
		}
	}
	if asked == 0 {
		return fmt.Errorf("recover log %s: no store shows it: connect the store and try again", s.log)
	}
	if err := s.checkKeys(); err != nil {
		return err
	}
	if err := s.reconcile(true); err != nil {
		return err
	}
	if s.ledger.Size() == before {
		return nil
	}
	err := s.commit(ctx, func(tx *ledger.Tx) error {
		_, err := s.append(tx, manifest.Draft{Type: "log.recovered", Actor: "admin", Fields: manifest.Object{
			"from": before, "size": tx.Size(),
		}})
		return err
	})
	return errors.Join(err, s.publishNow(ctx))
}

// startLinked sets the old state aside, whole, and begins a new log that names
// the old one's last published checkpoint.
func startLinked(ctx context.Context, o Options, r RecoverOptions) (string, error) {
	if err := o.keyring().replaceable(); err != nil {
		return "", fmt.Errorf("recover: %w", err)
	}
	old := r.Old
	lock, err := prepare(o.State, true)
	if err == nil && !r.CredentialRemoved && hadCredential(o.State) {
		err = fmt.Errorf("recover: %w", errHadCredential)
	}
	if err == nil && old == "" {
		old, err = ownLog(o)
	}
	var shown *manifest.Checkpoint
	if err == nil {
		shown, err = lastShown(ctx, o, old)
	}
	if err != nil {
		if lock != nil {
			err = errors.Join(err, lock.Close())
		}
		return "", err
	}
	if err = setAside(o.State, o.Config.Key, old); err != nil {
		err = fmt.Errorf("set the old log aside: %w", err)
	}
	if err = errors.Join(err, lock.Close()); err != nil {
		return "", err
	}
	if o.Config.Log == old {
		o.Config.Log = ""
	}
	o.Create = true
	s, err := Open(ctx, o)
	if err != nil {
		return "", err
	}
	vkey := s.newest()
	return vkey, errors.Join(s.link(ctx, *shown), s.Close())
}

// ownLog is the log whose key the state has, or had.
func ownLog(o Options) (string, error) {
	id, err := loadIdentity(o.keyring(), o.State, o.Config, true)
	if log, known := lostLog(o.State); missing(err) && known {
		return log, nil
	}
	if err != nil {
		return "", fmt.Errorf("recover: name the log that ended with --old: %w", err)
	}
	return id.log, nil
}

// lastShown is the longest checkpoint of log old in any store, signed by the
// key that the store has for it. It is looked for before anything is moved.
func lastShown(ctx context.Context, o Options, old string) (*manifest.Checkpoint, error) {
	if !manifest.ValidLogName(old) {
		return nil, fmt.Errorf("recover: %q is no name of a log", old)
	}
	var last *manifest.Checkpoint
	for _, cfg := range storeList(o.State, o.Config) {
		st, err := o.OpenStore(ctx, StoreRequest{Store: cfg})
		if err != nil {
			return nil, fmt.Errorf("recover: %w", err)
		}
		shown, err := checkpointIn(ctx, st, old)
		if closer, ok := st.(io.Closer); ok {
			err = errors.Join(err, closer.Close())
		}
		switch {
		case errors.Is(err, store.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("recover: log %s in %s: %w", old, cfg.URL, err)
		case last == nil || shown.Size > last.Size:
			last = &shown
		}
	}
	if last == nil {
		return nil, fmt.Errorf("recover: no store holds a log %s", old)
	}
	return last, nil
}

func checkpointIn(ctx context.Context, st store.Store, log string) (manifest.Checkpoint, error) {
	vkey, _, err := store.ReadAll(ctx, st, manifest.KeyPath(log), 4096)
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	v, err := manifest.ParseKey(strings.TrimSuffix(string(vkey), "\n"))
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	b, _, err := store.ReadAll(ctx, st, manifest.CheckpointPath(log), 1<<16)
	if err != nil {
		return manifest.Checkpoint{}, err
	}
	return manifest.OpenCheckpoint(b, v.Name(), v)
}

// link enters what the stores last showed of the old log.
func (s *Station) link(ctx context.Context, shown manifest.Checkpoint) error {
	err := s.commit(ctx, func(tx *ledger.Tx) error {
		_, err := s.append(tx, manifest.Draft{Type: "log.recovered", Actor: "admin", Fields: manifest.Object{
			"old": manifest.Object{"origin": shown.Origin, "size": shown.Size, "root": shown.Root.String()},
		}})
		return err
	})
	if err != nil {
		return err
	}
	return s.publishNow(ctx)
}
