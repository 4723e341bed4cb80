package journey

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
)

// published is a log as a store shows it, read without the program under test.
type published struct {
	name    string
	vkey    string
	size    int64
	root    string
	entries []manifest.Entry
	records map[string]string // digest to its bytes
}

// head reads a store's checkpoint, fs.ErrNotExist before the first publishing.
func head(archive string) (published, error) {
	var p published
	logs, err := os.ReadDir(filepath.Join(archive, "log"))
	if err != nil {
		return p, err
	}
	if len(logs) == 0 { // killed between the folder and the first file in it
		return p, fmt.Errorf("no log in the store: %w", fs.ErrNotExist)
	}
	if len(logs) != 1 {
		return p, fmt.Errorf("%d logs in the store", len(logs))
	}
	p.name = logs[0].Name()
	key, err := os.ReadFile(filepath.Join(archive, manifest.KeyPath(p.name)))
	if err != nil {
		return p, err
	}
	p.vkey = strings.TrimSpace(string(key))
	v, err := manifest.ParseKey(p.vkey)
	if err != nil {
		return p, err
	}
	msg, err := os.ReadFile(filepath.Join(archive, manifest.CheckpointPath(p.name)))
	if err != nil {
		return p, err
	}
	c, err := manifest.OpenCheckpoint(msg, v.Name(), v)
	p.size, p.root = c.Size, c.Root.String()
	return p, err
}

// look notes the checkpoint that a store shows now. Sizes must only grow.
func (l *ledger) look(archive string) error {
	p, err := head(archive)
	if errors.Is(err, fs.ErrNotExist) && len(l.seen) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	for size := range l.seen {
		if size > p.size {
			return fmt.Errorf("the checkpoint went from %d entries back to %d", size, p.size)
		}
	}
	return l.saw(p)
}

// saw is look without the demand that the store itself forgot nothing.
func (l *ledger) saw(p published) error {
	if root, found := l.seen[p.size]; found && root != p.root {
		return fmt.Errorf("two checkpoints of %d entries: %s and %s", p.size, root, p.root)
	}
	l.seen[p.size] = p.root
	return nil
}

// read takes in all of a published log.
func read(archive string) (published, error) {
	p, err := head(archive)
	if err != nil {
		return p, err
	}
	for at := int64(0); at < p.size; at += manifest.TileWidth {
		w := int(min(manifest.TileWidth, p.size-at))
		name := manifest.LogPath(p.name, manifest.EntriesPath(at/manifest.TileWidth, w%manifest.TileWidth))
		b, err := os.ReadFile(filepath.Join(archive, name))
		if err != nil {
			return p, err
		}
		raws, err := manifest.DecodeBundle(b, w)
		if err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
		for _, raw := range raws {
			e, err := manifest.ParseEntry(raw)
			if err != nil {
				return p, fmt.Errorf("%s: %w", name, err)
			}
			p.entries = append(p.entries, e)
		}
	}
	return p, p.readRecords(archive)
}

func (p *published) readRecords(archive string) error {
	p.records = map[string]string{}
	files, err := filepath.Glob(filepath.Join(archive, "record", p.name, "*.ndjson"))
	if err != nil {
		return err
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSuffix(line, "\n")
			p.records[manifest.RecordDigest([]byte(line)).String()] = line
		}
	}
	return nil
}

// acquisition is one (source, path, bytes).
type acquisition struct{ source, path, sha256 string }

// acquisitions lists the clips of a log, in order, and their names.
func (p published) acquisitions() (list []acquisition, names []string, err error) {
	for _, e := range p.entries {
		if e.Type != "clip.ingested" {
			continue
		}
		line, found := p.records[e.Record]
		if !found {
			return nil, nil, fmt.Errorf("the record of entry %d is not in the store", e.N)
		}
		var rec struct {
			Source  json.RawMessage `json:"source"`
			Path    string          `json:"path"`
			PathHex string          `json:"path_hex"`
		}
		if err := json.Unmarshal([]byte(line), &rec); err != nil {
			return nil, nil, fmt.Errorf("record of entry %d: %w", e.N, err)
		}
		list = append(list, acquisition{string(rec.Source), rec.Path + rec.PathHex, e.Fields.Str("sha256")})
		names = append(names, e.Name())
	}
	return list, names, nil
}

// once is P3: each file taken is one acquisition, and no acquisition is in the
// log twice.
func (d *dock) once(files ...testbench.File) error {
	p, err := read(d.archive())
	if err != nil {
		return err
	}
	list, names, err := p.acquisitions()
	if err != nil {
		return err
	}
	first, digests := map[acquisition]string{}, map[string]int{}
	for i, a := range list {
		if old, found := first[a]; found {
			return fmt.Errorf("%s and %s are both %+v", old, names[i], a)
		}
		first[a] = names[i]
		digests[a.sha256]++
	}
	for _, f := range files {
		if n := digests[f.SHA256]; n != 1 {
			return fmt.Errorf("%s is in the log %d times", f.Path, n)
		}
	}
	return nil
}

// kept is the durable half of P2 and P6: every clip that was acknowledged is
// in the log under its name with its bytes, and every checkpoint that was seen
// is a beginning of the log.
func (d *dock) kept(l *ledger) error {
	p, err := read(d.archive())
	if err != nil {
		return err
	}
	has := map[string]string{}
	for _, e := range p.entries {
		if e.Type == "clip.ingested" {
			has[e.Name()] = e.Fields.Str("sha256")
		}
	}
	for clip, sum := range l.acked {
		if has[clip] != sum {
			return fmt.Errorf("clip %s was acknowledged with %s, the log has %q there", clip, sum, has[clip])
		}
	}
	return p.extends(l.seen)
}

// extends recomputes the root of every checkpoint that was seen.
func (p published) extends(seen map[int64]string) error {
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			out[i] = hashes[x]
		}
		return out, nil
	})
	for i, e := range p.entries {
		more, err := tlog.StoredHashesForRecordHash(int64(i), manifest.LeafHash(e.Raw), reader)
		if err != nil {
			return err
		}
		hashes = append(hashes, more...)
	}
	for size, want := range seen {
		if size > p.size {
			return fmt.Errorf("a checkpoint of %d entries was shown, the log has %d", size, p.size)
		}
		root, err := tlog.TreeHash(size, reader)
		if err != nil {
			return err
		}
		if root.String() != want {
			return fmt.Errorf("the checkpoint of %d entries that was shown had root %s, the log has %s", size, want, root)
		}
	}
	return nil
}
