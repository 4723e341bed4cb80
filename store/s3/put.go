package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
)

// Put implements store.Store. A clip of one part is one conditional PUT, a
// larger one a conditional multipart upload. The server compares all bytes with
// the SHA-256 in the first case, with the CRC-64 of the parts and of the whole
// in the second.
func (s *Store) Put(ctx context.Context, o store.Object) (store.Info, error) {
	info, err := s.put(ctx, o)
	if err != nil {
		return store.Info{}, s.inStore("put", o.Digest.String(), err)
	}
	return info, nil
}

func (s *Store) put(ctx context.Context, o store.Object) (store.Info, error) {
	unlock, err := s.names.lock(ctx, store.Name(o.Digest))
	if err != nil {
		return store.Info{}, err
	}
	defer unlock()
	if o.Version != "" {
		// It is found under its id even where a delete marker hides the name.
		info, err := s.settle(ctx, o, o.Version)
		if !errors.Is(err, store.ErrNotExist) {
			return info, err
		}
	}
	src, err := openSpool(o)
	if err != nil {
		return store.Info{}, err
	}
	defer func() { _ = src.Close() }()
	p, err := newPlan(ctx, o, src)
	if err != nil {
		return store.Info{}, err
	}
	if len(p.crcs) > 1 {
		return s.putParts(ctx, o, p)
	}
	return s.putWhole(ctx, o, p)
}

func (s *Store) putWhole(ctx context.Context, o store.Object, p *plan) (store.Info, error) {
	w := write{
		name: store.Name(o.Digest), size: o.Size, body: func() io.Reader { return p.part(ctx, 0) },
		sha: o.Digest.String(), crc: p.crc, until: o.Until, hold: s.hold, meta: map[string]string{metaSHA256: o.Digest.String()},
	}
	for again := false; ; again = true {
		written, _, err := s.send(ctx, w)
		switch {
		case err == nil:
			h, err := s.confirm(ctx, w, written)
			if err == nil {
				err = sameSHA(h, o)
			}
			return h.info, err
		case isRefused(err), errors.Is(err, errThere):
			return s.settle(ctx, o, "")
		case !isCorrupt(err):
			return store.Info{}, err
		}
		// The bytes that arrived are not those that were hashed: either the
		// file changed, or the line changed them and the checksums held.
		if err := p.reread(ctx); err != nil {
			return store.Info{}, err
		}
		if again {
			return store.Info{}, altered(err)
		}
	}
}

// altered is what is left to say when the file was read again and is right, and
// the store gets other bytes all the same: it is the way there that is wrong,
// and the clip must not be taken for a damaged one.
func altered(err error) error {
	if !isCorrupt(err) {
		return err
	}
	return &strangerError{what: "clips that are right on the dock arrive with other bytes"}
}

// settle compares what is there with the object and sees to its retention.
// ErrNotExist when nothing is there, ErrExists for other bytes.
func (s *Store) settle(ctx context.Context, o store.Object, version string) (store.Info, error) {
	name := store.Name(o.Digest)
	h, err := s.head(ctx, name, pin{id: version})
	if isAbsent(err) {
		return store.Info{}, store.ErrNotExist
	}
	if err != nil {
		return store.Info{}, err
	}
	if h.info.Size != o.Size {
		return store.Info{}, fmt.Errorf("%w: it has %d bytes instead of %d; verify the store", store.ErrExists, h.info.Size, o.Size)
	}
	if err := s.same(ctx, h, o); err != nil {
		return store.Info{}, err
	}
	return s.extend(ctx, h, o)
}

// same compares by what the server tells, and by the bytes where it tells
// nothing: an object that an administrator copied has no metadata of ours.
func (s *Store) same(ctx context.Context, h head, o store.Object) error {
	if h.crcd && len(o.Parts) > 0 && h.crc != o.CRC64 {
		return fmt.Errorf("%w: its checksum is %016x, not %016x; verify the store", store.ErrExists, h.crc, o.CRC64)
	}
	if h.sha != "" {
		return sameSHA(h, o)
	}
	if h.crcd && len(o.Parts) > 0 {
		return nil
	}
	f, err := s.Open(ctx, h.info.Name, h.info.Version)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum, err := digest(ctx, f)
	if err == nil && sum != o.Digest {
		err = fmt.Errorf("%w: its bytes hash to %s; verify the store", store.ErrExists, sum)
	}
	return err
}

// sameSHA compares with the metadata, which has nothing else of a clip.
func sameSHA(h head, o store.Object) error {
	d, err := hex.DecodeString(h.sha)
	if err != nil || len(d) != len(o.Digest) || clip.Digest(d) != o.Digest {
		return fmt.Errorf("%w: its metadata say sha-256 %q; verify the store", store.ErrExists, short(h.sha))
	}
	return nil
}

// extend moves the end of retention to where the object needs it, never back.
func (s *Store) extend(ctx context.Context, h head, o store.Object) (store.Info, error) {
	until := wholeSecond(o.Until)
	if s.mode == configs.LockNone || !s.lockable.Load() || o.Until.IsZero() || !until.After(s.now()) || !h.info.Until.Before(until) {
		return h.info, nil
	}
	mode := minio.RetentionMode(strings.ToUpper(s.mode))
	if h.info.Lock == configs.LockCompliance { // it never becomes weaker
		mode = minio.Compliance
	}
	err := s.do(ctx, func() error {
		return s.core.PutObjectRetention(ctx, s.where.bucket, s.key(h.info.Name), minio.PutObjectRetentionOptions{
			Mode: &mode, RetainUntilDate: &until, VersionID: h.pin.id,
		})
	})
	if a, ok := answerOf(err); ok && h.info.Lock == "" && (isUnlockable(err) || a.StatusCode == http.StatusForbidden) {
		// The bucket has no lock; or there is a longer one that HEAD does not
		// tell: AWS tells only who may read it, versitygw only of the newest
		// version. Whoever reads Info sees that none is proven.
		return h.info, nil
	}
	if err != nil {
		return store.Info{}, err
	}
	h, err = s.head(ctx, h.info.Name, pin{id: h.pin.id})
	if err == nil && h.info.Until.Before(until) && h.info.Lock != "" {
		err = &strangerError{what: fmt.Sprintf("a retention until %s was accepted and is not there", until.Format(time.RFC3339))}
	}
	return h.info, err
}
