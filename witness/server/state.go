package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/internal/durable"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/witness"
)

var (
	headBucket     = []byte("head")     // origin to Head
	evidenceBucket = []byte("evidence") // see evidence.go
)

// Head is the newest checkpoint that was cosigned of a log.
type Head struct {
	Size       int64     `json:"size"`
	Root       string    `json:"root"`
	Time       time.Time `json:"time"` // when it was cosigned first
	Checkpoint []byte    `json:"checkpoint"`
}

func openDB(dir string) (*bbolt.DB, error) {
	db, err := bbolt.Open(filepath.Join(dir, dbName), 0o600, &bbolt.Options{Timeout: lockWait})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open witness state %s: %w", dir, ErrHeld)
	}
	if err != nil {
		return nil, fmt.Errorf("open witness state %s: %w", dir, err)
	}
	if err := durable.SyncDir(dir); err != nil { // bbolt syncs the file it makes, not its name
		return nil, errors.Join(fmt.Errorf("open witness state %s: %w", dir, err), db.Close())
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(headBucket)
		_, err2 := tx.CreateBucketIfNotExists(evidenceBucket)
		_, err3 := tx.CreateBucketIfNotExists(keptBucket)
		return errors.Join(err, err2, err3)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open witness state %s: %w", dir, err), db.Close())
	}
	return db, nil
}

// errUnchanged ends a transaction that has nothing to write.
var errUnchanged = errors.New("nothing to write")

// remember compares a checkpoint with the newest one of its log and, where it
// extends it, makes it the newest, durably. Nothing else changes what is known of
// a log. The events are to be told once it has returned, whatever the error.
func (w *Witness) remember(req witness.Request, c manifest.Checkpoint, at time.Time) (told []Event, err error) {
	if err := w.failed(); err != nil {
		return nil, err
	}
	var no *refusal
	err = w.db.Update(func(tx *bbolt.Tx) error {
		head, root, err := headOf(tx, c.Origin)
		if err != nil {
			return err
		}
		no = judge(req, c, head, root)
		event := Event{T: at, Event: verdict(req, c, head, root, no), Log: c.Origin, Size: c.Size, Root: c.Root.String(), Known: head.Size}
		switch event.Event {
		case "":
			return errUnchanged
		case Cosigned:
			err = errors.Join(putHead(tx, c, req.Checkpoint, at), dropProved(tx, event))
		default:
			err = keepEvidence(tx, event, req.Checkpoint, head)
		}
		told = []Event{event}
		return err
	})
	switch {
	case errors.Is(err, errUnchanged):
		told = nil
	case err != nil:
		// Whether the disk has it nobody knows before the state is opened again.
		err = fmt.Errorf("remember %d entries of %s: %w", c.Size, c.Origin, err)
		w.fail(err)
		return nil, err
	}
	if no != nil {
		return told, no
	}
	return told, nil
}

// verdict is the event to remember of a checkpoint, "" for none. That a proof is
// wrong is no proof of a fork: anybody can send a log's checkpoint with a wrong one.
func verdict(req witness.Request, c manifest.Checkpoint, head Head, root tlog.Hash, no *refusal) string {
	switch {
	case head.Checkpoint != nil && c.Size == head.Size && c.Root != root:
		return Forked
	case c.Size < head.Size:
		return Behind
	case no == nil && (head.Checkpoint == nil || c.Size > head.Size):
		return Cosigned
	case no != nil && no.status == http.StatusUnprocessableEntity && req.Old > 0:
		return Unproved
	}
	return ""
}

func putHead(tx *bbolt.Tx, c manifest.Checkpoint, msg []byte, at time.Time) error {
	return putJSON(tx, headBucket, c.Origin, Head{Size: c.Size, Root: c.Root.String(), Time: at.UTC(), Checkpoint: msg})
}

func putJSON(tx *bbolt.Tx, bucket []byte, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Bucket(bucket).Put([]byte(key), b)
}

// getJSON leaves v as it is where nothing is known.
func getJSON(tx *bbolt.Tx, bucket []byte, key string, v any) error {
	b := tx.Bucket(bucket).Get([]byte(key))
	if b == nil {
		return nil
	}
	return json.Unmarshal(b, v)
}

// judge says what stands against a checkpoint, nil for nothing.
func judge(req witness.Request, c manifest.Checkpoint, head Head, root tlog.Hash) *refusal {
	unproved := &refusal{status: http.StatusUnprocessableEntity, text: "the proof does not lead from what was cosigned to this checkpoint"}
	switch {
	case req.Old != head.Size:
		return &refusal{status: http.StatusConflict, size: head.Size, text: "another size was cosigned"}
	case head.Checkpoint != nil && c.Size == head.Size && c.Root != root:
		return &refusal{status: http.StatusConflict, size: head.Size, text: "another checkpoint of this size was cosigned"}
	case req.Old == 0 || req.Old == c.Size:
		if empty, _ := tlog.TreeHash(0, nil); len(req.Proof) > 0 || c.Size == 0 && c.Root != empty {
			return unproved
		}
	case tlog.CheckTree(req.Proof, c.Size, c.Root, head.Size, root) != nil:
		return unproved
	}
	return nil
}

// headOf is the newest checkpoint of a log, the zero Head where none was cosigned.
func headOf(tx *bbolt.Tx, origin string) (h Head, root tlog.Hash, err error) {
	if err = getJSON(tx, headBucket, origin, &h); err == nil && h.Checkpoint != nil {
		root, err = tlog.ParseHash(h.Root)
	}
	if err != nil {
		return Head{}, root, fmt.Errorf("what is known of %s: %w: restore the state from a backup that is as new, or begin a new witness", origin, err)
	}
	return h, root, nil
}
