// Package longlog makes the log of a dock as long as years of use would, behind
// the program's back and in seconds.
package longlog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// Contents is how many different bytes the clips of a log have: what is tried is
// the log, so that its objects are few.
const Contents = 64

// ClipEntries is how many entries each clip has: ingested and tagged, each with
// a record, stored and confirmed.
const ClipEntries = 4

// dockingClips is how many clips come with a docking, batch how many entries
// are written at once, and after so many batches they go into files. A dock does so
// each second, in which it enters no more than that: what stays longer in the
// database leaves it with free pages, of which each commit writes the list.
const (
	dockingClips = 100
	batch        = 4096
	sealAfter    = 1
)

// Log is the log of a state that no program has open.
type Log struct {
	*ledger.Ledger
	db *bbolt.DB
}

// Open opens the log of a state whose verifier key is vkey.
func Open(state, vkey string) (*Log, error) {
	skey, err := os.ReadFile(filepath.Join(state, "key"))
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(skey)))
	if err != nil {
		return nil, err
	}
	authority, log, ok := manifest.SplitOrigin(signer.Name())
	if !ok {
		return nil, fmt.Errorf("open long log: %q is no origin", signer.Name())
	}
	db, err := ledger.OpenDB(filepath.Join(state, "state.db"))
	if err != nil {
		return nil, err
	}
	l, err := ledger.Open(db, ledger.Options{Log: log, Authority: authority, Key: strings.TrimSpace(vkey), Signer: signer, Dir: state})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Log{l, db}, nil
}

// Close closes the log and its database.
func (l *Log) Close() error { return errors.Join(l.Ledger.Close(), l.db.Close()) }

// Lengthen adds entries, as dockings give them, and seals the log. None is
// durable before all are.
func (l *Log) Lengthen(ctx context.Context, entries int) error {
	l.db.NoSync = true
	defer func() { l.db.NoSync = false }()
	w := writer{log: l.Log()}
	for left, batches := entries, 1; left > 0; batches++ {
		n := min(left, batch)
		err := l.Commit(ctx, func(tx *ledger.Tx) error {
			for range n {
				if err := w.next(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("lengthen log: %w", err)
		}
		if left -= n; left > 0 && batches%sealAfter != 0 {
			continue
		}
		if _, err := l.Seal(ctx); err != nil {
			return err
		}
	}
	return l.db.Sync()
}

// Objects writes what the clips of every long log hold into the folder of a
// store.
func Objects(folder string) error {
	for i := range Contents {
		data := content(i)
		path := filepath.Join(folder, filepath.FromSlash(store.Name(clip.Digest(sha256.Sum256(data)))))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o444); err != nil {
			return err
		}
	}
	return nil
}

func content(i int) []byte { return fmt.Appendf(nil, "clip %d of a long log\n", i%Contents) }

// writer gives the entries of one docking after another.
type writer struct {
	log   string
	step  int // within the docking
	clips []acquired
	total int
}

// acquired is a clip of the docking.
type acquired struct {
	n       int64
	leaf    string
	content []byte
	sha256  string
}

// next appends one entry: the opening, the clips, and what is said of them later,
// each kind in a row.
func (w *writer) next(tx *ledger.Tx) error {
	if w.step == 0 {
		w.clips = w.clips[:0]
		w.step++
		_, err := w.add(tx, "docking.opened", manifest.Object{"device": "c001"}, map[string]any{"dir": "/media/c001"})
		return err
	}
	i := (w.step - 1) % dockingClips
	kind := (w.step - 1) / dockingClips
	w.step = (w.step + 1) % (1 + ClipEntries*dockingClips)
	if kind == 0 {
		return w.ingest(tx)
	}
	return w.about(tx, kind, w.clips[i])
}

func (w *writer) ingest(tx *ledger.Tx) error {
	data := content(w.total)
	sum := clip.Digest(sha256.Sum256(data)).String()
	path := fmt.Sprintf("DCIM/%03dMEDIA/CLIP%06d.MP4", w.total/1000, w.total)
	w.total++
	const taken = "2026-11-22T08:00:00.000Z"
	a, err := w.add(tx, "clip.ingested", manifest.Object{
		"device": "c001", "docking": tx.Size() - 1 - int64(len(w.clips)), "role": "main",
		"sha256": sum, "size": int64(len(data)),
		"offset": manifest.Object{"error_ms": 0, "method": "none", "ms": 0},
		"span":   manifest.Object{"error_ms": 1000, "from": taken, "to": taken},
	}, map[string]any{
		"path": path, "source": map[string]any{"kind": "fs", "id": "12A4-33FF"}, "mtime": taken, "profile": "generic",
		"crc64nvme": "24d1d05cd9504f9e", "media": map[string]any{"container": "mp4", "video": "avc1", "duration_ms": 60000},
		"tags": map[string]any{"times": []any{map[string]any{"source": "device", "field": "mtime", "raw": taken}}},
	})
	w.clips = append(w.clips, acquired{a.N, hex.EncodeToString(a.Leaf[:]), data, sum})
	return err
}

// about says one thing about a clip.
func (w *writer) about(tx *ledger.Tx, kind int, of acquired) (err error) {
	fields := manifest.Object{"clip": fmt.Sprintf("%s-%d", w.log, of.n), "leaf": of.leaf}
	switch kind {
	case 1:
		fields["store"], fields["lock"] = "central", "none"
		fields["stored"] = manifest.Object{"enc": "none", "sha256": of.sha256, "size": int64(len(of.content))}
		_, err = w.add(tx, "clip.stored", fields, nil)
	case 2:
		tags := map[string]any{"cases": []string{"A-17"}, "collectors": []any{map[string]any{"id": "4711", "name": "Kim"}}}
		_, err = w.add(tx, "clip.tagged", fields, map[string]any{"tags": tags})
	default:
		fields["store"] = "central"
		_, err = w.add(tx, "clip.confirmed", fields, nil)
	}
	return err
}

func (w *writer) add(tx *ledger.Tx, typ string, fields manifest.Object, record any) (ledger.Appended, error) {
	d := manifest.Draft{Type: typ, Actor: "dock", Fields: fields}
	if record != nil {
		var err error
		if d.Record, err = manifest.NewRecord(record); err != nil {
			return ledger.Appended{}, err
		}
	}
	return tx.Append(d)
}
