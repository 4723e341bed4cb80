package ingest

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
)

// What the dock knows of erasing, made of entries and records alone like the
// rest of the catalog. Keys are clips: erasing holds those whose camera was
// told to erase them, or was about to be, and did not answer yet; erased the
// clip.erased entry; held the clip.held entry. Under the meta keys stands what
// an admin or another docking has to clear, by the device's neutral id.
var (
	erasingBucket = []byte("erasing")
	erasedBucket  = []byte("erased")
	heldBucket    = []byte("held")

	stoppedPrefix = "erase stopped "
	differsPrefix = "erase differs "
)

// asked is a file that the camera was told to erase.
type asked struct {
	Begun   int64 `json:"begun"`   // its erase.begun entry
	Docking int64 `json:"docking"` // and the docking.opened of that stay
}

// The records of erasing: names of files stand here only.
type (
	begunRecord struct {
		Files  []erasingFile `json:"files"`
		Reason string        `json:"reason,omitempty"`
	}
	erasingFile struct {
		Clip    string      `json:"clip"`
		Path    string      `json:"path"`
		PathHex string      `json:"path_hex,omitempty"`
		Size    int64       `json:"size"`
		SHA256  clip.Digest `json:"sha256"`
	}
	endedRecord struct {
		Kept    []keptFile `json:"kept,omitempty"`    // are on the camera still
		Unknown []string   `json:"unknown,omitempty"` // clips of which nobody knows until it is docked again
		Problem string     `json:"problem,omitempty"`
	}
	keptFile struct {
		Clip string `json:"clip"`
		Why  why    `json:"why"`
	}
	stoppedRecord struct {
		Clips []string `json:"clips"` // that were erased and are back
	}
)

// applyErase folds the entries of erasing into the catalog.
func (c catalog) applyErase(e manifest.Entry, record []byte) error {
	switch e.Type {
	case "erase.begun":
		return c.applyBegun(e, record)
	case "erase.ended":
		return c.applyEnded(e, record)
	case "erase.stopped":
		return c.tx.Bucket(metaBucket).Put([]byte(stoppedPrefix+e.Fields.Str("device")), key(e.N))
	case "clip.erased":
		return c.mark(e, erasedBucket)
	case "clip.held":
		return c.mark(e, heldBucket)
	}
	return nil
}

// mark notes the entry under the clip it speaks of. A clip that was erased is
// not being erased any more.
func (c catalog) mark(e manifest.Entry, bucket []byte) error {
	return c.change(e, func(r *row) error {
		if e.Type == "clip.erased" {
			if err := c.tx.Bucket(erasingBucket).Delete(key(r.N)); err != nil {
				return err
			}
		}
		return c.tx.Bucket(bucket).Put(key(r.N), key(e.N))
	})
}

// applyBegun notes what is about to go. Whatever of it stays is read whole the
// next time, since nothing is known of it any more. An admin's order ends a
// stop.
func (c catalog) applyBegun(e manifest.Entry, record []byte) error {
	if e.Fields.Str("mode") == modeManual {
		if err := c.tx.Bucket(metaBucket).Delete([]byte(stoppedPrefix + e.Fields.Str("device"))); err != nil {
			return err
		}
	}
	var rec begunRecord
	if record == nil {
		return nil // erased, and long over
	}
	if err := json.Unmarshal(record, &rec); err != nil {
		return fmt.Errorf("read record of entry %d: %w", e.N, err)
	}
	docking, _ := e.Fields.Int("docking")
	for _, f := range rec.Files {
		r, err := c.named(e, f.Clip)
		if err != nil {
			return err
		}
		if err := c.put(erasingBucket, key(r.N), asked{Begun: e.N, Docking: docking}); err != nil {
			return err
		}
		path, err := r.rawPath()
		if err != nil {
			return err
		}
		if err := c.tx.Bucket(seenBucket).Delete(pathKey(r.Record.Source, path)); err != nil {
			return err
		}
	}
	return nil
}

func (c catalog) applyEnded(e manifest.Entry, record []byte) error {
	if n, _ := e.Fields.Int("changed"); n > 0 {
		if err := c.tx.Bucket(metaBucket).Put([]byte(differsPrefix+e.Fields.Str("device")), []byte(strconv.FormatInt(n, 10))); err != nil {
			return err
		}
	}
	var rec endedRecord
	if record == nil {
		return nil
	}
	if err := json.Unmarshal(record, &rec); err != nil {
		return fmt.Errorf("read record of entry %d: %w", e.N, err)
	}
	for _, k := range rec.Kept {
		r, err := c.named(e, k.Clip)
		if err != nil {
			return err
		}
		if err := c.tx.Bucket(erasingBucket).Delete(key(r.N)); err != nil {
			return err
		}
	}
	return nil
}

// applyClosed ends what was said of files that differed: their camera was read
// to its end since.
func (c catalog) applyClosed(e manifest.Entry) error {
	if e.Fields.Str("end") != "complete" {
		return nil
	}
	return c.tx.Bucket(metaBucket).Delete([]byte(differsPrefix + e.Fields.Str("device")))
}

func (c catalog) named(e manifest.Entry, name string) (row, error) {
	n, err := parseClip(e.Log, name)
	if err != nil {
		return row{}, err
	}
	r, err := c.clip(n)
	if err != nil {
		err = fmt.Errorf("entry %d names clip %d: %w", e.N, n, err)
	}
	return r, err
}

// rawPath is the path of a clip as its device wrote it.
func (r row) rawPath() (string, error) {
	if r.Record.PathHex == "" {
		return r.Record.Path, nil
	}
	raw, err := hex.DecodeString(r.Record.PathHex)
	if err != nil {
		return "", fmt.Errorf("read record of entry %d: path_hex: %w", r.N, err)
	}
	return string(raw), nil
}

// pending is a file that its camera was told to erase, and its clip.
type pending struct {
	row  row
	path string
}

// pendingOf lists what a source was told to erase and did not answer.
func (c catalog) pendingOf(source clip.Source) ([]pending, error) {
	var out []pending
	cur := c.tx.Bucket(erasingBucket).Cursor()
	for k, _ := cur.First(); k != nil; k, _ = cur.Next() {
		r, err := c.clip(int64(binary.BigEndian.Uint64(k)))
		if err != nil {
			return nil, err
		}
		if r.Record.Source != source {
			continue
		}
		path, err := r.rawPath()
		if err != nil {
			return nil, err
		}
		out = append(out, pending{r, path})
	}
	return out, nil
}

// eraseNotes are the devices with a note under a prefix, and what it says.
func eraseNotes(tx *bbolt.Tx, prefix string) map[string]string {
	out := map[string]string{}
	cur := tx.Bucket(metaBucket).Cursor()
	for k, v := cur.Seek([]byte(prefix)); k != nil && strings.HasPrefix(string(k), prefix); k, v = cur.Next() {
		out[string(k[len(prefix):])] = string(v)
	}
	return out
}
