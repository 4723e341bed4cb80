package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/custodock/custodock/manifest/ledger"
)

func dbOptions() *bbolt.Options {
	return &bbolt.Options{Timeout: 2 * time.Second, FreelistType: bbolt.FreelistMapType}
}

// openDB opens the state's database and makes its buckets. A file that lost its
// tail is refused before bbolt maps it, because touching a page that is not
// there kills the process; what else bbolt cannot read, it panics about.
func openDB(state string) (db *bbolt.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("open state %s: %w: %v", state, ledger.ErrDamaged, p)
		}
	}()
	path := filepath.Join(state, "state.db")
	if err := wholeDB(path); err != nil {
		return nil, stateError(state, err)
	}
	if db, err = bbolt.Open(path, 0o600, dbOptions()); err != nil {
		return nil, stateError(state, err)
	}
	if err := db.Update(makeBuckets); err != nil {
		return db, stateError(state, err)
	}
	return db, nil
}

// wholeDB compares the file with the size its newest meta page gives.
func wholeDB(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil // bbolt makes a new one
	}
	if err != nil {
		return err
	}
	// Read-only, bbolt looks at nothing but the meta pages.
	o := dbOptions()
	o.ReadOnly = true
	db, err := bbolt.Open(path, 0o600, o)
	if err != nil {
		return damaged(err)
	}
	var need int64
	err = db.View(func(tx *bbolt.Tx) error {
		need = tx.Size()
		return nil
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if info.Size() < need {
		return fmt.Errorf("%w: it has %d bytes of %d", ledger.ErrDamaged, info.Size(), need)
	}
	return nil
}

// damaged says so of what bbolt finds wrong with the file itself.
func damaged(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) || errors.Is(err, berrors.ErrTimeout) {
		return err
	}
	return fmt.Errorf("%w: %w", ledger.ErrDamaged, err)
}
