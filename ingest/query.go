package ingest

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/tag"
)

// Status is the dock at this moment.
func (s *Station) Status(_ context.Context) (Status, error) {
	if s.spool.room(0) == nil {
		s.alarms.clear("disk_full")
	}
	s.lookAround()
	st := Status{
		Log: s.log, Authority: s.authority, Size: s.ledger.Size(), Published: s.published(),
		PID: os.Getpid(), Daemon: s.o.Daemon, Bays: s.bayStatus(), Alarms: s.alarms.list(), Reserve: int64(s.conf().Reserve),
	}
	var err error
	if st.Cosigned, err = s.cosignedSo(); err != nil {
		return st, stateError(s.state, err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(s.state, &fs); err != nil {
		return st, stateError(s.state, err)
	}
	st.DiskFree = int64(fs.Bavail) * fs.Bsize
	for _, c := range s.centrals() {
		q, err := s.queue(c)
		if err != nil {
			return st, err
		}
		st.Queue = append(st.Queue, q)
	}
	return st, nil
}

// Clips calls fn for each clip the filter selects, oldest first.
func (s *Station) Clips(ctx context.Context, f Filter, fn func(ClipView) error) error {
	for after := int64(-1); ; {
		rows, err := s.rows(after)
		if err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1].N
		for _, r := range rows {
			v := s.view(r)
			if r.Derived != nil || !f.selects(v) {
				continue
			}
			if err := fn(v); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// rows returns the next clips after an entry, so that no transaction stays open
// while a slow reader is served.
func (s *Station) rows(after int64) ([]row, error) {
	var out []row
	err := s.db.View(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(clipBucket).Cursor()
		for k, v := cur.Seek(key(after + 1)); k != nil && len(out) < rowBatch; k, v = cur.Next() {
			r, err := catalog{tx}.row(int64(binary.BigEndian.Uint64(k)), v)
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

func (f Filter) selects(v ClipView) bool {
	return (f.Case == "" || slices.Contains(v.Tags.Cases, f.Case)) &&
		(!f.Untagged || len(v.Missing) > 0) &&
		(f.Status == "" || f.Status == v.State) &&
		(f.Device == "" || f.Device == v.Device) &&
		!v.Ingested.Before(f.Since)
}

func (s *Station) view(r row) ClipView {
	v := ClipView{
		Clip: clipName(s.log, r.N), SHA256: r.SHA256.String(), SM3: r.SM3, Size: r.Size, Role: string(r.Role),
		Device: r.Device, Bay: r.Bay, Source: r.Record.Source.String(), Path: r.Record.Path, PathHex: r.Record.PathHex,
		Ingested: r.Ingested, State: StateRecorded, SameAs: r.SameAs, Span: r.Span, Offset: r.Offset,
		Media: r.Record.Media, Tags: r.Tags,
	}
	for name := range r.Stored {
		v.Stores = append(v.Stores, name)
	}
	slices.Sort(v.Stores)
	v.Proved = r.confirmed()
	if len(v.Stores) > 0 && s.enough(r.N) {
		v.State = StateStored
	}
	if r.Role.NeedsTags() {
		v.Missing = tag.Missing(r.Tags)
	}
	return v
}

func (s *Station) row(name string) (row, error) {
	n, err := parseClip(s.log, name)
	if err != nil {
		return row{}, err
	}
	r, err := s.rowOf(n)
	if err == nil && r.Derived != nil {
		name := clipName(s.log, r.Derived.Of)
		return row{}, fmt.Errorf("%s: %w: it is a file that was made from %s: name that clip", clipName(s.log, n), ErrNoClip, name)
	}
	return r, err
}

func (s *Station) rowOf(n int64) (r row, err error) {
	err = s.db.View(func(tx *bbolt.Tx) (err error) {
		r, err = catalog{tx}.clip(n)
		return err
	})
	if err != nil {
		err = fmt.Errorf("clip %s: %w", clipName(s.log, n), err)
	}
	return r, err
}

// Show returns a clip with every entry about it.
func (s *Station) Show(_ context.Context, name string) (ClipDetail, error) {
	r, err := s.row(name)
	if err != nil {
		return ClipDetail{}, err
	}
	d := ClipDetail{ClipView: s.view(r), Leaf: r.Leaf, Freed: s.freed(r)}
	if d.NotBefore, d.NotAfter, err = s.between(r.N); err != nil {
		return d, err
	}
	size := s.ledger.Size()
	for _, n := range r.Entries {
		if n >= size {
			break // on disk since this moment; the log tells of it the next time
		}
		raw, err := s.ledger.Entry(n)
		if err != nil {
			return d, err
		}
		e, err := manifest.ParseEntry(raw)
		if err != nil {
			return d, err
		}
		line := Custody{Log: e.Log, N: n, Time: e.T, Type: e.Type, Actor: e.Actor, Entry: string(raw)}
		if e.Record != "" {
			record, err := s.ledger.Record(n)
			if err != nil && !errors.Is(err, ledger.ErrNoEntry) {
				return d, err
			}
			line.Record = string(record)
		}
		d.Custody = append(d.Custody, line)
		if e.Type == "clip.derived" {
			made, err := s.rowOf(n)
			if err != nil {
				return d, err
			}
			d.Derived = append(d.Derived, s.viewDerived(made))
		}
	}
	return d, nil
}

// apart is how far two parts of one recording can lie from each other; a
// camera's counter comes round to the same number much later.
const apart = 24 * time.Hour

// recording returns the clips of the same recording as r, r itself among them.
func (s *Station) recording(r row) ([]row, error) {
	out := []row{r}
	if r.Tags.Recording == nil {
		return out, nil
	}
	for after := int64(-1); ; {
		rows, err := s.rows(after)
		if err != nil || len(rows) == 0 {
			return out, err
		}
		after = rows[len(rows)-1].N
		for _, other := range rows {
			if other.N != r.N && sameRecording(r, other) {
				out = append(out, other)
			}
		}
	}
}

func sameRecording(a, b row) bool {
	return b.Tags.Recording != nil && b.Tags.Recording.ID == a.Tags.Recording.ID &&
		b.Tags.Recording.Part != a.Tags.Recording.Part && b.Role == a.Role &&
		b.Record.Source == a.Record.Source && path.Dir(b.Record.Path) == path.Dir(a.Record.Path) &&
		b.Record.ModTime.Sub(a.Record.ModTime).Abs() < apart
}

// leafOf is the hex leaf hash of an entry.
func leafOf(e manifest.Entry) string {
	h := manifest.LeafHash(e.Raw)
	return hex.EncodeToString(h[:])
}
