package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/crc64nvme"
	"github.com/minio/minio-go/v7"
	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/store"
)

// starts is how often the upload of one clip is begun before it is given up.
const starts = 3

// putParts uploads a clip of many parts. An upload that is cut short stays at
// the store under its note, and goes on with the parts that are there.
func (s *Store) putParts(ctx context.Context, o store.Object, p *plan) (store.Info, error) {
	name := store.Name(o.Digest)
	// One question may save gigabytes.
	info, err := s.settle(ctx, o, "")
	if !errors.Is(err, store.ErrNotExist) {
		if err == nil {
			err = s.abandon(ctx, name)
		}
		return info, err
	}
	for start := 1; ; start++ {
		written, err := s.sendParts(ctx, o, p)
		switch {
		case err == nil:
			return s.confirmParts(ctx, o, p, written)
		case isRefused(err), isGone(err):
			// Somebody stored it meanwhile; or we did, and the reply was lost.
			info, err := s.settle(ctx, o, "")
			if !errors.Is(err, store.ErrNotExist) || start == starts {
				return info, errors.Join(err, s.abandon(ctx, name))
			}
		case isCorrupt(err), hasCode(err, "InvalidPart", "InvalidPartOrder", "EntityTooSmall"):
			if bad := p.reread(ctx); bad != nil {
				return store.Info{}, errors.Join(bad, s.abandon(ctx, name))
			}
			if start == starts {
				return store.Info{}, errors.Join(altered(err), s.abandon(ctx, name))
			}
		case errors.Is(err, store.ErrDamaged):
			return store.Info{}, errors.Join(err, s.abandon(ctx, name))
		default:
			return store.Info{}, err
		}
		if err := s.abandon(ctx, name); err != nil {
			return store.Info{}, err
		}
	}
}

// confirmParts also sees to the lock: that of an upload which an earlier run
// began is the one that was wanted then.
func (s *Store) confirmParts(ctx context.Context, o store.Object, p *plan, written pin) (store.Info, error) {
	w := write{name: store.Name(o.Digest), size: o.Size, crc: p.crc}
	h, err := s.confirm(ctx, w, written)
	if err == nil {
		err = sameSHA(h, o)
	}
	if err != nil {
		return store.Info{}, err
	}
	info, err := s.extend(ctx, h, o)
	if err != nil {
		return store.Info{}, err
	}
	return info, s.forget(w.name)
}

// sendParts brings all parts to the store and makes one object of them.
func (s *Store) sendParts(ctx context.Context, o store.Object, p *plan) (pin, error) {
	g, gctx := errgroup.WithContext(ctx)
	id, all, err := s.giveOut(gctx, g, o, p)
	if failed := g.Wait(); failed != nil {
		err = failed // which is why the others were not given out
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return pin{}, err
	}
	return s.complete(ctx, store.Name(o.Digest), id, p, all)
}

// giveOut has g send the parts, and returns when the last has begun; they are in
// all when g is done. A clip gives out all its parts before a later one begins, so
// that the first are whole soon and the store has few pieces to keep.
func (s *Store) giveOut(ctx context.Context, g *errgroup.Group, o store.Object, p *plan) (id string, all []minio.CompletePart, err error) {
	if err := s.large.Acquire(ctx, 1); err != nil {
		return "", nil, err
	}
	defer s.large.Release(1)
	id, done, err := s.resume(ctx, o, p)
	if err != nil {
		return "", nil, err
	}
	all = make([]minio.CompletePart, len(p.crcs))
	for i, crc := range p.crcs {
		all[i] = minio.CompletePart{PartNumber: i + 1, ChecksumCRC64NVME: encodeCRC(crc)}
		if have, ok := done[i]; ok {
			all[i].ETag = have
			continue
		}
		// The goroutine comes after its turn, so that there are few of them.
		if err := s.parts.enter(ctx); err != nil {
			return "", nil, err
		}
		g.Go(func() error {
			defer s.parts.leave()
			etag, err := s.sendPart(ctx, store.Name(o.Digest), id, p, i)
			all[i].ETag = etag
			return err
		})
	}
	return id, all, nil
}

func (s *Store) sendPart(ctx context.Context, name, id string, p *plan, i int) (etag string, err error) {
	reread := false
	err = s.do(ctx, func() error {
		body, began := p.part(ctx, i), time.Now()
		part, err := s.core.PutObjectPart(context.WithValue(ctx, bodyKey{}, body), s.where.bucket, s.key(name), id, i+1, body, p.size(i), minio.PutObjectPartOptions{
			CustomHeader:         http.Header{http.CanonicalHeaderKey(headerCRC): {encodeCRC(p.crcs[i])}},
			DisableContentSha256: true,
		})
		s.parts.tell(began, err)
		if local := body.failed(); local != nil {
			return local
		}
		if isCorrupt(err) && !reread {
			reread = true
			if err := p.recheck(ctx, i); err != nil {
				return err
			}
			return fmt.Errorf("%w: %w", errHalf, err) // by the line: once more
		}
		if err == nil && part.ETag == "" {
			err = errHalf
		}
		etag = part.ETag
		return err
	})
	return etag, err
}

// recheck reads one part again after the store got other bytes.
func (p *plan) recheck(ctx context.Context, i int) error {
	crc := crc64nvme.New()
	if err := transfer(ctx, crc, p.part(ctx, i)); err != nil {
		return err
	}
	if crc.Sum64() != p.crcs[i] {
		return fmt.Errorf("%w: part %d of %s changed since it was hashed", store.ErrDamaged, i+1, p.object.Path)
	}
	return nil
}

func (s *Store) complete(ctx context.Context, name, id string, p *plan, all []minio.CompletePart) (written pin, err error) {
	o := minio.PutObjectOptions{UserMetadata: map[string]string{headerCRC: encodeCRC(p.crc), headerChecksumType: checksumOfAllTheWay}}
	o.SetMatchETagExcept("*")
	err = s.do(ctx, func() error {
		up, err := s.core.CompleteMultipartUpload(ctx, s.where.bucket, s.key(name), id, all, o)
		if err == nil && up.ETag == "" {
			err = errHalf
		}
		written = pin{id: versionID(up.VersionID), etag: up.ETag}
		return err
	})
	return written, err
}
