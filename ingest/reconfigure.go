package ingest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// ErrFixed is wrapped when a changed configuration asks for what can only be
// given at the start.
var ErrFixed = errors.New("it is fixed when the daemon starts")

// Reconfigure puts another configuration in force, whole or not at all; file is
// where it was read from. Stores whose settings are the same stay open, and
// dockings go on as they began.
func (s *Station) Reconfigure(ctx context.Context, cfg configs.Config, file string) error {
	s.reconfiguring.Lock()
	defer s.reconfiguring.Unlock()
	old := s.conf()
	for _, c := range []struct {
		key      string
		was, now any
	}{{"log", old.Log, cfg.Log}, {"authority", old.Authority, cfg.Authority}, {"key", old.Key, cfg.Key}} {
		if c.was != c.now {
			return fmt.Errorf("change %s from %q to %q: %w: restart it, or change it back", c.key, c.was, c.now, ErrFixed)
		}
	}
	next, err := s.adapt(cfg)
	if err == nil {
		next.Stores, err = s.nameStores(next.Stores)
	}
	if err != nil {
		return err
	}
	for _, st := range next.Stores {
		if err := errors.Join(guardStore(s.state, next, st.URL), s.samePlace(st)); err != nil {
			return err
		}
	}
	profiles, err := profile.Load(configs.Devices(), next.Profiles)
	if err != nil {
		return err
	}
	digest, err := digestOfFile(file)
	if err != nil {
		return fmt.Errorf("hash the configuration: %w", err)
	}
	err = s.commit(ctx, func(tx *ledger.Tx) error {
		_, err := s.append(tx, manifest.Draft{Type: "run.configured", Actor: "admin", Fields: manifest.Object{"config": digest}})
		return err
	})
	if err != nil {
		return err
	}
	s.profiles.Store(&profiles)
	gone := s.swap(&next)
	// The queue is made before anybody serves it: an uploader never looks back
	// behind the rows it has seen.
	err = s.reconcile(false)
	s.serveFresh()
	s.spool.setReserve(int64(next.Reserve))
	s.reconfigured.wake()
	s.wakeUploads()
	s.markDirty()
	s.leave(gone)
	return err
}

// leave waits for what works for stores that are not in the configuration any
// more, and ends their alarms. One that has the name of a store in force has
// them with it, until that one has answered.
func (s *Station) leave(gone []*central) {
	for _, c := range gone {
		c.close()
		if !slices.Contains(s.storeNames(), c.name) {
			s.storeAlarm(c, nil)
			s.alarms.clear("store_unlocked", c.name)
		}
	}
}

// RefuseConfig raises the alarm that a changed configuration is not in force
// and why; nil ends it.
func (s *Station) RefuseConfig(err error) {
	if err == nil {
		s.alarms.clear("config_bad")
	} else {
		s.alarms.raise("config_bad", err, s.now())
	}
	s.change.wake()
}

// samePlace refuses a folder under the name of another place, as far as it is
// there to be looked at.
func (s *Station) samePlace(st configs.Store) error {
	var was string
	_ = s.db.View(func(tx *bbolt.Tx) error {
		was = known(tx, st.Name, st.URL)
		return nil
	})
	if _, local := localPath(st.URL); !local || was == "" || placeOf(st.URL) == was {
		return nil
	}
	return fmt.Errorf("change store %s to %s: clips are entered as stored under that name elsewhere: give the new place another name, or mount its disk", st.Name, st.URL)
}

// swap puts a configuration in force and returns the stores that are not in it
// any more, told to end.
func (s *Station) swap(next *configs.Config) (gone []*central) {
	s.work.mu.Lock()
	defer s.work.mu.Unlock()
	standing := map[string]*central{}
	for _, c := range s.centrals() {
		standing[c.name] = c
	}
	var stores []*central
	for _, cfg := range next.Stores {
		c := standing[cfg.Name]
		if c != nil && reflect.DeepEqual(c.cfg, cfg) {
			delete(standing, cfg.Name)
		} else {
			c = newCentral(cfg)
		}
		stores = append(stores, c)
	}
	s.mu.Lock()
	s.stores = stores
	s.mu.Unlock()
	s.cfg.Store(next)
	for _, c := range standing {
		if c.stop != nil {
			c.stop()
		}
		gone = append(gone, c)
	}
	return gone
}
