package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// reapAfter is how old an upload and its newest part must be before nobody
// works on it any more.
const reapAfter = 24 * time.Hour

// Reap removes uploads below our prefix that were left behind: no note of ours
// knows them, and nothing came for a day. The upload of another dock that is
// under way has younger parts; one that is removed all the same begins again.
// MinIO lists no uploads below a prefix, and removes old ones by itself.
func (s *Store) Reap(ctx context.Context) (removed int, err error) {
	known, err := s.knownUploads()
	if err != nil {
		return 0, fmt.Errorf("reap uploads: %w", err)
	}
	for key, id := "", ""; ; {
		var page minio.ListMultipartUploadsResult
		err := s.do(ctx, func() (err error) {
			page, err = s.core.ListMultipartUploads(ctx, s.where.bucket, s.where.prefix, key, id, "", pageSize)
			if err == nil && page.Bucket != s.where.bucket {
				err = errHalf
			}
			return err
		})
		if err != nil {
			return removed, s.reaping(err)
		}
		for _, u := range page.Uploads {
			if !strings.HasPrefix(u.Key, s.where.prefix) || known[u.UploadID] || s.now().Sub(u.Initiated) < reapAfter {
				continue
			}
			done, err := s.reap(ctx, u)
			if err != nil {
				return removed, s.reaping(err)
			}
			if done {
				removed++
			}
		}
		if !page.IsTruncated {
			return removed, nil
		}
		if page.NextKeyMarker < key || page.NextKeyMarker == key && page.NextUploadIDMarker <= id {
			return removed, s.reaping(&strangerError{what: "a list of uploads that does not end"})
		}
		key, id = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

func (s *Store) reaping(err error) error { return fmt.Errorf("reap uploads: %w", s.explain(err)) }

func (s *Store) knownUploads() (map[string]bool, error) {
	keys, err := s.journal.Keys(notePrefix)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, key := range keys {
		n, ok, err := s.loadNote(strings.TrimPrefix(key, notePrefix))
		if err != nil {
			return nil, err
		}
		if ok {
			known[n.Upload] = true
		}
	}
	return known, nil
}

// reap removes one upload unless a part of it is young.
func (s *Store) reap(ctx context.Context, u minio.ObjectMultipartInfo) (bool, error) {
	err := s.eachPart(ctx, u.Key, u.UploadID, func(part minio.ObjectPart) error {
		if s.now().Sub(part.LastModified) < reapAfter {
			return errYoung
		}
		return nil
	})
	if err == nil {
		err = s.do(ctx, func() error { return s.core.AbortMultipartUpload(ctx, s.where.bucket, u.Key, u.UploadID) })
	}
	if errors.Is(err, errYoung) || isGone(err) {
		return false, nil
	}
	return err == nil, err
}

var errYoung = errors.New("a part came not long ago")
