package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// embedded is the name in entries of the store that is in the state directory.
const embedded = "central"

// storeList is the configured stores, or the embedded one.
func storeList(state string, cfg configs.Config) []configs.Store {
	if len(cfg.Stores) == 0 {
		return []configs.Store{{URL: (&url.URL{Scheme: "file", Path: state + "/central"}).String()}}
	}
	return cfg.Stores
}

// centrals are the stores of the configuration in force.
func (s *Station) centrals() []*central {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stores
}

// How long a start waits for stores. A line that swallows everything must not
// keep a dock from its cameras.
const (
	firstAnswer  = 10 * time.Second // for any of them
	otherAnswers = time.Second      // for the rest, once one has answered
	everyAnswer  = 5 * time.Minute  // for each, where the longest history is looked for
)

// errSlow is what is known of a store that a start did not wait for.
var errSlow = fmt.Errorf("%w: it did not answer in time; it is asked again", store.ErrAway)

// askStores asks all stores at once and returns manifest.ErrForked where one
// knows another history. One that takes too long is away: nothing is written to
// it before it was asked again.
func (s *Station) askStores(ctx context.Context, ask func(context.Context, *central) error) error {
	first, others := firstAnswer, otherAnswers
	if s.o.recovering {
		first, others = everyAnswer, everyAnswer
	}
	ctx, cancel := context.WithTimeout(ctx, first)
	defer cancel()
	stores := s.centrals()
	answers := make(chan error, len(stores))
	for _, c := range stores {
		go func() {
			err := ask(ctx, c)
			if err != nil && ctx.Err() != nil {
				err = errSlow
			}
			if err != nil && !errors.Is(err, manifest.ErrForked) {
				s.logger.Warn("store away", "store", c.name, "err", err)
				s.storeAlarm(c, err)
			}
			answers <- err
		}()
	}
	var forked error
	for range stores {
		err := <-answers
		switch {
		case err == nil:
			hurry := time.AfterFunc(others, cancel)
			defer hurry.Stop()
		case errors.Is(err, manifest.ErrForked):
			forked = errors.Join(forked, err)
		}
	}
	return forked
}

// openStores opens what is there. A store that is away is tried again later.
// A new log is refused where a store holds another key under its name.
func (s *Station) openStores(ctx context.Context, id identity) error {
	for _, cfg := range s.conf().Stores {
		if err := guardStore(s.state, *s.conf(), cfg.URL); err != nil {
			return err
		}
		s.mu.Lock()
		s.stores = append(s.stores, newCentral(cfg))
		s.mu.Unlock()
	}
	return s.askStores(ctx, func(ctx context.Context, c *central) error {
		err := s.reach(ctx, c)
		if err == nil {
			err = c.use(func(st store.Store) error { return refuseOtherKey(ctx, st, id) })
			c.fail(err) // it is looked at again before anything is published there
		}
		return err
	})
}

// reach opens c if it is away. The id a store had at first is kept, so that an
// empty mount point is never taken for the disk that belongs there.
func (s *Station) reach(ctx context.Context, c *central) error {
	c.opening.Lock()
	defer c.opening.Unlock()
	c.mu.Lock()
	there := c.open != nil
	c.mu.Unlock()
	if there {
		return nil
	}
	var was, named, id string
	_ = s.db.View(func(tx *bbolt.Tx) error {
		was, named = known(tx, c.name, c.cfg.URL), namedAt(tx, c.cfg.URL)
		return nil
	})
	_, local := localPath(c.cfg.URL)
	if local {
		id = was
	}
	st, err := s.o.OpenStore(ctx, StoreRequest{Store: c.cfg, ID: id, Create: id == "", Journal: journal{s.db, c.name}})
	if err != nil {
		c.fail(err)
		return err
	}
	if was == "" || named != c.name {
		if err := s.keepPlace(c, st); err != nil {
			if closer, ok := st.(interface{ Close() error }); ok {
				err = errors.Join(err, closer.Close())
			}
			return err
		}
	}
	c.mu.Lock()
	c.open, c.trouble, c.checked = &handle{st: st}, nil, false
	c.mu.Unlock()
	return nil
}

// keepPlace notes which place the name of a store stands for from now on, and
// how a URL is called.
func (s *Station) keepPlace(c *central, st store.Store) error {
	place := bucket(c.cfg.URL)
	named, ok := st.(interface{ ID() string })
	if _, local := localPath(c.cfg.URL); local && ok {
		place = named.ID()
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		return errors.Join(meta.Put(placeKey(c.name), []byte(place)), meta.Put(namedKey(c.cfg.URL), []byte(c.name)))
	})
}

// refuseOtherKey guards a log's name: whoever reinstalls a dock without its
// key must not continue, or overwrite, the log that stands in the store.
func refuseOtherKey(ctx context.Context, st store.Store, id identity) error {
	b, _, err := store.ReadAll(ctx, st, manifest.KeyPath(id.log), 4096)
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the key of log %s in %s: %w", id.log, st.URL(), err)
	}
	if string(b) != id.keys[0]+"\n" {
		return fmt.Errorf("%w: %s holds log %s under another key: restore its signing key, or start a linked log with custodock log recover --new --old "+id.log,
			manifest.ErrForked, st.URL(), id.log)
	}
	return nil
}

// checkStores refuses to sign when a reachable store shows a longer or another
// log than ours: the state was restored from a backup, or cloned.
func (s *Station) checkStores(ctx context.Context) error {
	return s.askStores(ctx, s.check)
}

// check compares c's log with ours once after it came.
func (s *Station) check(ctx context.Context, c *central) error {
	c.mu.Lock()
	checked := c.checked
	c.mu.Unlock()
	if checked {
		return nil
	}
	err := c.use(func(st store.Store) error { return s.ledger.Check(ctx, c.name, shelf{st}) })
	c.mu.Lock()
	c.checked = err == nil
	c.mu.Unlock()
	return err
}

// storeChecked reports whether any store said that it knows no other history.
func (s *Station) storeChecked() bool {
	for _, c := range s.centrals() {
		c.mu.Lock()
		checked := c.checked
		c.mu.Unlock()
		if checked {
			return true
		}
	}
	return false
}

func (s *Station) storeNames() []string {
	stores := s.centrals()
	names := make([]string, len(stores))
	for i, c := range stores {
		names[i] = c.name
	}
	return names
}

// storeTrouble says in words why clips wait.
func (s *Station) storeTrouble() string {
	for _, c := range s.centrals() {
		if err := c.problem(); err != nil {
			return fmt.Sprintf("store %s does not take them: %v", c.name, err)
		}
	}
	return "the stores have not answered yet"
}

// shelf is a store as the ledger publishes to it.
type shelf struct{ st store.Store }

func (s shelf) Create(ctx context.Context, name string, data []byte) error {
	_, err := s.st.Create(ctx, name, data)
	if errors.Is(err, store.ErrExists) {
		err = fmt.Errorf("%w: %w", ledger.ErrOther, err)
	}
	return err
}

func (s shelf) Replace(ctx context.Context, name string, data []byte, old string) (string, error) {
	info, err := s.st.Replace(ctx, name, data, old)
	return info.Version, err
}

// shelfLimit bounds what is read from a store for the log: the longest entry
// bundle there can be.
const shelfLimit = 2 << 20

func (s shelf) Read(ctx context.Context, name string) ([]byte, string, error) {
	b, info, err := store.ReadAll(ctx, s.st, name, shelfLimit)
	if errors.Is(err, store.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ledger.ErrAbsent, err)
	}
	return b, info.Version, err
}
