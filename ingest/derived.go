package ingest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
)

// derivation makes a row that of a file which was made from a clip. Such a row
// waits for stores and is read back like a clip's; it is no clip.
type derivation struct {
	Of   int64         `json:"of"`   // the clip
	Leaf string        `json:"leaf"` // of the clip
	Kind string        `json:"kind"`
	Said derivedRecord `json:"said"`
}

// derivedRecord is the record of a clip.derived.
type derivedRecord struct {
	Tool   string `json:"tool"`
	Reason string `json:"reason"`
	Name   string `json:"name"`
	FromMS *int64 `json:"from_ms,omitempty"`
	ToMS   *int64 `json:"to_ms,omitempty"`
}

// DerivedView is what the dock knows of a file that was made from a clip.
type DerivedView struct {
	Entry  string    `json:"entry"` // name of its clip.derived
	Clip   string    `json:"clip"`  // that it was made from
	Kind   string    `json:"kind"`
	SHA256 string    `json:"sha256"`
	SM3    string    `json:"sm3,omitempty"`
	Size   int64     `json:"size"`
	Name   string    `json:"name"`
	Tool   string    `json:"tool"`
	Reason string    `json:"reason"`
	FromMS *int64    `json:"from_ms,omitempty"`
	ToMS   *int64    `json:"to_ms,omitempty"`
	Made   time.Time `json:"entered"`
	State  string    `json:"state"`
	Stores []string  `json:"stores,omitempty"`
}

// applyDerived adds the row of a derived file, and the entry to its clip's.
func (c catalog) applyDerived(e manifest.Entry, record []byte) error {
	of, err := parseClip(e.Log, e.Fields.Str("clip"))
	if err != nil {
		return err
	}
	digest, err := clip.ParseDigest(e.Fields.Str("sha256"))
	if err != nil {
		return fmt.Errorf("read entry %d: %w", e.N, err)
	}
	d := derivation{Of: of, Leaf: e.Fields.Str("leaf"), Kind: e.Fields.Str("kind")}
	if record != nil { // else it was erased
		if err := json.Unmarshal(record, &d.Said); err != nil {
			return fmt.Errorf("read record of entry %d: %w", e.N, err)
		}
	}
	size, _ := e.Fields.Int("size")
	if _, err := c.clip(e.N); err != nil { // else adopted before, in a run that did not end
		r := row{
			facts: facts{N: e.N, Leaf: leafOf(e), SHA256: digest, SM3: e.Fields.Str("sm3"), Size: size, Ingested: e.T, Derived: &d},
			fate:  fate{Entries: []int64{e.N}},
		}
		if err := c.putClip(r); err != nil {
			return err
		}
		if err := c.tx.Bucket(digestBucket).Put(digestKey(digest, e.N), nil); err != nil {
			return err
		}
	}
	return c.applyStatement(e)
}

// derivation finds the derived file of a clip that has this kind and these bytes,
// -1 when there is none.
func (c catalog) derivation(of int64, kind string, d clip.Digest) (int64, error) {
	for _, n := range c.holders(d) {
		r, err := c.clip(n)
		if err != nil {
			return -1, err
		}
		if r.Derived != nil && r.Derived.Of == of && r.Derived.Kind == kind {
			return n, nil
		}
	}
	return -1, nil
}

// about are the fields by which a statement of the dock names a row: a clip by
// itself, a derived file by its clip and its own entry. The types of the two
// differ, so that no verifier takes one for the other.
func (r facts) about(log string) (kind string, fields manifest.Object) {
	if d := r.Derived; d != nil {
		return "derived", manifest.Object{"clip": clipName(log, d.Of), "leaf": d.Leaf, "derived": r.N}
	}
	return "clip", manifest.Object{"clip": clipName(log, r.N), "leaf": r.Leaf}
}

// subject is the row that a statement of the dock is about.
func subject(e manifest.Entry) (int64, error) {
	if n, ok := e.Fields.Int("derived"); ok {
		return n, nil
	}
	return parseClip(e.Log, e.Fields.Str("clip"))
}

func (s *Station) viewDerived(r row) DerivedView {
	if r.Derived == nil {
		return DerivedView{}
	}
	v, d := s.view(r), r.Derived
	return DerivedView{
		Entry: v.Clip, Clip: clipName(s.log, d.Of), Kind: d.Kind, SHA256: v.SHA256, SM3: v.SM3, Size: v.Size, Name: d.Said.Name,
		Tool: d.Said.Tool, Reason: d.Said.Reason, FromMS: d.Said.FromMS, ToMS: d.Said.ToMS, Made: r.Ingested, State: v.State, Stores: v.Stores,
	}
}
