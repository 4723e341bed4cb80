package ingest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// Rotate gives the log another key, which signs beside those it has, and
// returns the verifier keys before and after.
//
// A crash before the key file is replaced leaves nothing. One after it leaves a
// key that signs along and that the log does not name yet, which is no harm to
// any verifier: whatever opens the state next enters it first of all.
func Rotate(ctx context.Context, o Options) (before, after string, err error) {
	s, err := Open(ctx, o)
	if err != nil {
		return "", "", err
	}
	before = s.newest()
	err = s.addKey()
	if err = errors.Join(err, s.Close()); err != nil {
		return before, "", fmt.Errorf("rotate key: %w", err)
	}
	o.Create = false
	if s, err = Open(ctx, o); err != nil { // enters the key
		return before, "", fmt.Errorf("rotate key: the new key is kept, and entered by the next command that works: %w", err)
	}
	after = s.newest()
	if err = s.publishNow(ctx); err != nil && !errors.Is(err, manifest.ErrForked) {
		err = fmt.Errorf("%w: %w", err, ErrUnpublished)
	}
	return before, after, errors.Join(err, s.Close())
}

// addKey makes a key and keeps it, durably, behind those that sign.
func (s *Station) addKey() error {
	if err := s.ring.replaceable(); err != nil {
		return err
	}
	keys, err := s.ring.read()
	if err != nil {
		return err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	skey, _, err := manifest.EncodeKey(manifest.Origin(s.authority, s.log), private)
	if err != nil {
		return err
	}
	return s.ring.replace(keys + "\n" + skey)
}

// newest is the verifier key that people are given from now on.
func (s *Station) newest() string { return s.keys[len(s.keys)-1] }

// keyPrefix begins the names, in the database, of keys that the log took in.
const keyPrefix = "log.key "

// applyKey notes a key that the log took in.
func (c catalog) applyKey(e manifest.Entry) error {
	return c.tx.Bucket(metaBucket).Put([]byte(keyPrefix+e.Fields.Str("key")), key(e.N))
}

// checkKeys refuses to sign without a key that the log has taken in: verifiers
// who were given that one would be left with nothing.
func (s *Station) checkKeys() error {
	var lost string
	err := s.db.View(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(metaBucket).Cursor()
		for k, _ := cur.Seek([]byte(keyPrefix)); strings.HasPrefix(string(k), keyPrefix); k, _ = cur.Next() {
			if vkey := strings.TrimPrefix(string(k), keyPrefix); !slices.Contains(s.keys, vkey) {
				lost = vkey
			}
		}
		return nil
	})
	if err == nil && lost != "" {
		err = fmt.Errorf("open log %s: %s lacks the key %s, which the log took in: restore the newest backup of the key", s.log, s.ring.where(), lost)
	}
	return err
}

// enterKeys puts into the log what a rotation added to the key file.
func (s *Station) enterKeys(ctx context.Context) error {
	if err := s.checkKeys(); err != nil {
		return err
	}
	for _, vkey := range s.keys[1:] {
		known := false
		err := s.db.View(func(tx *bbolt.Tx) error {
			known = tx.Bucket(metaBucket).Get([]byte(keyPrefix+vkey)) != nil
			return nil
		})
		if err == nil && !known {
			err = s.ledger.Commit(ctx, func(tx *ledger.Tx) error {
				_, err := s.append(tx, manifest.Draft{Type: "log.key", Actor: "admin", Fields: manifest.Object{"key": vkey}})
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
