package ptp

import (
	"context"
	"errors"
	"hash/crc32"
)

// Devices without partial reads give an object from its first byte to its last
// in one transaction. While it is under way nothing else can be asked, so
// another question breaks it off, and the stream begins again and passes over
// what it gave before. What it passes over must have the same sum, or the file
// changed.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func digest(sum uint32, p []byte) uint32 { return crc32.Update(sum, castagnoli, p) }

// summing is a digest as an io.Writer.
type summing struct{ sum uint32 }

func (s *summing) Write(p []byte) (int, error) {
	s.sum = digest(s.sum, p)
	return len(p), nil
}

// stream reads the next bytes of the object under way.
func (r *Reader) stream(p []byte) (int, error) {
	if err := r.hold(); err != nil {
		return 0, r.wrap("read", err)
	}
	var err error
	for range tries {
		n := 0
		o := r.object()
		_, err = r.s.speak(r.ctx, o.epoch, func(ctx context.Context) error {
			if r.s.stream != r {
				if err := r.begin(ctx, o, r.off, r.sum); err != nil {
					return err
				}
			}
			var err error
			n, err = r.some(ctx, p)
			return err
		})
		if errors.Is(err, errAnew) {
			if err = r.relocate(); err == nil {
				continue
			}
		}
		if err != nil {
			break
		}
		r.off += int64(n)
		r.sum = digest(r.sum, p[:n])
		return n, nil
	}
	r.release()
	return 0, r.wrap("read", err)
}

// hold waits until no other reader streams.
func (r *Reader) hold() error {
	r.mu.Lock()
	holds := r.holds
	r.mu.Unlock()
	if holds {
		return nil
	}
	select {
	case <-r.s.streams:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds = true
	if r.ctx.Err() != nil { // Close came first and had nothing to release
		r.holds = false
		r.s.streams <- struct{}{}
		return r.ctx.Err()
	}
	return nil
}

// begin asks for the object and passes over its first off bytes. sum is theirs.
func (r *Reader) begin(ctx context.Context, o object, off int64, sum uint32) error {
	w := r.s.wire
	if err := r.s.breakOff(ctx); err != nil {
		return err
	}
	err := w.begin(ctx, question{op: opObject, params: []uint32{o.handle}}, o.info.Size)
	if err != nil {
		return err
	}
	if w.end != nil {
		_, err := w.finish(ctx)
		if err == nil {
			err = faultf("no data and no reason")
		}
		return err
	}
	r.s.stream = r
	if w.left != o.info.Size {
		return r.changed()
	}
	var seen summing
	if err := w.skip(ctx, off, &seen); err != nil {
		return err
	}
	if seen.sum != sum {
		return r.changed()
	}
	return nil
}

// changed leaves a stream under way to whoever speaks next.
func (r *Reader) changed() error { return local{ErrChanged} }

// some takes data, and the response behind the last of them.
func (r *Reader) some(ctx context.Context, p []byte) (int, error) {
	w := r.s.wire
	part, err := w.data(ctx, len(p))
	if err != nil {
		return 0, err
	}
	n := copy(p, part)
	if w.left == 0 {
		r.s.stream = nil
		_, err = w.finish(ctx)
	}
	return n, err
}

// again reads the object from its start to fill p with what lies at off. It
// breaks off a stream, its own too.
func (r *Reader) again(p []byte, off int64) error {
	var err error
	for range tries {
		o := r.object()
		_, err = r.s.speak(r.ctx, o.epoch, func(ctx context.Context) error {
			return r.sample(ctx, o, p, off)
		})
		if !errors.Is(err, errAnew) {
			return err
		}
		if err := r.relocate(); err != nil {
			return err
		}
	}
	return err
}

func (r *Reader) sample(ctx context.Context, o object, p []byte, off int64) error {
	w := r.s.wire
	if err := r.s.breakOff(ctx); err != nil {
		return err
	}
	// The sum of what is passed over is not known here.
	if err := r.begin(ctx, o, 0, 0); err != nil {
		return err
	}
	if err := w.skip(ctx, off, &summing{}); err != nil {
		return err
	}
	for n := 0; n < len(p); {
		k, err := r.some(ctx, p[n:])
		if err != nil {
			return err
		}
		n += k
	}
	// The bytes are here: what follows is for whoever speaks next.
	if err := r.s.breakOff(ctx); err != nil {
		r.s.lost = true
	}
	return nil
}
