// Package store is central storage: a place where objects are kept and from
// which nothing is ever deleted through this program.
//
// Names are slash-separated and relative; the layout under them is described
// in docs/formats.md. Every method may be called from many goroutines.
package store

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"time"

	"github.com/custodock/custodock/clip"
)

var (
	// ErrNotExist is wrapped when a name is not in the store.
	ErrNotExist = errors.New("not in the store")
	// ErrExists is wrapped when a name that is written once holds other bytes.
	ErrExists = errors.New("exists with other bytes")
	// ErrStale is wrapped when a replaced name was changed by another writer.
	ErrStale = errors.New("changed by another writer")
	// ErrFull is wrapped when the store has no room.
	ErrFull = errors.New("store is full")
	// ErrDamaged is wrapped when the bytes sent are not the bytes named.
	ErrDamaged = errors.New("bytes do not match their digest")

	// What a person has to mend before the store works. The dock goes on by
	// itself afterwards.

	// ErrDenied is wrapped when the store refuses our credentials, or what
	// they may do.
	ErrDenied = errors.New("the store refuses these credentials")
	// ErrNoBucket is wrapped when the place itself is not there.
	ErrNoBucket = errors.New("no such bucket")
	// ErrUnlocked is wrapped when objects shall be locked and the store cannot.
	ErrUnlocked = errors.New("the store cannot lock objects")
	// ErrSkewed is wrapped when the store's clock and ours are too far apart.
	ErrSkewed = errors.New("the clocks of dock and store are too far apart")
	// ErrStranger is wrapped when something answers that is no store: a
	// captive portal, a proxy's error page.
	ErrStranger = errors.New("what answers is no store")
	// ErrAway is wrapped when nothing answers at all.
	ErrAway = errors.New("the store cannot be reached")
)

// Info describes one stored version of one name.
type Info struct {
	Name    string
	Size    int64     // bytes
	Version string    // what Stat, Open and Replace take to mean exactly this version; "" where the store keeps one only
	Lock    string    // "", "governance" or "compliance"
	Until   time.Time // end of retention, zero without lock
}

// Object is a clip on its way into a store. The file at Path is complete,
// durable and never changes; it may be linked instead of copied.
type Object struct {
	Digest   clip.Digest
	Size     int64
	Path     string   // of the spool file
	CRC64    uint64   // CRC-64/NVME of the whole
	PartSize int64    // bytes in each part but the last
	Parts    []uint64 // CRC-64/NVME of each part; empty when they are not known

	Until   time.Time // least end of retention, where the store locks; zero for none
	Version string    // that the store said it has of these bytes, "" when it never did
}

// Journal keeps notes of uploads under way, so that a crash costs only what
// was under way and nothing is left behind. Notes of one key replace each
// other; both methods may be called from many goroutines.
type Journal interface {
	// Load returns the note under key, nil when there is none.
	Load(key string) ([]byte, error)
	// Save makes note durable under key; nil removes it.
	Save(key string, note []byte) error
	// Keys lists the keys that start with prefix.
	Keys(prefix string) ([]string, error)
}

// Name is where an object with this digest stands in every store.
func Name(d clip.Digest) string {
	s := d.String()
	return "object/" + s[:2] + "/" + s
}

// File is an open stored version.
type File interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Info() Info
}

// Reader is what proving needs of a store.
type Reader interface {
	// Open opens a version for reading; version "" means the newest.
	Open(ctx context.Context, name, version string) (File, error)
	// Stat describes a version without reading it.
	Stat(ctx context.Context, name, version string) (Info, error)
	// List yields every name that starts with prefix, in lexical order.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// Store is what the dock needs. When a writing method returns nil, the bytes
// are durable and visible to every reader.
type Store interface {
	Reader
	// Create makes name hold data. The same bytes again succeed; other bytes
	// are ErrExists and change nothing.
	Create(ctx context.Context, name string, data []byte) (Info, error)
	// Replace makes name hold data if its version still is old ("" means it
	// must not exist yet), else ErrStale and nothing changes.
	Replace(ctx context.Context, name string, data []byte, old string) (Info, error)
	// Put stores a clip once under Name(o.Digest). An object that is there
	// already with this size is not written again; its retention is extended
	// to o.Until where it ends before, and never shortened. Info is what the
	// store said of the version afterwards. ErrDamaged when the bytes read are
	// not o.Digest's, where the store reads them.
	Put(ctx context.Context, o Object) (Info, error)
	// URL names the store as it was configured, without secrets.
	URL() string
}

// Locker is a Store that may be able to lock objects.
type Locker interface {
	// CanLock reports whether objects put here from now on can be locked.
	CanLock(ctx context.Context) (bool, error)
}

// Inspection is what a store of its own says to a doctor.
type Inspection struct {
	Versioned bool
	Locks     bool
	Default   string        // retention that it gives by itself to whatever is written, "" for none
	Clock     time.Duration // how far its clock is before ours, to about a second
	Allowed   []string      // what our keys may do to evidence: hide, delete, delete-locked, bypass, shorten, lift-hold
}

// Inspector is a Store that can be asked about itself.
type Inspector interface {
	// Inspect asks, and tries on objects of its own what our keys may do. Only
	// with locked it makes an object that nobody can remove, for a day.
	Inspect(ctx context.Context, locked bool) (Inspection, error)
}

// Reaper is a Store in which broken uploads can be left behind.
type Reaper interface {
	// Reap removes what nobody works on any more and returns how many.
	Reap(ctx context.Context) (int, error)
}

// Cold is a Reader on this machine, whose bytes could come from its memory.
type Cold interface {
	// OpenCold opens a version so that it is read from where it is kept.
	OpenCold(ctx context.Context, name, version string) (File, error)
}

// Bare is a Reader to which a version costs a read of the whole file.
type Bare interface {
	// OpenBare opens the newest version for reading and does not say which it is.
	OpenBare(ctx context.Context, name string) (File, error)
}

// OpenBare opens the newest version for whoever does not ask which it is.
func OpenBare(ctx context.Context, r Reader, name string) (File, error) {
	if b, ok := r.(Bare); ok {
		return b.OpenBare(ctx, name)
	}
	return r.Open(ctx, name, "")
}

// readTries is how often ReadAll begins again on a file that was replaced while it
// was read.
const readTries = 10

// ReadAll reads a whole small version, at most limit bytes. Where the version goes
// while it is read, since another took its place, that one is read.
func ReadAll(ctx context.Context, r Reader, name string, limit int64) ([]byte, Info, error) {
	for try := 1; ; try++ {
		f, err := r.Open(ctx, name, "")
		if err != nil {
			return nil, Info{}, err
		}
		b, info, err := readAll(f, name, limit)
		if !errors.Is(err, ErrNotExist) || try == readTries || ctx.Err() != nil {
			return b, info, err
		}
	}
}

// ReadBare is ReadAll for whoever does not ask which version it is.
func ReadBare(ctx context.Context, r Reader, name string, limit int64) ([]byte, error) {
	for try := 1; ; try++ {
		f, err := OpenBare(ctx, r, name)
		if err != nil {
			return nil, err
		}
		b, _, err := readAll(f, name, limit)
		if !errors.Is(err, ErrNotExist) || try == readTries || ctx.Err() != nil {
			return b, err
		}
	}
}

func readAll(f File, name string, limit int64) ([]byte, Info, error) {
	defer func() { _ = f.Close() }()
	info := f.Info()
	if info.Size > limit {
		return nil, info, &os.PathError{Op: "read", Path: name, Err: errors.New("larger than its format allows")}
	}
	b := make([]byte, info.Size+1) // one more, to see that it ends there
	n, err := io.ReadFull(f, b)
	switch {
	case err == nil, err == io.EOF && info.Size > 0, err == io.ErrUnexpectedEOF && int64(n) < info.Size:
		err = io.ErrUnexpectedEOF
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		err = nil
	}
	return b[:n], info, err
}
