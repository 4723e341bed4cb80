// Package verifytest builds small store folders with a log in them, from the
// formats alone, so that what proves a log is tested without what writes one.
// It is imported by tests only.
package verifytest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// Name and Origin are those of every log made here.
const (
	Name   = "dk3v9q"
	Origin = "dock.example.org/" + Name
)

// Log is a log that grows in a store folder.
type Log struct {
	Dir string // the store's root
	Key string // verifier key

	t         testing.TB
	signers   []note.Signer // the first key's, and those that came later
	entries   [][]byte
	records   map[int64][]byte
	hashes    []tlog.Hash
	published int64
}

// New makes an empty log whose store is dir.
func New(t testing.TB, dir string) *Log {
	t.Helper()
	skey, vkey, err := manifest.NewKey(Origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{Dir: dir, Key: vkey, t: t, signers: []note.Signer{signer}, records: map[int64][]byte{}}
	l.Write(manifest.KeyPath(Name), []byte(vkey+"\n"))
	return l
}

// Fork is an empty log of the same name and key in another store.
func (l *Log) Fork(dir string) *Log {
	return &Log{Dir: dir, Key: l.Key, t: l.t, signers: l.signers, records: map[int64][]byte{}}
}

// Write makes a file of the store hold data.
func (l *Log) Write(name string, data []byte) {
	l.t.Helper()
	path := filepath.Join(l.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// Append adds an entry; record may be nil.
func (l *Log) Append(typ string, fields manifest.Object, record any) int64 {
	l.t.Helper()
	d := manifest.Draft{Type: typ, Actor: "dock", Fields: fields}
	n := int64(len(l.entries))
	if record != nil {
		var err error
		if d.Record, err = manifest.NewRecord(record); err != nil {
			l.t.Fatal(err)
		}
		l.records[n] = d.Record
	}
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
	raw, err := d.Encode(Name, n, manifest.NewNonce(), at, manifest.Clock{Source: "ntp", Synced: true, ErrorMS: 5})
	if err != nil {
		l.t.Fatal(err)
	}
	hashes, err := tlog.StoredHashes(n, raw, l.reader())
	if err != nil {
		l.t.Fatal(err)
	}
	l.entries, l.hashes = append(l.entries, raw), append(l.hashes, hashes...)
	return n
}

func (l *Log) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = l.hashes[index]
		}
		return out, nil
	})
}

// Clip stores content and acquires it under a path; the object is there before
// the entry is.
func (l *Log) Clip(path, content string) int64 {
	l.t.Helper()
	return l.ClipWith(path, content, nil)
}

// SM3 is that of content, as an entry has it.
func SM3(content string) string {
	d := sm3.Sum([]byte(content))
	return hex.EncodeToString(d[:])
}

// ClipWith is Clip with more fields of the entry, or others.
func (l *Log) ClipWith(path, content string, fields manifest.Object) int64 {
	l.t.Helper()
	return l.Acquire(content, fields, map[string]any{"path": path, "source": map[string]any{"kind": "fs", "id": "12A4-33FF"}})
}

// Acquire is ClipWith with a record of the test's own.
func (l *Log) Acquire(content string, fields manifest.Object, record any) int64 {
	l.t.Helper()
	d := clip.Digest(sha256.Sum256([]byte(content)))
	l.Write(store.Name(d), []byte(content))
	all := manifest.Object{
		"sha256": d.String(), "size": int64(len(content)), "device": "c017", "bay": "3", "role": "main",
	}
	maps.Copy(all, fields)
	return l.Append("clip.ingested", all, record)
}

// About adds a statement about clip n, with the leaf hash of its entry.
func (l *Log) About(n int64, typ string, fields manifest.Object, record any) int64 {
	l.t.Helper()
	leaf := manifest.LeafHash(l.entries[n])
	all := manifest.Object{"clip": l.ClipName(n), "leaf": hex.EncodeToString(leaf[:])}
	for k, v := range fields {
		all[k] = v
	}
	return l.Append(typ, all, record)
}

// Stored says that clip n is in the store.
func (l *Log) Stored(n int64) int64 {
	e := l.Entry(n)
	size, _ := e.Fields.Int("size")
	return l.About(n, "clip.stored", manifest.Object{
		"store":  "central",
		"stored": manifest.Object{"sha256": e.Fields.Str("sha256"), "size": size, "enc": "none"},
	}, nil)
}

// Entry is entry n.
func (l *Log) Entry(n int64) manifest.Entry {
	l.t.Helper()
	e, err := manifest.ParseEntry(l.entries[n])
	if err != nil {
		l.t.Fatal(err)
	}
	return e
}

// ClipName is the name of the clip that entry n acquired.
func (l *Log) ClipName(n int64) string { return l.Entry(n).Name() }

// Object is where the object of clip n stands.
func (l *Log) Object(n int64) string {
	l.t.Helper()
	d, err := clip.ParseDigest(l.Entry(n).Fields.Str("sha256"))
	if err != nil {
		l.t.Fatal(err)
	}
	return store.Name(d)
}

// Size is the number of entries.
func (l *Log) Size() int64 { return int64(len(l.entries)) }

// Publish writes what was added since the last time, the checkpoint last.
func (l *Log) Publish() {
	l.t.Helper()
	size := l.Size()
	for _, tile := range tlog.NewTiles(manifest.TileHeight, l.published, size) {
		data, err := tlog.ReadTileData(tile, l.reader())
		if err != nil {
			l.t.Fatal(err)
		}
		l.Write(manifest.LogPath(Name, manifest.TilePath(tile)), data)
		if tile.L == 0 {
			first := tile.N * manifest.TileWidth
			bundle := manifest.EncodeBundle(l.entries[first : first+int64(tile.W)])
			l.Write(manifest.LogPath(Name, manifest.EntriesPath(tile.N, tile.W)), bundle)
		}
	}
	l.WriteRecords(l.published, nil)
	l.Write(manifest.CheckpointPath(Name), l.Checkpoint(size))
	l.published = size
}

// WriteRecords writes the file of the records from entry first on, without
// those of the entries erased.
func (l *Log) WriteRecords(first int64, erased map[int64]bool) {
	l.t.Helper()
	var buf bytes.Buffer
	name := int64(-1)
	for n := first; n < l.Size(); n++ {
		if l.records[n] == nil {
			continue
		}
		if name < 0 {
			name = n
		}
		if !erased[n] {
			buf.Write(append(l.records[n], '\n'))
		}
	}
	if name >= 0 {
		l.Write(manifest.RecordPath(Name, name), buf.Bytes())
	}
}

// Checkpoint signs the first size entries.
func (l *Log) Checkpoint(size int64) []byte {
	l.t.Helper()
	root, err := tlog.TreeHash(size, l.reader())
	if err != nil {
		l.t.Fatal(err)
	}
	msg, err := manifest.SignCheckpoint(manifest.Checkpoint{Origin: Origin, Size: size, Root: root}, l.signers...)
	if err != nil {
		l.t.Fatal(err)
	}
	return msg
}

// Proof is a tlog-proof of entry n under the checkpoint of now.
func (l *Log) Proof(n int64) []byte {
	l.t.Helper()
	p, err := tlog.ProveRecord(l.Size(), n, l.reader())
	if err != nil {
		l.t.Fatal(err)
	}
	return manifest.Proof{Index: n, Hashes: p, Checkpoint: l.Checkpoint(l.Size())}.Encode()
}

// Receipt signs r as one of the first size entries.
func (l *Log) Receipt(r manifest.Receipt, size int64) []byte {
	l.t.Helper()
	root, err := tlog.TreeHash(size, l.reader())
	if err != nil {
		l.t.Fatal(err)
	}
	r.Origin, r.Size, r.Root = Origin, size, root
	msg, err := r.Sign(l.signers...)
	if err != nil {
		l.t.Fatal(err)
	}
	return msg
}

// Gaps signs a statement about the first size entries, true or not.
func (l *Log) Gaps(g manifest.Gaps, size int64) []byte {
	l.t.Helper()
	root, err := tlog.TreeHash(size, l.reader())
	if err != nil {
		l.t.Fatal(err)
	}
	g.Origin, g.Size, g.Root = Origin, size, root
	msg, err := g.Sign(l.signers...)
	if err != nil {
		l.t.Fatal(err)
	}
	return msg
}
