package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/manifest/ledger"
)

const (
	partialFrom = 4 << 20             // bytes; less is sooner read again than kept
	partialLife = 30 * 24 * time.Hour // after which nobody waits for the rest
)

// partial is a read that the camera's leaving or a stop of the dock broke off. Its
// bytes stand in the spool under a temporary name; they were synced before the
// row that names them was written, so what State says of them is true after a
// power cut too. Nothing in it was claimed: it may go at any time.
type partial struct {
	Temp       string            `json:"temp"` // name in the spool
	Size       int64             `json:"size"` // of the file on the camera
	ModTime    int64             `json:"mtime"`
	Identities []device.Identity `json:"identities,omitempty"`
	Since      time.Time         `json:"since"`
	State      hash.State        `json:"state"`
}

// reading is one read of a file under way.
type reading struct {
	sums *hash.Digester
	in   io.Reader
	out  *spoolFile // nil when the bytes are only hashed
	from int64      // bytes that an earlier read brought

	samples *sampler // nil for a small file
}

// begin opens what a read of in needs: the rest of an interrupted one where the
// file is what it was, else all of it.
func (d *docking) begin(ctx context.Context, f *file, in device.Reader, before os.FileInfo, want reads) (reading, error) {
	if want.spool && want.resume {
		if r, ok, err := d.resume(ctx, f, in, before); ok || err != nil {
			return r, err
		}
	}
	r := reading{sums: hash.New(d.s.conf().SM3), samples: newSampler(before.Size())}
	// One byte more than was promised tells a growing file; more is not taken.
	r.in = io.LimitReader(d.bay.counting(in), before.Size()+1)
	if !want.spool {
		return r, nil
	}
	var err error
	r.out, err = d.spoolRoom(ctx, before.Size(), func() (*spoolFile, error) { return d.s.spool.create(before.Size()) })
	return r, err
}

// copy reads to the end.
func (r reading) copy(ctx context.Context, pool *hash.Pool) (hash.Sum, error) {
	var to []io.Writer
	if r.out != nil {
		to = append(to, r.out)
	}
	if r.samples != nil {
		to = append(to, r.samples)
	}
	return r.sums.Copy(ctx, io.MultiWriter(to...), r.in, pool)
}

// resume takes up the interrupted read of f, if there is one and the camera
// still holds what was read: the first, middle and last 64 KiB of it are
// compared. The whole clip is checked for stability as any other.
func (d *docking) resume(ctx context.Context, f *file, in device.Reader, before os.FileInfo) (r reading, ok bool, err error) {
	key := pathKey(d.origin.source, f.Path)
	p, found := d.s.partialAt(key)
	if !found {
		return reading{}, false, nil
	}
	at := p.State.Size
	sums, err := hash.Resume(p.State)
	same := err == nil && d.continues(p, before)
	if same {
		if same, err = d.s.spool.begins(p.Temp, in, at); err != nil {
			return reading{}, false, err // the camera's fault: the partial waits
		}
	}
	if !same {
		d.s.dropPartial(ctx, key)
		return reading{}, false, nil
	}
	if mine, err := d.s.takePartial(ctx, key, p.Temp); err != nil || !mine {
		return reading{}, false, err
	}
	out, err := d.spoolRoom(ctx, before.Size()-at, func() (*spoolFile, error) { return d.s.spool.reopen(p.Temp, at, before.Size()) })
	samples := newSampler(before.Size())
	if err == nil {
		if err = samples.skip(out, at); err != nil {
			out.discard()
			return reading{}, false, nil // what was kept cannot be read
		}
	}
	if err != nil {
		d.s.putPartial(ctx, key, p)
		return reading{}, false, err
	}
	d.bay.update(func(b *BayStatus) { b.Bytes += at })
	d.s.logger.Info("reading on", "camera", d.origin.device, "stage", "read", "size", at)
	rest := d.bay.counting(io.NewSectionReader(in, at, before.Size()+1-at))
	return reading{sums: sums, in: rest, out: out, from: at, samples: samples}, true, nil
}

// continues reports whether everything but the bytes says that the file is the
// one that was read.
func (d *docking) continues(p partial, now os.FileInfo) bool {
	return p.Size == now.Size() && p.ModTime == now.ModTime().UnixNano() && p.State.Size <= p.Size &&
		slices.Equal(p.Identities, d.identities) && d.s.conf().SM3 == (p.State.SM3 != nil)
}

// broken ends a read that failed. What came is kept when the camera or a stop of
// the dock is the reason, and it is worth it.
func (d *docking) broken(ctx context.Context, f *file, before os.FileInfo, r reading, why error) {
	if r.out == nil {
		return
	}
	var camera *hash.ReadError
	state, whole := r.sums.State()
	if !whole || state.Size < partialFrom || ctx.Err() == nil && !errors.As(why, &camera) {
		r.out.discard()
		return
	}
	if err := r.out.suspend(state.Size); err != nil {
		d.s.logger.Warn("keep what was read", "stage", "read", "err", err)
		r.out.discard()
		return
	}
	d.s.putPartial(ctx, pathKey(d.origin.source, f.Path), partial{
		Temp: filepath.Base(r.out.Name()), Size: before.Size(), ModTime: before.ModTime().UnixNano(),
		Identities: d.identities, Since: d.s.now(), State: state,
	})
}

// partialAt finds the interrupted read of a path.
func (s *Station) partialAt(key []byte) (p partial, found bool) {
	_ = s.db.View(func(tx *bbolt.Tx) error {
		var err error
		found, err = catalog{tx}.get(partialBucket, key, &p)
		found = found && err == nil
		return nil
	})
	return p, found
}

// putPartial makes an interrupted read known; one that stood there goes. What
// cannot be written down is given up.
func (s *Station) putPartial(ctx context.Context, key []byte, p partial) {
	var old partial
	err := s.commit(context.WithoutCancel(ctx), func(tx *ledger.Tx) (err error) {
		c := catalog{tx.Bolt()}
		if old, err = c.takePartial(key); err != nil {
			return err
		}
		return c.put(partialBucket, key, p)
	})
	switch {
	case err != nil:
		s.logger.Warn("keep what was read", "stage", "read", "err", err)
		s.spool.forget(p.Temp)
	case old.Temp != p.Temp:
		s.spool.forget(old.Temp)
	}
}

// takePartial gives an interrupted read to whoever asks first. From here on a
// crash leaves a file that no row names.
func (s *Station) takePartial(ctx context.Context, key []byte, temp string) (mine bool, err error) {
	err = s.commit(ctx, func(tx *ledger.Tx) error {
		c := catalog{tx.Bolt()}
		var p partial
		found, err := c.get(partialBucket, key, &p)
		if mine = found && p.Temp == temp; err != nil || !mine {
			return err
		}
		_, err = c.takePartial(key)
		return err
	})
	return mine, err
}

// dropPartial gives an interrupted read up, where there is one.
func (s *Station) dropPartial(ctx context.Context, key []byte) {
	if _, found := s.partialAt(key); !found {
		return
	}
	var old partial
	err := s.commit(context.WithoutCancel(ctx), func(tx *ledger.Tx) (err error) {
		old, err = catalog{tx.Bolt()}.takePartial(key)
		return err
	})
	if err != nil {
		s.logger.Warn("give up what was read", "stage", "read", "err", err)
		return
	}
	s.spool.forget(old.Temp)
}

// takePartial removes a row and returns what it said; nothing where there is none.
func (c catalog) takePartial(key []byte) (p partial, err error) {
	if _, err = c.get(partialBucket, key, &p); err != nil {
		p = partial{} // not readable: its file is swept at the next start
	}
	return p, c.tx.Bucket(partialBucket).Delete(key)
}

// partials lists the interrupted reads, oldest first.
func (s *Station) partials() (keys [][]byte, list []partial, err error) {
	type kept struct {
		key []byte
		p   partial
	}
	var all []kept
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(partialBucket).ForEach(func(k, v []byte) error {
			var p partial
			_ = decode(v, &p) // one that is not readable is the oldest
			all = append(all, kept{bytes.Clone(k), p})
			return nil
		})
	})
	slices.SortFunc(all, func(a, b kept) int { return a.p.Since.Compare(b.p.Since) })
	for _, k := range all {
		keys, list = append(keys, k.key), append(list, k.p)
	}
	return keys, list, err
}

// expirePartials drops interrupted reads whose camera did not come back.
func (s *Station) expirePartials(ctx context.Context) error {
	return s.giveUpPartials(ctx, func(p partial) bool { return s.now().Sub(p.Since) < partialLife })
}

// giveUpPartials drops interrupted reads, oldest first, until enough says so.
func (s *Station) giveUpPartials(ctx context.Context, enough func(partial) bool) error {
	keys, list, err := s.partials()
	if err != nil {
		return fmt.Errorf("list interrupted reads: %w", err)
	}
	for i, p := range list {
		if ctx.Err() != nil || enough(p) {
			return ctx.Err()
		}
		s.dropPartial(ctx, keys[i])
	}
	return nil
}
