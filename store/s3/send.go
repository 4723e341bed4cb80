package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/configs"
)

// The headers of a write that minio-go sends as they are.
const (
	headerCRC           = "x-amz-checksum-crc64nvme"
	headerChecksumAlgo  = "x-amz-checksum-algorithm"
	headerChecksumType  = "x-amz-checksum-type"
	metaSHA256          = "sha256"
	checksumAlgorithm   = "CRC64NVME"
	checksumOfAllTheWay = "FULL_OBJECT"
)

// write is one PUT. It is conditional always: repeated it changes nothing.
type write struct {
	name  string
	size  int64
	body  func() io.Reader // from its start
	sha   string           // of the body, in hex
	crc   uint64
	old   string // ETag that must be there; "" is that nothing may be
	until time.Time
	hold  bool // a legal hold too
	meta  map[string]string
}

// errThere says that a write whose reply was lost need not be repeated.
var errThere = errors.New("something is there already")

// send carries out a write. With doubt an earlier try may have been carried out
// although its reply was lost, so that what is there now may be ours; err is
// errThere or a refusal by then.
func (s *Store) send(ctx context.Context, w write) (written pin, doubt bool, err error) {
	if err := s.puts.enter(ctx); err != nil {
		return pin{}, false, err
	}
	defer s.puts.leave()
	err = s.do(ctx, func() error {
		if doubt && w.old == "" {
			// The body may be large: ask before it is sent again.
			if _, err := s.headOnce(ctx, w.name, pin{}); err == nil {
				return errThere
			} else if !isAbsent(err) {
				return err
			}
		}
		body, began := w.body(), time.Now()
		up, err := s.core.PutObject(context.WithValue(ctx, bodyKey{}, body), s.where.bucket, s.key(w.name), body, w.size, "", w.sha, s.headers(w))
		s.puts.tell(began, err)
		if err == nil && up.ETag == "" {
			err = errHalf
		}
		if local, ok := body.(*spool); ok && local.failed() != nil {
			return local.failed()
		}
		if err != nil {
			if isUnlockable(err) && s.lockable.Swap(false) {
				return fmt.Errorf("%w: %w", errHalf, err) // once more, without the lock: what is stored so says it in its Info
			}
			doubt = doubt || isLost(err)
			return err
		}
		written = pin{id: versionID(up.VersionID), etag: up.ETag}
		return nil
	})
	return written, doubt, err
}

// headers are those of one PUT. DisableContentSha256 keeps minio-go from
// signing in chunks, which would leave out the digest that we know.
func (s *Store) headers(w write) minio.PutObjectOptions {
	o := minio.PutObjectOptions{UserMetadata: map[string]string{headerCRC: encodeCRC(w.crc)}, DisableContentSha256: true}
	maps.Copy(o.UserMetadata, w.meta)
	if w.old == "" {
		o.SetMatchETagExcept("*")
	} else {
		o.SetMatchETag(w.old)
	}
	s.lock(&o, w.until, w.hold)
	return o
}

// lock adds the headers of a lock until then, where the bucket takes them. A
// retention that has passed is none.
func (s *Store) lock(o *minio.PutObjectOptions, until time.Time, hold bool) {
	if !s.lockable.Load() {
		return
	}
	if s.mode != configs.LockNone && until.After(s.now()) {
		o.Mode = minio.RetentionMode(strings.ToUpper(s.mode))
		o.RetainUntilDate = wholeSecond(until)
	}
	if hold {
		o.LegalHold = minio.LegalHoldEnabled
	}
}

// wholeSecond is the first one that is not before t: S3 keeps no fractions.
func wholeSecond(t time.Time) time.Time {
	return t.Add(time.Second - 1).Truncate(time.Second).UTC()
}

// confirm asks for what was written, at its version. Only this proves that a
// store took it: anything can answer 200.
func (s *Store) confirm(ctx context.Context, w write, p pin) (head, error) {
	if p.id != "" {
		p.etag = ""
	}
	h, err := s.head(ctx, w.name, p)
	switch {
	case isAbsent(err), isRefused(err):
		return h, &strangerError{what: fmt.Sprintf("%q was accepted and is not there", short(w.name))}
	case err != nil:
		return h, err
	case h.info.Size != w.size || h.crcd && h.crc != w.crc:
		return h, &strangerError{what: fmt.Sprintf("%q was accepted and has other bytes", short(w.name))}
	}
	return h, nil
}
