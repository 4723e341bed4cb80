package ingest

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/tag"
)

// apply folds one entry and its record into the catalog. The dock's knowledge
// is what this makes of the log, live and when a log is adopted again.
func (c catalog) apply(e manifest.Entry, record []byte) error {
	switch e.Type {
	case "clip.ingested":
		return c.applyIngested(e, record)
	case "clip.tagged":
		return c.applyTagged(e, record)
	case "clip.derived":
		return c.applyDerived(e, record)
	case "clip.stored", "derived.stored":
		return c.applyStored(e)
	case "clip.confirmed", "clip.damaged", "derived.confirmed", "derived.damaged":
		return c.applyProof(e)
	case "clip.exported", "clip.viewed":
		return c.applyStatement(e)
	case "docking.closed":
		return errors.Join(c.applyClosed(e), c.applyEnd(e))
	case "log.key":
		return c.applyKey(e)
	case "log.anchor":
		return c.applyAnchor(e)
	case "device.clock":
		return c.applyClock(e)
	case "store.agreed":
		return c.applyAgreed(e, record)
	case "device.registered":
		return c.applyRegistered(e, record)
	case "device.forgotten":
		return c.applyForgotten(e)
	case "bay.bound":
		return c.applyBound(e, record)
	case "erase.begun", "erase.ended", "erase.stopped", "clip.erased", "clip.held":
		return c.applyErase(e, record)
	}
	return nil
}

func (c catalog) applyIngested(e manifest.Entry, record []byte) error {
	var rec ingested
	if record == nil { // it was erased
		return c.addIngested(e, rec)
	}
	if err := json.Unmarshal(record, &rec); err != nil {
		return fmt.Errorf("read record of entry %d: %w", e.N, err)
	}
	return c.knowIngested(e, rec)
}

// knowIngested is applyIngested for whoever has what the record says.
func (c catalog) knowIngested(e manifest.Entry, rec ingested) error {
	if err := c.knowNeutral(rec.Source, e.Fields.Str("device")); err != nil {
		return err
	}
	return c.addIngested(e, rec)
}

func (c catalog) addIngested(e manifest.Entry, rec ingested) error {
	digest, err := clip.ParseDigest(e.Fields.Str("sha256"))
	if err != nil {
		return fmt.Errorf("read entry %d: %w", e.N, err)
	}
	size, _ := e.Fields.Int("size")
	r := row{facts: facts{
		N: e.N, Leaf: leafOf(e), SHA256: digest, SM3: e.Fields.Str("sm3"), Size: size,
		Role: clip.Role(e.Fields.Str("role")), Device: e.Fields.Str("device"), Bay: e.Fields.Str("bay"),
		SameAs: e.Fields.Str("same_as"), Ingested: e.T, Record: rec, Tags: rec.Tags,
	}, fate: fate{Entries: []int64{e.N}}}
	r.Span, r.Offset = spanOf(e.Fields)
	path := rec.Path
	if rec.PathHex != "" {
		raw, err := hex.DecodeString(rec.PathHex)
		if err != nil {
			return fmt.Errorf("read record of entry %d: path_hex: %w", e.N, err)
		}
		path = string(raw)
	}
	return c.add(r, path)
}

func (c catalog) applyTagged(e manifest.Entry, record []byte) error {
	var rec tagged
	if record == nil {
		return c.applyStatement(e)
	}
	if err := json.Unmarshal(record, &rec); err != nil {
		return fmt.Errorf("read record of entry %d: %w", e.N, err)
	}
	return c.changeNamed(e, func(n int64) error {
		r, err := c.clip(n)
		if err != nil {
			return err
		}
		r.Tags = tag.Merge(r.Tags, rec.Tags)
		return c.put(clipBucket, key(n), r.facts) // its fate follows
	})
}

func (c catalog) applyStored(e manifest.Entry) error {
	store := e.Fields.Str("store")
	return c.changeSubject(e, func(n int64, f *fate) error {
		if f.Stored == nil {
			f.Stored = map[string]int64{}
		}
		f.Stored[store] = e.N
		return c.schedule(n, f, store, e.T)
	})
}

func (c catalog) applyStatement(e manifest.Entry) error {
	return c.changeNamed(e, func(int64) error { return nil })
}

// changeNamed adds an entry to those of the clip that it names, and does with it
// what else follows.
func (c catalog) changeNamed(e manifest.Entry, do func(n int64) error) error {
	n, err := parseClip(e.Log, e.Fields.Str("clip"))
	if err != nil {
		return err
	}
	return c.changeFate(n, e, func(n int64, _ *fate) error { return do(n) })
}

// changeSubject rewrites what became of a clip or of a derived file, and adds the
// entry that says so; what is said of a derived file is known of its clip, too.
func (c catalog) changeSubject(e manifest.Entry, f func(int64, *fate) error) error {
	n, err := subject(e)
	if err != nil {
		return err
	}
	if err := c.changeFate(n, e, f); err != nil || e.Fields.Str("clip") == clipName(e.Log, n) {
		return err
	}
	return c.applyStatement(e)
}

func (c catalog) changeFate(n int64, e manifest.Entry, change func(int64, *fate) error) error {
	f, err := c.fate(n)
	if err != nil {
		return unknown(e, n, err)
	}
	if slices.Contains(f.Entries, e.N) {
		return nil // adopted before, in a run that did not end
	}
	if err := change(n, &f); err != nil {
		return err
	}
	f.Entries = append(f.Entries, e.N)
	return c.putFate(n, f)
}

func unknown(e manifest.Entry, n int64, err error) error {
	return fmt.Errorf("entry %d names clip %d: %w", e.N, n, err)
}
