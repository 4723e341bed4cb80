package s3

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/minio/crc64nvme"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/store"
)

// What S3 allows of parts.
const (
	leastPart = 5 << 20
	mostParts = 10_000
)

// plan is how one spool file goes out.
type plan struct {
	object   store.Object
	src      *os.File
	partSize int64
	crcs     []uint64 // of each part, at least one
	crc      uint64   // of the whole
}

// newPlan takes the checksums from the object. Those of an adopted clip, whose
// parts nobody knows, are found by reading it once.
func newPlan(ctx context.Context, o store.Object, src *os.File) (*plan, error) {
	p := &plan{object: o, src: src, partSize: o.PartSize, crcs: o.Parts, crc: o.CRC64}
	switch {
	case o.Size == 0:
		p.crcs, p.crc = []uint64{0}, 0
		return p, nil
	case o.PartSize > 0 && int64(len(o.Parts)) == (o.Size+o.PartSize-1)/o.PartSize && (len(o.Parts) == 1 || o.PartSize >= leastPart && len(o.Parts) <= mostParts):
		return p, nil
	}
	p.partSize = hash.PartSize
	for p.partSize*mostParts < o.Size {
		p.partSize *= 2
	}
	return p, p.reread(ctx)
}

// reread reads the file once and finds the checksums of its parts, or that its
// bytes are not those that were hashed.
func (p *plan) reread(ctx context.Context) error {
	sum := sha256.New()
	p.crcs, p.crc = nil, 0
	for at := int64(0); at < p.object.Size || at == 0; at += p.partSize {
		crc := crc64nvme.New()
		part := io.NewSectionReader(p.src, at, min(p.partSize, p.object.Size-at))
		if err := transfer(ctx, io.MultiWriter(sum, crc, (*whole)(&p.crc)), part); err != nil {
			return fmt.Errorf("%w: %w", errLocal, err)
		}
		p.crcs = append(p.crcs, crc.Sum64())
		if p.partSize <= 0 {
			break
		}
	}
	if d := clip.Digest(sum.Sum(nil)); d != p.object.Digest {
		return fmt.Errorf("%w: %s has sha-256 %s", store.ErrDamaged, p.object.Path, d)
	}
	return nil
}

// whole is a running CRC-64/NVME.
type whole uint64

func (w *whole) Write(b []byte) (int, error) {
	*w = whole(crc64nvme.Update(uint64(*w), b))
	return len(b), nil
}

// size is that of one part, counted from 0.
func (p *plan) size(i int) int64 {
	if len(p.crcs) == 1 {
		return p.object.Size
	}
	return min(p.partSize, p.object.Size-int64(i)*p.partSize)
}

// part reads one part, from its start.
func (p *plan) part(ctx context.Context, i int) *spool {
	return &spool{ctx: ctx, path: p.object.Path, left: p.size(i), r: io.NewSectionReader(p.src, int64(i)*p.partSize, p.size(i))}
}

// spool is the body of one request. It keeps the error of the disk, which is
// none of the network: the library mixes them. A request that has failed may
// still read for a moment, hence the lock.
type spool struct {
	ctx  context.Context
	path string
	r    io.Reader

	mu   sync.Mutex
	left int64
	err  error
}

func (s *spool) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && s.left > 0:
		s.err = fmt.Errorf("%w: %s became shorter", store.ErrDamaged, s.path)
	case err != nil && !errors.Is(err, io.EOF):
		s.err = fmt.Errorf("%w: %w", errLocal, err)
	}
	return n, err
}

func (s *spool) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func openSpool(o store.Object) (*os.File, error) {
	f, err := os.OpenFile(o.Path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is not a regular file", store.ErrDamaged, o.Path)
	}
	if err == nil && info.Size() != o.Size {
		err = fmt.Errorf("%w: %s has %d bytes instead of %d", store.ErrDamaged, o.Path, info.Size(), o.Size)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// copyBuffer is small because many clips may be read at once.
const copyBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

func transfer(ctx context.Context, to io.Writer, from io.Reader) error {
	buf := buffers.Get().(*[copyBuffer]byte)
	defer buffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := from.Read(buf[:])
		if _, werr := to.Write(buf[:n]); werr != nil {
			return werr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func digest(ctx context.Context, from io.Reader) (clip.Digest, error) {
	sum := sha256.New()
	err := transfer(ctx, sum, from)
	return clip.Digest(sum.Sum(nil)), err
}
