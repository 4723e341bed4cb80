// Package ledger keeps the log of this dock: it gives entries their place,
// signs a checkpoint for every transaction, and publishes the log to stores.
//
// # What is where
//
// state.db (bbolt) holds the hashes of the tree, the newest signed checkpoint,
// and the entries and records that are not in files yet (staged). Seal moves
// records into STATE/record and full entry bundles into STATE/log, and names
// the checkpoint up to which that is done (sealed). Publish copies what is
// sealed to a store, the checkpoint last.
//
// # What a crash leaves
//
// Entries, records, hashes and checkpoint of a transaction are in one bbolt
// transaction: after a crash all are there or none is, and a checkpoint that
// was returned to a caller is there. A crash within Seal leaves files that the
// next Seal writes again with the same or more lines. A crash within Publish
// leaves files in the store that no published checkpoint speaks of yet; the
// next Publish finds them and goes on.
//
// So every checkpoint that was ever signed is extended by the next one, and
// nothing that was signed is dropped.
package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
)

var (
	// ErrOther is what a Shelf wraps when a name that is written once holds
	// other bytes.
	ErrOther = errors.New("the shelf has other bytes there")
	// ErrAbsent is what a Shelf wraps when a name is not there.
	ErrAbsent = errors.New("not on the shelf")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the log is closed")
	// ErrDamaged is wrapped when the state folder contradicts itself.
	ErrDamaged = errors.New("state is damaged: restore it from a backup or run `custodock log recover`")
	// ErrNoEntry is wrapped when the log has no entry or record with a number.
	ErrNoEntry = errors.New("not in the log")
	// ErrStopped is wrapped after a commit failed in a way that leaves unknown
	// what is on the disk. Only opening the state again finds out.
	ErrStopped = errors.New("the log stopped: restart after mending the disk")
)

// Options say whose log it is and what it needs from outside.
type Options struct {
	Log       string        // name, manifest.ValidLogName
	Authority string        // who runs it, manifest.ValidAuthority
	Key       string        // first verifier key of the log, published as log/<log>/key
	Signer    note.Signer   // the key in use
	Also      []note.Signer // further keys that sign, so that a rotation breaks no verifier
	Verifier  note.Verifier // of the key in use; nil: made from Key
	Dir       string        // STATE

	Now   func() time.Time      // nil: time.Now
	Clock func() manifest.Clock // nil: source "unknown", not synced
	// OnFull is called when the disk is full while committing. It gives
	// reserved room back; true asks to try once more. nil: there is none.
	OnFull func() bool
}

// Ledger is an open log. Its methods may be called from many goroutines.
type Ledger struct {
	o        Options
	db       *bbolt.DB
	origin   string
	requests chan *request
	closing  chan struct{}
	stopped  chan struct{}
	closeOne sync.Once
	sealing  chan struct{} // holds one token: Seal, Adopt

	commitTx func(*bbolt.Tx) error // (*bbolt.Tx).Commit; replaced by tests that break disks

	mu       sync.Mutex
	head     head  // newest signed checkpoint
	sealed   head  // newest checkpoint whose entries and records can be published
	dead     error // first commit error of unknown outcome
	adopting bool
	shelves  map[string]*shelfState
	dirs     map[string]bool // made durable by this process
}

// head is a checkpoint and what it says.
type head struct {
	size int64
	root tlog.Hash
	note []byte
}

// OpenDB opens the bbolt file that holds the ledger, and whatever else the
// caller keeps in it, or makes it. It fails at once when another process has it.
func OpenDB(path string) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 100 * time.Millisecond, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

// Open opens or starts the log in db. It refuses when the stored checkpoint is
// not signed by the verifier or does not commit to the stored hashes, both
// with ErrDamaged, and when the state holds another log. The caller closes db
// after Close.
func Open(db *bbolt.DB, o Options) (*Ledger, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Ledger{
		o: o, db: db, origin: manifest.Origin(o.Authority, o.Log),
		requests: make(chan *request),
		closing:  make(chan struct{}),
		stopped:  make(chan struct{}),
		sealing:  make(chan struct{}, 1),
		commitTx: (*bbolt.Tx).Commit,
		shelves:  map[string]*shelfState{},
		dirs:     map[string]bool{},
	}
	// bbolt syncs the file it makes, not its name.
	if err := durable.SyncDir(filepath.Dir(db.Path())); err != nil {
		return nil, fmt.Errorf("open log %s: %w", l.origin, err)
	}
	if err := db.Update(l.start); err != nil {
		return nil, fmt.Errorf("open log %s: %w", l.origin, err)
	}
	if err := db.View(l.load); err != nil {
		return nil, fmt.Errorf("open log %s: %w", l.origin, err)
	}
	go l.run()
	return l, nil
}

// KeyOf is the first verifier key of the log that a database holds, "" when it
// holds none. It is for who lost the signing key and has to name the log.
func KeyOf(db *bbolt.DB) (key string, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		if meta := tx.Bucket(bucketMeta); meta != nil {
			key = string(meta.Get(metaKey))
		}
		return nil
	})
	return key, err
}

func (o *Options) complete() error {
	v, err := manifest.ParseKey(o.Key)
	switch {
	case !manifest.ValidLogName(o.Log):
		return fmt.Errorf("log name %q: want 3 to 16 lower-case letters and digits, a letter first", o.Log)
	case !manifest.ValidAuthority(o.Authority):
		return fmt.Errorf("authority %q: want a name without spaces and plus signs", o.Authority)
	case err != nil:
		return err
	case v.Name() != manifest.Origin(o.Authority, o.Log):
		return fmt.Errorf("key is called %q, log is %q", v.Name(), manifest.Origin(o.Authority, o.Log))
	case o.Signer == nil:
		return errors.New("no key to sign with")
	}
	if o.Verifier == nil {
		o.Verifier = v
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Clock == nil {
		o.Clock = func() manifest.Clock { return manifest.Clock{Source: "unknown"} }
	}
	return nil
}

// start makes the buckets and, in a new state, the checkpoint of the empty log.
func (l *Ledger) start(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	if key := meta.Get(metaKey); key != nil {
		if !bytes.Equal(key, []byte(l.o.Key)) {
			return fmt.Errorf("the state holds the log of key %s, not of %s", key, l.o.Key)
		}
		return nil
	}
	root, err := tlog.TreeHash(0, rows(tx))
	if err != nil {
		return err
	}
	empty, err := l.sign(0, root)
	if err != nil {
		return err
	}
	return errors.Join(meta.Put(metaKey, []byte(l.o.Key)), meta.Put(metaHead, empty), meta.Put(metaSealed, empty))
}

// load checks both stored checkpoints against key and hashes.
func (l *Ledger) load(tx *bbolt.Tx) error {
	var err error
	meta := tx.Bucket(bucketMeta)
	if l.head, err = l.loadHead(tx, meta.Get(metaHead)); err != nil {
		return fmt.Errorf("newest checkpoint: %w", err)
	}
	if l.sealed, err = l.loadHead(tx, meta.Get(metaSealed)); err != nil {
		return fmt.Errorf("sealed checkpoint: %w", err)
	}
	if l.sealed.size > l.head.size {
		return fmt.Errorf("%w: %d entries are sealed, %d are signed", ErrDamaged, l.sealed.size, l.head.size)
	}
	return nil
}

func (l *Ledger) loadHead(tx *bbolt.Tx, msg []byte) (head, error) {
	c, err := manifest.OpenCheckpoint(msg, l.origin, l.o.Verifier)
	if err != nil {
		return head{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	root, err := tlog.TreeHash(c.Size, rows(tx))
	if err != nil {
		return head{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if root != c.Root {
		return head{}, fmt.Errorf("%w: the hashes of its %d entries give another root", ErrDamaged, c.Size)
	}
	return head{size: c.Size, root: c.Root, note: bytes.Clone(msg)}, nil
}

func (l *Ledger) sign(size int64, root tlog.Hash) ([]byte, error) {
	c := manifest.Checkpoint{Origin: l.origin, Size: size, Root: root}
	return manifest.SignCheckpoint(c, append([]note.Signer{l.o.Signer}, l.o.Also...)...)
}

// Close waits for the transaction under way and ends the ledger's goroutine.
func (l *Ledger) Close() error {
	l.closeOne.Do(func() { close(l.closing) })
	<-l.stopped
	return nil
}
