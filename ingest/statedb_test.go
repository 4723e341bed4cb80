package ingest

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// TestNewerState: a state that a later program has written is refused with
// words, and is as it was afterwards.
func TestNewerState(t *testing.T) {
	o := testOptions(t)
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	inState(t, o.State, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(layoutKey, []byte("3")) })
	for range 2 {
		if _, err := Open(context.Background(), o); !errors.Is(err, errNewer) || !strings.Contains(err.Error(), "install that version again") {
			t.Errorf("%v", err)
		}
	}
	inState(t, o.State, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(layoutKey, []byte("2")) })
	if s, err = Open(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// inState changes the database of a state that nobody has open.
func inState(t *testing.T, state string, change func(*bbolt.Tx) error) {
	t.Helper()
	o := dbOptions()
	o.InitialMmapSize, o.NoSync = 512<<20, true // quick, for large changes
	db, err := bbolt.Open(filepath.Join(state, "state.db"), 0o600, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}
