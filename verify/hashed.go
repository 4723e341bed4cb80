package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/store"
)

// hashObject brings up what one object is: whole only if its bytes have the digest
// that it is called by.
func (r *run) hashObject(ctx context.Context, p *plan, f fact, o *reading, pool *hash.Pool) {
	want := p.digests[o.place]
	var in io.ReadCloser
	in, err := r.Store.Open(ctx, store.Name(want), p.versions[f.n])
	if errors.Is(err, store.ErrNotExist) && !f.stored && r.Spool != "" {
		in, err = openSpooled(r.Spool, want)
	}
	both, sum := o.both, digest
	if both {
		sum = o.bothWays(pool)
	}
	o.object, o.err = hashed(ctx, want, in, err, sum)
	o.both = both
}

// openSpooled opens an object that waits on the dock for its store.
func openSpooled(spool string, want clip.Digest) (io.ReadCloser, error) {
	in, err := os.Open(filepath.Join(spool, want.String()))
	if errors.Is(err, fs.ErrNotExist) {
		err = store.ErrNotExist
	}
	return in, err
}

// summing reads to the end, and says the SHA-256 of what came and how much it was.
type summing func(ctx context.Context, in io.Reader) (clip.Digest, int64, error)

func hashed(ctx context.Context, want clip.Digest, in io.ReadCloser, err error, sum summing) (object, error) {
	var o object
	if err == nil {
		defer func() { _ = in.Close() }()
		var d clip.Digest
		d, o.size, err = sum(ctx, in)
		if err == nil {
			o.state = damaged
			if d == want {
				o.state = whole
			}
			return o, nil
		}
	}
	switch {
	case errors.Is(err, store.ErrDamaged): // the store's own checksum found it
		o.state = damaged
		return o, nil
	case errors.Is(err, store.ErrNotExist):
		o.state = absent
	default:
		o.state = failed
	}
	return o, err
}

var buffers = sync.Pool{New: func() any { return new([1 << 20]byte) }}

// digest reads in to its end.
func digest(ctx context.Context, in io.Reader) (clip.Digest, int64, error) {
	buf, _ := buffers.Get().(*[1 << 20]byte)
	defer buffers.Put(buf)
	h := sha256.New()
	var size int64
	for {
		n, err := in.Read(buf[:])
		_, _ = h.Write(buf[:n])
		size += int64(n)
		switch {
		case err == io.EOF:
			return clip.Digest(h.Sum(nil)), size, nil
		case err != nil:
			return clip.Digest{}, size, err
		case ctx.Err() != nil:
			return clip.Digest{}, size, ctx.Err()
		}
	}
}
