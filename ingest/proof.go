package ingest

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/manifest"
)

// adoptedAgain is when clips of an adopted log are read back again, which the
// configuration decides from then on.
const adoptedAgain = 30 * 24 * time.Hour

// proof is what reading a clip back from a store showed last.
type proof struct {
	Entry int64 `json:"entry,omitempty"` // clip.confirmed or clip.damaged; 0 before the first
	Whole bool  `json:"whole,omitempty"`
	Until int64 `json:"until,omitempty"` // Unix seconds of the end of its lock, 0 without one
	Due   int64 `json:"due"`             // Unix seconds of the next time
}

func proofKey(store string, due, n int64) []byte {
	k := append([]byte(store), 0)
	k = binary.BigEndian.AppendUint64(k, uint64(due))
	return binary.BigEndian.AppendUint64(k, uint64(n))
}

// schedule has clip n read back from a store at a time, and not before.
func (c catalog) schedule(n int64, f *fate, store string, at time.Time) error {
	p, standing := f.Proofs[store]
	b := c.tx.Bucket(proofBucket)
	if standing {
		if err := b.Delete(proofKey(store, p.Due, n)); err != nil {
			return err
		}
	}
	p.Due = at.Unix()
	if f.Proofs == nil {
		f.Proofs = map[string]proof{}
	}
	f.Proofs[store] = p
	return b.Put(proofKey(store, p.Due, n), nil)
}

// applyProof folds clip.confirmed and clip.damaged into the catalog.
func (c catalog) applyProof(e manifest.Entry) error {
	name := e.Fields.Str("store")
	return c.changeSubject(e, func(n int64, f *fate) error {
		if err := c.schedule(n, f, name, e.T.Add(adoptedAgain)); err != nil {
			return err
		}
		p := f.Proofs[name]
		p.Entry, p.Whole, p.Until = e.N, strings.HasSuffix(e.Type, ".confirmed"), 0
		if until, err := time.Parse(entryTime, e.Fields.Str("until")); err == nil {
			p.Until = until.Unix()
		}
		f.Proofs[name] = p
		return nil
	})
}

// scheduleAll gives a state of an older version its turns.
func scheduleAll(tx *bbolt.Tx) error {
	c := catalog{tx}
	return tx.Bucket(clipBucket).ForEach(func(k, v []byte) error {
		r, err := c.row(int64(binary.BigEndian.Uint64(k)), v)
		if err != nil {
			return err
		}
		for name := range r.Stored {
			if err := c.schedule(r.N, &r.fate, name, r.Ingested); err != nil {
				return err
			}
		}
		return c.putFate(r.N, r.fate)
	})
}

// confirmed names the stores from which a clip was read back whole.
func (r row) confirmed() []string {
	var out []string
	for name, p := range r.Proofs {
		if p.Whole {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// freed reports whether as many stores as the configuration wants hold a clip
// in such a way that its camera need not: read back whole, on another file
// system than the spool, and under lock where the store is not a folder.
func (s *Station) freed(r row) bool {
	have := 0
	for _, c := range s.centrals() {
		p := r.Proofs[c.name]
		if !p.Whole {
			continue
		}
		path, local := localPath(c.cfg.URL)
		if local && !sameDisk(s.state, path) || !local && p.Until > s.now().Unix() {
			have++
		}
	}
	return have >= s.conf().Copies.Confirmed
}

// sameDisk reports whether two paths are on one file system, also when that
// cannot be found out.
func sameDisk(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) != nil || unix.Stat(b, &y) != nil || x.Dev == y.Dev
}
