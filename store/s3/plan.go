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

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/hash"
	"github.com/custodock/custodock/store"
)

// What S3 allows of parts.
const (
	leastPart  = 5 << 20
	mostOfClip = 10_000
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
	case o.PartSize > 0 && int64(len(o.Parts)) == (o.Size+o.PartSize-1)/o.PartSize && (len(o.Parts) == 1 || o.PartSize >= leastPart && len(o.Parts) <= mostOfClip):
		return p, nil
	}
	p.partSize = hash.PartSize
	for p.partSize*mostOfClip < o.Size {
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
	return &spool{ctx: ctx, src: p.src, at: int64(i) * p.partSize, left: p.size(i)}
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
