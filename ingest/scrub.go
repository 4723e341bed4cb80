package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/time/rate"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

const (
	scrubAgain  = 24 * time.Hour   // after a copy was found to be another
	scrubYields = 10 * time.Minute // to cameras and uploads, at most
	scrubBreath = time.Second      // before what could not be read is read again
	scrubBurst  = hash.BufferSize
)

// nextProof is the clip whose turn is next in a store, and when.
func (s *Station) nextProof(name string) (n int64, due time.Time, found bool) {
	_ = s.db.View(func(tx *bbolt.Tx) error {
		prefix := append([]byte(name), 0)
		k, _ := tx.Bucket(proofBucket).Cursor().Seek(prefix)
		if found = bytes.HasPrefix(k, prefix) && len(k) == len(prefix)+16; found {
			due = time.Unix(int64(binary.BigEndian.Uint64(k[len(prefix):])), 0)
			n = int64(binary.BigEndian.Uint64(k[len(prefix)+8:]))
		}
		return nil
	})
	return n, due, found
}

// scrubber reads a store back, clip by clip.
type scrubber struct {
	s    *Station
	c    *central
	pool *hash.Pool
	rate *rate.Limiter
}

// scrubbing reads everything in c back, each clip soon after it was stored and
// then once in the configured time, when cameras and uploads leave room.
func (s *Station) scrubbing(ctx context.Context, c *central) {
	b := &scrubber{s: s, c: c, pool: hash.NewPool(2), rate: rate.NewLimiter(rate.Inf, scrubBurst)}
	for failures := 0; ctx.Err() == nil; {
		wait := b.idle()
		if wait == 0 {
			b.yield(ctx)
			if err := b.one(ctx); err != nil && ctx.Err() == nil {
				failures++
				wait = backoff(failures)
				s.logger.Warn("read back", "stage", "confirm", "store", c.name, "err", err)
			} else {
				failures = 0
			}
		}
		if wait == 0 {
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-c.scrub:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// idle is how long there is nothing to read back, 0 when there is something.
func (b *scrubber) idle() time.Duration {
	if b.s.conf().Scrub.Days == 0 {
		return time.Hour
	}
	_, due, found := b.s.nextProof(b.c.name)
	if !found {
		return time.Hour
	}
	return min(time.Hour, max(0, due.Sub(b.s.now())))
}

// yield waits while cameras are read or clips wait for this store, but not for
// ever: a dock that is always busy proves its stores as well.
func (b *scrubber) yield(ctx context.Context) {
	end := time.NewTimer(scrubYields)
	defer end.Stop()
	for {
		news := b.s.change.next()
		if !b.s.busy(b.c.name) {
			return
		}
		select {
		case <-news:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// busy reports whether cameras are being read or clips wait for a store.
func (s *Station) busy(name string) bool {
	if s.reading.Load() > 0 {
		return true
	}
	waiting := false
	_ = s.db.View(func(tx *bbolt.Tx) error {
		waiting = catalog{tx}.load(name).clips > 0
		return nil
	})
	return waiting
}

// one reads back the clip whose turn it is. An error is the store's; what is
// wrong with the clip is entered and has an alarm.
func (b *scrubber) one(ctx context.Context) error {
	n, _, found := b.s.nextProof(b.c.name)
	if !found {
		return nil
	}
	r, err := b.s.rowOf(n)
	if err != nil {
		return err
	}
	pin, err := b.s.pinned(r, b.c.name)
	if err != nil {
		return err
	}
	if err := b.s.ready(ctx, b.c); err != nil {
		return err
	}
	b.rate.SetLimit(rate.Limit(b.s.conf().Scrub.Rate))
	var seen sight
	read := func() error { return b.c.use(func(st store.Store) error { return b.read(ctx, st, r, pin, &seen) }) }
	if err = read(); err != nil && b.s.pause(ctx, scrubBreath) == nil {
		err = read() // a line that was cut is no fault of the clip
	}
	switch {
	case errors.Is(err, store.ErrNotExist), errors.Is(err, store.ErrDamaged):
		seen.wrong = err
	case err != nil && ctx.Err() == nil && b.answers(ctx, r, pin):
		// Some servers answer so for bytes that rotted on their disk. It is
		// this clip alone, which must not keep the others from being proved.
		seen.wrong, seen.unreadable = err, true
	case err != nil:
		b.c.letGo(err)
		return err
	}
	return b.s.enterProof(ctx, b.c, r, pin, seen)
}

// pinned is what the log says of a clip in a store.
func (s *Station) pinned(r row, name string) (manifest.Object, error) {
	raw, err := s.ledger.Entry(r.Stored[name])
	if err != nil {
		return nil, err
	}
	e, err := manifest.ParseEntry(raw)
	return e.Fields, err
}

// sight is what was found where a clip is stored.
type sight struct {
	info  store.Info
	sum   clip.Digest
	size  int64
	wrong error // why it is not the clip, nil when it is

	unreadable bool // it is there, and its bytes do not come
}

// read reads the pinned version whole, from where the store keeps it.
func (b *scrubber) read(ctx context.Context, st store.Store, r row, pin manifest.Object, seen *sight) error {
	name, version := store.Name(r.SHA256), pin.Str("version")
	open := st.Open
	if cold, ok := st.(store.Cold); ok {
		open = cold.OpenCold
	}
	f, err := open(ctx, name, version)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum, err := hash.Copy(ctx, nil, &paced{ctx, f, b.rate}, b.pool, false)
	if err != nil {
		return err
	}
	seen.sum, seen.size = sum.SHA256, sum.Size
	if sum.SHA256 != r.SHA256 || sum.Size != r.Size {
		seen.wrong = fmt.Errorf("%w: it has %d bytes with sha-256 %s", store.ErrDamaged, sum.Size, sum.SHA256)
		return nil
	}
	seen.info, err = st.Stat(ctx, name, version)
	return err
}

// answers reports whether the store gives something else, and says that it has
// the clip: then it is well, and the clip is not.
func (b *scrubber) answers(ctx context.Context, r row, pin manifest.Object) bool {
	return b.c.use(func(st store.Store) error {
		_, _, err := store.ReadAll(ctx, st, manifest.KeyPath(b.s.log), 4096)
		if err == nil {
			_, err = st.Stat(ctx, store.Name(r.SHA256), pin.Str("version"))
		}
		return err
	}) == nil
}

// paced reads no faster than its limiter allows.
type paced struct {
	ctx  context.Context
	r    io.Reader
	rate *rate.Limiter
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(len(b), scrubBurst)])
	if n > 0 {
		if err := p.rate.WaitN(p.ctx, n); err != nil {
			return 0, err
		}
	}
	return n, err
}

// enterProof enters what was found, for every clip that has these bytes there:
// the first time, and when it is another finding than the last.
func (s *Station) enterProof(ctx context.Context, c *central, r row, pin manifest.Object, seen sight) error {
	whole := seen.wrong == nil
	var names []string
	err := s.commit(ctx, func(tx *ledger.Tx) error {
		names = nil
		cat := catalog{tx.Bolt()}
		for _, n := range cat.holders(r.SHA256) {
			other, err := cat.clip(n)
			if err != nil {
				return err
			}
			at, there := other.Stored[c.name]
			if !there || at != r.Stored[c.name] && !s.samePin(other, c.name, pin) {
				continue
			}
			names = append(names, clipName(s.log, n))
			if err := s.enterFinding(tx, other, c, pin, seen); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		if whole {
			s.alarms.clear("clip_mismatch", c.name, name)
			continue
		}
		s.alarms.raise("clip_mismatch", fmt.Errorf("clip %s in store %s: %w: ask its administrator to restore it; do not erase its camera", name, c.name, seen.wrong), s.now(), c.name, name)
	}
	if !whole {
		s.logger.Error("clip read back", "stage", "confirm", "store", c.name, "clip", clipName(s.log, r.N), "err", seen.wrong)
	}
	s.markDirty()
	return nil
}

func (s *Station) samePin(r row, name string, pin manifest.Object) bool {
	other, err := s.pinned(r, name)
	return err == nil && other.Str("version") == pin.Str("version")
}

func (s *Station) enterFinding(tx *ledger.Tx, r row, c *central, pin manifest.Object, seen sight) error {
	whole := seen.wrong == nil
	if p := r.Proofs[c.name]; p.Entry == 0 || p.Whole != whole {
		kind, fields := r.about(s.log)
		fields["store"] = c.name
		if v := pin.Str("version"); v != "" {
			fields["version"] = v
		}
		typ := kind + ".damaged"
		switch {
		case whole:
			typ = kind + ".confirmed"
			fields["sha256"], fields["size"], fields["lock"] = seen.sum.String(), seen.size, "none"
			if seen.info.Lock != "" {
				fields["lock"], fields["until"] = seen.info.Lock, formatTime(seen.info.Until)
			}
		case seen.unreadable:
			fields["found"] = "unreadable"
		case seen.size == 0 && seen.sum == clip.Digest{}:
			fields["found"] = "nothing"
		default:
			fields["found"], fields["size"] = seen.sum.String(), seen.size
		}
		if _, err := s.append(tx, manifest.Draft{Type: typ, Actor: "dock", Fields: fields}); err != nil {
			return err
		}
	}
	cat := catalog{tx.Bolt()}
	now, err := cat.fate(r.N)
	if err != nil {
		return err
	}
	again := scrubAgain
	if whole {
		again = time.Duration(s.conf().Scrub.Days) * 24 * time.Hour
	}
	if err := cat.schedule(r.N, &now, c.name, s.now().Add(again)); err != nil {
		return err
	}
	return cat.putFate(r.N, now)
}
