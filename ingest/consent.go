package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// ErrConsent is wrapped when a store would lock objects for good and nobody has
// agreed to that yet. Clips wait on the dock until somebody has.
var ErrConsent = errors.New("an admin has to agree first")

// lockability is whether a store can lock objects, as far as it was asked.
type lockability int

const (
	lockUnknown lockability = iota
	lockable
	unlockable
)

// agreedRecord says which place was agreed to; its name is nobody's business.
type agreedRecord struct {
	URL string `json:"url"`
}

// ready reports whether c is there, knows no other history and may be written.
func (s *Station) ready(ctx context.Context, c *central) error {
	if err := s.reach(ctx, c); err != nil {
		return err
	}
	if err := s.check(ctx, c); err != nil {
		return err
	}
	return s.consented(ctx, c)
}

// consented refuses a store that would lock objects in compliance mode, which
// no one can undo, until an admin has agreed. A store that shall lock and
// cannot is used without, which its alarm says.
func (s *Station) consented(ctx context.Context, c *central) error {
	mode, retain := c.cfg.Locked()
	if mode == configs.LockNone {
		return nil
	}
	locks, err := c.locks(ctx)
	if err != nil {
		return err
	}
	if !locks {
		err := fmt.Errorf("store %s: %w: make a bucket with object lock, or set lock: none; what it holds can be removed and frees no camera", c.name, store.ErrUnlocked)
		c.unlocked.Do(func() { s.logger.Warn("store without lock", "store", c.name, "err", err) })
		s.alarms.raise("store_unlocked", err, s.now(), c.name)
		return nil
	}
	s.alarms.clear("store_unlocked", c.name)
	if mode != configs.LockCompliance || s.agreed(c.cfg, retain) {
		return nil
	}
	return fmt.Errorf("store %s locks each object for %d days, and nobody can undo that: %w: run custodock doctor and say yes",
		c.name, days(retain), ErrConsent)
}

// needsYes reports whether too few stores are left that take clips without
// somebody's yes.
func (s *Station) needsYes() bool {
	stores, open := s.centrals(), 0
	for _, c := range stores {
		if !errors.Is(c.problem(), ErrConsent) {
			open++
		}
	}
	return open < s.wanted(len(stores))
}

func days(d time.Duration) int64 { return int64(d / (24 * time.Hour)) }

// locks asks the store once whether it can lock objects.
func (c *central) locks(ctx context.Context) (bool, error) {
	c.mu.Lock()
	known := c.lockable
	c.mu.Unlock()
	if known != lockUnknown {
		return known == lockable, nil
	}
	var can bool
	err := c.use(func(st store.Store) (err error) {
		if l, ok := st.(store.Locker); ok {
			can, err = l.CanLock(ctx)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	known = unlockable
	if can {
		known = lockable
	}
	c.mu.Lock()
	c.lockable = known
	c.mu.Unlock()
	return can, nil
}

// recheckLock has a store asked again whether it locks when it took a clip
// without the lock that it was to have.
func (c *central) recheckLock(o store.Object, info store.Info) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !o.Until.IsZero() && info.Lock == "" && c.lockable == lockable {
		c.lockable = lockUnknown
	}
}

// place is what of a store's URL says where it is.
func place(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	q := u.Query()
	q.Del("lock")
	q.Del("days")
	u.RawQuery = q.Encode()
	return u.String()
}

// bucket is what of a store's URL stays when it is reached by another way.
func bucket(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	u.RawQuery = ""
	return u.String()
}

func agreedKey(store, raw string) []byte { return []byte("agreed " + store + "\x00" + place(raw)) }

// agreed reports whether somebody agreed to locks of at least that length.
func (s *Station) agreed(cfg configs.Store, retain time.Duration) bool {
	most := int64(-1)
	_ = s.db.View(func(tx *bbolt.Tx) error {
		n, err := strconv.ParseInt(string(tx.Bucket(metaBucket).Get(agreedKey(cfg.Name, cfg.URL))), 10, 64)
		if err == nil {
			most = n
		}
		return nil
	})
	return most >= days(retain)
}

// Agree enters that an admin accepts the locks of a store, and lets clips go
// there. Saying it again adds nothing.
func (s *Station) Agree(ctx context.Context, name string) error {
	for _, c := range s.centrals() {
		if c.name != name {
			continue
		}
		mode, retain := c.cfg.Locked()
		if mode != configs.LockCompliance || s.agreed(c.cfg, retain) {
			return nil
		}
		record, err := manifest.NewRecord(agreedRecord{URL: c.cfg.URL})
		if err != nil {
			return err
		}
		err = s.commit(ctx, func(tx *ledger.Tx) error {
			_, err := s.append(tx, manifest.Draft{Type: "store.agreed", Actor: "admin", Record: record, Fields: manifest.Object{
				"store": c.name, "lock": mode, "days": days(retain),
			}})
			return err
		})
		if err != nil {
			return err
		}
		s.storeAlarm(c, nil)
		c.hurry.Store(true)
		ring(c.wake)
		s.markDirty()
		return nil
	}
	return fmt.Errorf("agree to store %q: no store has that name: see custodock doctor", name)
}

func (c catalog) applyAgreed(e manifest.Entry, record []byte) error {
	if record == nil {
		return nil // erased: somebody has to agree again
	}
	var rec agreedRecord
	if err := json.Unmarshal(record, &rec); err != nil {
		return fmt.Errorf("read record of entry %d: %w", e.N, err)
	}
	n, _ := e.Fields.Int("days")
	return c.tx.Bucket(metaBucket).Put(agreedKey(e.Fields.Str("store"), rec.URL), []byte(strconv.FormatInt(n, 10)))
}
