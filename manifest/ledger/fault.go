package ledger

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"
)

// full reports that a write found no room. A sync that says so is another
// matter: it may have lost pages; bbolt returns it as a bare errno.
func full(err error) bool {
	var path *fs.PathError
	if errors.As(err, &path) {
		return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	}
	// bbolt renders the error of growing the file, before any page is written.
	return err != nil && strings.Contains(err.Error(), "file resize error") &&
		(strings.HasSuffix(err.Error(), syscall.ENOSPC.Error()) || strings.HasSuffix(err.Error(), syscall.EDQUOT.Error()))
}

func (l *Ledger) deadErr() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *Ledger) isAdopting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.adopting
}

// view is db.View, but not after the ledger stopped: what a transaction left
// in the page cache when its sync failed must not be taken for the log.
func (l *Ledger) view(fn func(*bbolt.Tx) error) error {
	if err := l.deadErr(); err != nil {
		return err
	}
	return l.db.View(fn)
}
