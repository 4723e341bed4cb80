package ingest

import (
	"errors"
	"slices"
	"testing"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

// olderRow is a clip's row as a state had it before its fate stood by itself.
const olderRow = `{"n":7,"leaf":"aa","sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","size":4,"role":"video","device":"c001",` +
	`"ingested":"2026-01-02T03:04:05Z","record":{"source":{},"path":"a.mp4","mtime":"2026-01-02T03:04:05Z","crc64nvme":"","media":{},"tags":{}},"tags":{},` +
	`"stored":{"central":9},"proofs":{"central":{"entry":11,"whole":true,"due":1767323045}},"entries":[7,9,11]}`

// TestOlderRow: what an older version knew of a clip is known still, before and
// after something is added to it.
func TestOlderRow(t *testing.T) {
	s := openStation(t, testOptions(t))
	okay(t, s.ledger.Commit(t.Context(), func(tx *ledger.Tx) error {
		c := catalog{tx.Bolt()}
		if _, err := c.fate(7); !errors.Is(err, ErrNoClip) {
			t.Errorf("fate of no clip: %v", err)
		}
		if err := tx.Bolt().Bucket(clipBucket).Put(key(7), []byte(olderRow)); err != nil {
			return err
		}
		knows := func(when string, stores int, entries int) {
			r, err := c.clip(7)
			f, err2 := c.fate(7)
			if err := errors.Join(err, err2); err != nil {
				t.Error(err)
				return
			}
			for _, f := range []fate{r.fate, f} {
				if f.Stored["central"] != 9 || !f.Proofs["central"].Whole || len(f.Stored) != stores || len(f.Entries) != entries {
					t.Errorf("%s: %+v", when, f)
				}
			}
		}
		knows("as it was", 1, 3)
		err := c.apply(manifest.Entry{Log: s.log, N: 13, Type: "clip.stored", Fields: manifest.Object{"clip": clipName(s.log, 7), "store": "second"}}, nil)
		if err != nil {
			return err
		}
		knows("stored once more", 2, 4)
		err = c.apply(manifest.Entry{Log: s.log, N: 14, Type: "clip.tagged", Fields: manifest.Object{"clip": clipName(s.log, 7)}}, []byte(`{"tags":{"cases":["A-1"]}}`))
		if err != nil {
			return err
		}
		knows("tagged", 2, 5)
		r, err := c.clip(7)
		if !slices.Equal(r.Tags.Cases, []string{"A-1"}) {
			t.Errorf("tags: %+v", r.Tags)
		}
		return err
	}))
}
