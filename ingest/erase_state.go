package ingest

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/manifest"
)

// What the dock knows of erasing, made of entries and records alone like the
// rest of the catalog. Keys are clips: erasing holds those whose camera was
// told to erase them, or was about to be, and did not answer yet; erased those
// that went; held the clip.held entry. Under the meta keys stands what an admin
// or another docking has to clear, by the device's neutral id.
var (
	erasingBucket = []byte("erasing")
	erasedBucket  = []byte("erased")
	heldBucket    = []byte("held")

	stoppedPrefix = "erase stopped "
	differsPrefix = "erase differs "
)

// asked is a file that a camera was told to erase, or that it erased, and what
// the volume said of itself: a camera can have two with the same names on them.
type asked struct {
	Entry      int64             `json:"entry"`  // erase.begun, or clip.erased
	Device     string            `json:"device"` // neutral id
	Identities []device.Identity `json:"identities,omitempty"`
}

// The records of erasing: names of files stand here only.
type (
	begunRecord struct {
		Identities []device.Identity `json:"identities,omitempty"`
		Files      []erasingFile     `json:"files"`
		Reason     string            `json:"reason,omitempty"`
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
		return c.applyErased(e)
	case "clip.held":
		return c.changeNamed(e, func(n int64) error { return c.tx.Bucket(heldBucket).Put(key(n), key(e.N)) })
	}
	return nil
}

func (c catalog) applyErased(e manifest.Entry) error {
	return c.changeNamed(e, func(n int64) error {
		var a asked
		if _, err := c.get(erasingBucket, key(n), &a); err != nil {
			return err
		}
		if err := c.tx.Bucket(erasingBucket).Delete(key(n)); err != nil {
			return err
		}
		a.Entry = e.N
		return c.put(erasedBucket, key(n), a)
	})
}

// applyBegun notes what is about to go. An admin's order ends a stop.
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
	for _, f := range rec.Files {
		r, err := c.named(e, f.Clip)
		if err != nil {
			return err
		}
		if err := c.put(erasingBucket, key(r.N), asked{Entry: e.N, Device: e.Fields.Str("device"), Identities: rec.Identities}); err != nil {
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

// applyEnd ends what was said of files that differed: their camera was read
// to its end since.
func (c catalog) applyEnd(e manifest.Entry) error {
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

// pendingOf lists what a volume of a device was told to erase and did not answer.
func (c catalog) pendingOf(id string, volume []device.Identity) ([]pending, error) {
	var out []pending
	cur := c.tx.Bucket(erasingBucket).Cursor()
	for k, v := cur.First(); k != nil; k, v = cur.Next() {
		var a asked
		if err := decode(v, &a); err != nil {
			return nil, err
		}
		if a.Device != id || !slices.Equal(a.Identities, volume) {
			continue
		}
		r, err := c.clip(int64(binary.BigEndian.Uint64(k)))
		if err != nil {
			return nil, err
		}
		path, err := r.rawPath()
		if err != nil {
			return nil, err
		}
		out = append(out, pending{r, path})
	}
	return out, nil
}

// wasErased reports whether a volume erased the file of clip n. Where nobody
// knows which volume it was, it may be this one.
func (c catalog) wasErased(n int64, volume []device.Identity) (bool, error) {
	var a asked
	found, err := c.get(erasedBucket, key(n), &a)
	return found && (len(a.Identities) == 0 || slices.Equal(a.Identities, volume)), err
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
