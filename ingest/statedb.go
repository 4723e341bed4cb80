package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/custodock/custodock/manifest/ledger"
)

// layout is the version of what the buckets hold, under layoutKey: 1 where there
// is none, 2 with loads and proofs. A program refuses a state of a later one:
// it would leave undone what that relies on.
const layout = 2

var layoutKey = []byte("layout")

// errNewer is what a state says that a later program has written.
var errNewer = errors.New("a newer version of custodock has written it: install that version again")

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
	if err := db.Update(upgrade); err != nil {
		return db, stateError(state, err)
	}
	return db, nil
}

// upgrade makes the buckets that are lacking and brings a state of an older
// layout to this one.
func upgrade(tx *bbolt.Tx) error {
	was := 0
	if meta := tx.Bucket(metaBucket); meta != nil {
		was = 1
		if b := meta.Get(layoutKey); b != nil {
			var err error
			if was, err = strconv.Atoi(string(b)); err != nil {
				return fmt.Errorf("%w: its layout is %q", ledger.ErrDamaged, b)
			}
		}
	}
	if was > layout {
		return fmt.Errorf("layout %d, this one knows %d: %w", was, layout, errNewer)
	}
	if err := makeBuckets(tx); err != nil || was == layout {
		return err
	}
	return tx.Bucket(metaBucket).Put(layoutKey, []byte(strconv.Itoa(layout)))
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
