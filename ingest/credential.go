package ingest

import (
	"errors"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// errHadCredential says what a command cannot see: whether the service still gets the
// key of the log that is to end.
var errHadCredential = errors.New("the key of this log was a credential of the service, which is not here to be set aside: " +
	"take its LoadCredential out of the unit, so that nothing signs that log any more, and say so with --credential-removed")

// credentialKey marks a state whose key was a credential when it was last opened.
var credentialKey = []byte("key was a credential")

// noteCredential remembers, for a command that runs outside the service, that the
// state has no key because the service has it.
func (s *Station) noteCredential() error {
	_, is := s.ring.(credential)
	var was bool
	err := s.db.View(func(tx *bbolt.Tx) error {
		was = tx.Bucket(metaBucket).Get(credentialKey) != nil
		return nil
	})
	if err != nil || is == was {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		if !is {
			return tx.Bucket(metaBucket).Delete(credentialKey)
		}
		return tx.Bucket(metaBucket).Put(credentialKey, []byte{1})
	})
}

// hadCredential reads what noteCredential wrote; a state that cannot be read says
// nothing.
func hadCredential(state string) (had bool) {
	if !isFile(filepath.Join(state, "state.db")) {
		return false
	}
	db, err := openDB(state)
	if err != nil {
		return false
	}
	_ = db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(metaBucket); b != nil {
			had = b.Get(credentialKey) != nil
		}
		return nil
	})
	_ = db.Close()
	return had
}
