package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// anchorBucket holds every log.anchor by its big-endian n.
var anchorBucket = []byte("anchor")

var errNoAnchor = errors.New("the log has no anchor yet")

// anchor is what a log.anchor says.
type anchor struct {
	N      int64     `json:"n"`
	Size   int64     `json:"size"`
	SHA256 string    `json:"sha256"`
	TSR    string    `json:"tsr,omitempty"`
	TSA    string    `json:"tsa,omitempty"`
	Roots  string    `json:"roots,omitempty"`
	Time   time.Time `json:"time,omitzero"`
	Error  int64     `json:"error_ms,omitempty"` // of Time
	Until  time.Time `json:"until,omitzero"`
}

func anchorOf(e manifest.Entry) anchor {
	a := anchor{
		N: e.N, SHA256: e.Fields.Str("sha256"), TSR: e.Fields.Str("tsr"), TSA: e.Fields.Str("tsa"), Roots: e.Fields.Str("roots"),
	}
	a.Size, _ = e.Fields.Int("size")
	a.Error, _ = e.Fields.Int("error_ms")
	a.Time, _ = time.Parse(entryTime, e.Fields.Str("time"))
	a.Until, _ = time.Parse(entryTime, e.Fields.Str("until"))
	return a
}

// files are the names of an anchor's files below the folder of the log, each with
// its digest, the checkpoint first.
func (a anchor) files() [][2]string {
	out := [][2]string{{checkpointName(a.Size), a.SHA256}}
	if a.TSR != "" {
		out = append(out, [2]string{checkpointName(a.Size) + ".tsr", a.TSR})
	}
	if a.Roots != "" {
		out = append(out, [2]string{rootsName(a.Roots), a.Roots})
	}
	return out
}

func (c catalog) applyAnchor(e manifest.Entry) error {
	return c.put(anchorBucket, key(e.N), anchorOf(e))
}

// lastAnchor is the newest anchor, or the newest with a time stamp; errNoAnchor
// when there is none.
func (s *Station) lastAnchor(stamped bool) (a anchor, err error) {
	found := false
	err = s.db.View(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(anchorBucket).Cursor()
		for k, v := cur.Last(); k != nil && !found; k, v = cur.Prev() {
			a = anchor{}
			if err := decode(v, &a); err != nil {
				return err
			}
			found = !stamped || a.TSR != ""
		}
		return nil
	})
	if err == nil && !found {
		err = errNoAnchor
	}
	return a, err
}

// grown reports whether a checkpoint of this size has entries that the last
// anchor, stamped or not, does not cover, beside its own.
func (s *Station) grown(size int64) bool {
	last, err := s.lastAnchor(false)
	return err != nil || size > last.N+1
}

// anchorsFrom are the anchors from entry n on, a few at a time.
func (s *Station) anchorsFrom(n int64) (out []anchor, err error) {
	const most = 256
	err = s.db.View(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(anchorBucket).Cursor()
		for k, v := cur.Seek(key(n)); k != nil && len(out) < most; k, v = cur.Next() {
			var a anchor
			if err := decode(v, &a); err != nil {
				return err
			}
			out = append(out, a)
		}
		return nil
	})
	return out, err
}

// between is when the log says that entry n came: after the stamp that an entry
// before it names, and before the first stamp over it. A zero time is not known.
func (s *Station) between(n int64) (after, before time.Time, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(anchorBucket).Cursor()
		var a anchor
		for k, v := cur.Seek(key(n)); k != nil && before.IsZero(); k, v = cur.Next() {
			a = anchor{}
			if err := decode(v, &a); err != nil {
				return err
			}
			if a.Size > n && a.TSR != "" {
				before = a.Time.Add(time.Duration(a.Error) * time.Millisecond)
			}
		}
		cur.Seek(key(n))
		for k, v := cur.Prev(); k != nil && after.IsZero(); k, v = cur.Prev() {
			a = anchor{}
			if err := decode(v, &a); err != nil {
				return err
			}
			if a.TSR != "" {
				after = a.Time.Add(-time.Duration(a.Error) * time.Millisecond)
			}
		}
		return nil
	})
	return after, before, err
}

func shownKey(store string) []byte { return []byte("anchored " + store) }

// shownAnchors is the number of the first anchor that a store may lack. What is
// remembered is believed once the store has shown the file it ends with: it may
// be another one under the same name.
func (s *Station) shownAnchors(ctx context.Context, c *central, st store.Store) (next int64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(metaBucket).Get(shownKey(c.name)); len(b) == 8 {
			next = int64(binary.BigEndian.Uint64(b))
		}
		return nil
	})
	if err != nil || next == 0 || c.anchorsKnown() {
		return next, err
	}
	last, err := s.anchorsFrom(next - 1)
	if err != nil || len(last) == 0 || last[0].N != next-1 {
		return 0, err
	}
	_, err = st.Stat(ctx, manifest.LogPath(s.log, checkpointName(last[0].Size)), "")
	if errors.Is(err, store.ErrNotExist) {
		return 0, nil
	}
	return next, err
}

// showAnchors brings a store the files of the anchors that its checkpoint covers.
// They come behind the checkpoint: one that is larger than it would look like a
// log that was cut short.
func (s *Station) showAnchors(ctx context.Context, c *central, st store.Store) error {
	next, err := s.shownAnchors(ctx, c, st)
	if err != nil {
		return err
	}
	shown, err := s.ledger.Published(c.name)
	for err == nil {
		var batch []anchor
		if batch, err = s.anchorsFrom(next); err != nil || len(batch) == 0 || batch[0].Size > shown {
			break
		}
		for _, a := range batch {
			if a.Size > shown {
				break
			}
			if err = s.showAnchor(ctx, st, a); err != nil {
				break
			}
			next = a.N + 1
		}
		if errors.Is(err, errUnasked) {
			return nil // once more at the next publishing, from there on
		}
		if err != nil {
			return err
		}
		err = s.db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket(metaBucket).Put(shownKey(c.name), key(next))
		})
	}
	if err == nil {
		c.setAnchorsKnown()
	}
	return err
}

func (s *Station) showAnchor(ctx context.Context, st store.Store, a anchor) error {
	for _, f := range a.files() {
		name := manifest.LogPath(s.log, f[0])
		data, err := s.kept(ctx, f[0], func(b []byte) bool { return digestOf(b) == f[1] })
		if err != nil {
			return err
		}
		if data == nil { // verify says of this store that it is missing
			s.logger.Error("file of a time stamp is gone", "stage", "anchor", "name", name, "store", st.URL())
			continue
		}
		if _, err = st.Create(ctx, name, data); errors.Is(err, store.ErrExists) {
			s.logger.Error("store holds another file there", "stage", "anchor", "name", name, "err", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("show the time stamp: %w", err)
		}
	}
	return nil
}
