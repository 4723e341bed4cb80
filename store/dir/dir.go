// Package dir keeps a store in a directory: the embedded store beside the
// spool, an archive disk, or a folder that somebody copied for an auditor.
//
// A store carries a marker file, so that the empty mount point of a disk that
// is not there is never taken for the disk. Every name is resolved beneath one
// open handle of the root, without following links and without crossing into
// another file system: what is synced is what was written, and a disk cannot
// be exchanged under a running dock.
//
// Files are written under a temporary name in the root, synced and then given
// their name; a reader sees a whole file or none. An object is a hard link to
// the spool file where both are on one file system.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/internal/fsuuid"
	"github.com/custodock/custodock/store"
)

// ErrWrongDisk is wrapped by Open when the directory is not the store that was
// asked for, most often since its disk is not mounted.
var ErrWrongDisk = errors.New("not the expected store")

// Options say which store Open must find.
type Options struct {
	// Create makes a new store where the directory is missing or empty. It
	// makes none where ID names one that must exist.
	Create bool
	// ID is what the marker must say; "" takes whatever it says.
	ID string
	// FSUUID is the UUID the file system must have, in the form of
	// /dev/disk/by-uuid; "" takes any.
	FSUUID string
}

// Reader reads a store and changes nothing in it.
type Reader struct {
	path string
	root *os.File
}

// Store is a store.Store in a directory. Several, also in several processes,
// may write to one directory.
type Store struct {
	Reader
	id      string
	names   keyed    // serialises writers of one name
	known   sync.Map // directories whose names are durable
	syncer  *durable.Syncer
	syncDir func(*os.File) error // replaced by tests

	mu     sync.Mutex
	broken error // the first failed sync of a directory
}

var (
	_ store.Reader = (*Reader)(nil)
	_ store.Store  = (*Store)(nil)
)

// Open opens the store in the directory path for writing.
func Open(path string, o Options) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

func open(path string, o Options) (_ *Store, err error) {
	if err := checkDisk(path, o.FSUUID); err != nil {
		return nil, err
	}
	create := o.Create && o.ID == ""
	if create {
		if err := durable.MkdirAll(path, 0o755); err != nil {
			return nil, explain(err)
		}
	}
	root, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no such directory; mount its disk or correct the path", ErrWrongDisk)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{Reader: Reader{path: path, root: root}, syncDir: (*os.File).Sync}
	defer func() {
		if err != nil {
			_ = root.Close()
		}
	}()
	if s.id, err = identify(root, create); err != nil {
		return nil, err
	}
	if o.ID != "" && s.id != o.ID {
		return nil, fmt.Errorf("%w: it is store %s, not %s; mount the right disk or correct the configuration", ErrWrongDisk, s.id, o.ID)
	}
	own, err := s.openDir(".")
	if err != nil {
		return nil, err
	}
	s.syncer = durable.NewSyncerOn(own)
	// What an earlier crash left costs room and nothing else; a disk that
	// cannot be swept can still be read.
	_, _ = durable.Sweep(path)
	return s, nil
}

// checkDisk compares before anything is made, so that no store grows on the
// file system below a missing disk.
func checkDisk(path, want string) error {
	if want == "" {
		return nil
	}
	have, _, err := fsuuid.Of(path)
	for errors.Is(err, fs.ErrNotExist) && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		have, _, err = fsuuid.Of(path)
	}
	if err != nil {
		return fmt.Errorf("%w: file system %s is wanted: %w; mount it", ErrWrongDisk, want, err)
	}
	if !strings.EqualFold(have, want) {
		return fmt.Errorf("%w: it is on file system %s, not on %s; mount the right disk or correct fs_uuid", ErrWrongDisk, have, want)
	}
	return nil
}

// OpenReader opens a store, or a copy of one that may have lost its marker, for
// reading only.
func OpenReader(path string) (*Reader, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	root, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	info, err := root.Stat()
	if err == nil && !info.IsDir() {
		err = &os.PathError{Op: "open store", Path: path, Err: errors.New("not a directory")}
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return &Reader{path: path, root: root}, nil
}

// ID is the identity that the marker gives the store.
func (s *Store) ID() string { return s.id }

// URL names the directory.
func (r *Reader) URL() string { return (&url.URL{Scheme: "file", Path: r.path}).String() }

// Close ends reading. No other method may be running; open files stay open.
func (r *Reader) Close() error { return r.root.Close() }

// Close ends writing. No other method may be running; open files stay open.
func (s *Store) Close() error { return errors.Join(s.syncer.Close(), s.Reader.Close()) }

// usable refuses work after a directory or the file system failed to sync: what
// the kernel then forgot cannot be learnt, only a new start reads it again.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// sync makes everything written so far durable, together with other callers.
func (s *Store) sync(ctx context.Context) error {
	err := s.syncer.Sync(ctx)
	if err != nil && ctx.Err() == nil {
		return s.breakWith(err)
	}
	return err
}

// syncNames makes the names in one directory durable.
func (s *Store) syncNames(dir *os.File) error {
	if err := s.syncDir(dir); err != nil {
		return s.breakWith(err)
	}
	return nil
}

func (s *Store) breakWith(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = fmt.Errorf("store %s must be opened again after a failed sync: %w", s.path, err)
	}
	return s.broken
}
