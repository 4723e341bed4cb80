package server

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/custodock/custodock/manifest"
)

// The events of the journal.
const (
	// Cosigned: a log grew and was cosigned.
	Cosigned = "cosigned"
	// Forked: two signed checkpoints of one size have different roots. Both are
	// kept, and prove it to everybody.
	Forked = "forked"
	// Unproved: a signed checkpoint came with a proof that does not lead to it from
	// what was cosigned. The log is forked, or somebody sent a wrong proof.
	Unproved = "unproved"
	// Behind: a signed checkpoint has fewer entries than were cosigned. The log was
	// set back, or somebody sent an old one.
	Behind = "behind"
)

// Event is a line of the journal.
type Event struct {
	T     time.Time `json:"t"`
	Event string    `json:"event"`
	Log   string    `json:"log"`
	Size  int64     `json:"size"`
	Root  string    `json:"root"`
	Known int64     `json:"known"` // size that was cosigned before
}

// write appends an event to the journal. It is for people: what counts is in the
// database, so a journal that cannot be written stops nothing.
func (w *Witness) write(e Event) {
	switch e.Event {
	case Cosigned:
		w.o.Log.Info("cosigned", "stage", "witness", "log", e.Log, "size", e.Size)
	case Forked:
		w.o.Log.Error("log is forked", "stage", "witness", "log", e.Log, "size", e.Size)
	default:
		w.o.Log.Warn("checkpoint refused", "stage", "witness", "log", e.Log, "size", e.Size, "known", e.Known, "event", e.Event)
	}
	w.journaling.Lock()
	defer w.journaling.Unlock()
	if err := appendJournal(filepath.Join(w.o.Dir, "journal"), e); err != nil {
		w.o.Log.Error("write the journal", "stage", "witness", "err", err)
	}
}

func appendJournal(path string, e Event) error {
	e.T = e.T.UTC().Truncate(time.Millisecond)
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(manifest.Printable(line), '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}
