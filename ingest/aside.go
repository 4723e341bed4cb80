package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/custodock/custodock/internal/durable"
)

// asideNames are what is moved of a log that ended, beside its key. The database is the
// last: as long as it is there without a key nothing else is begun here, and the
// next attempt finds the log's name in it.
var asideNames = []string{"spool", "endorsement", "state.db"}

// setAside moves key, database, spool and endorsements of the log that ended under ended/,
// where its unpublished entries, its key and its waiting clips stay. The key
// goes first: without it nobody can sign a second history of that log.
func setAside(state, keyPath, old string) error {
	if keyPath == "" {
		keyPath = filepath.Join(state, "key")
	}
	key, err := os.ReadFile(keyPath)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	aside, err := vacantAside(state, old, key)
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	if err := moveKey(keyPath, filepath.Join(aside, "key"), key); err != nil {
		return err
	}
	for _, name := range asideNames {
		err := os.Rename(filepath.Join(state, name), filepath.Join(aside, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errors.Join(durable.SyncDir(aside), durable.SyncDir(state))
}

// moveKey goes by way of a copy, since the key may lie on another disk; nil is no key.
func moveKey(from, to string, key []byte) error {
	if key == nil {
		return nil
	}
	err := durable.CreateFile(to, key, 0o600)
	if errors.Is(err, fs.ErrExist) { // an attempt before this one; vacantAside has compared it
		err = nil
	}
	if err == nil {
		err = os.Remove(from)
	}
	if err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(from))
}

// vacantAside is the folder for what is left of a log: ended/<log>, or the first of
// ended/<log>-2, -3 … in which nothing would be overwritten. A log ends twice where
// its state came back from a backup; both are evidence. What an attempt that was
// broken off has moved already is not here any more, so the next one goes on in the
// same folder.
func vacantAside(state, old string, key []byte) (string, error) {
	const most = 1000
	for n := 1; n <= most; n++ {
		aside := filepath.Join(state, "ended", old)
		if n > 1 {
			aside = fmt.Sprintf("%s-%d", aside, n)
		}
		free, err := freeFor(state, aside, key)
		if err != nil || free {
			return aside, err
		}
	}
	return "", fmt.Errorf("%d folders of log %s are under ended: move them elsewhere", most, old)
}

// freeFor reports whether everything of state can go to aside and overwrite nothing.
func freeFor(state, aside string, key []byte) (bool, error) {
	there, err := os.ReadFile(filepath.Join(aside, "key"))
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	case err == nil && key != nil && !bytes.Equal(there, key):
		return false, nil
	}
	for _, name := range asideNames {
		if isFile(filepath.Join(state, name)) && isFile(filepath.Join(aside, name)) {
			return false, nil
		}
	}
	return true, nil
}
