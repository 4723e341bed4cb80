package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/custodock/custodock/store"
)

// noteKey is where the journal has the upload of a name.
func noteKey(name string) string { return notePrefix + name }

const notePrefix = "upload/"

// note is what must outlive a crash of an upload under way. Which parts are
// there the server says: its list is the truth, and costs no sync a part.
type note struct {
	Upload   string `json:"upload"`
	PartSize int64  `json:"part_size"`
}

func (s *Store) loadNote(name string) (n note, ok bool, err error) {
	b, err := s.journal.Load(noteKey(name))
	if err != nil || b == nil {
		return note{}, false, err
	}
	if json.Unmarshal(b, &n) != nil || n.Upload == "" {
		return note{}, false, nil // of another version: as good as none
	}
	return n, true, nil
}

func (s *Store) forget(name string) error { return s.journal.Save(noteKey(name), nil) }

// resume finds the upload of an earlier run with the ETags of the parts that
// are there, counted from 0, or begins one.
func (s *Store) resume(ctx context.Context, o store.Object, p *plan) (id string, done map[int]string, err error) {
	name := store.Name(o.Digest)
	n, ok, err := s.loadNote(name)
	if err != nil {
		return "", nil, err
	}
	if ok && n.PartSize == p.partSize {
		done, err := s.partsOf(ctx, name, n.Upload, p)
		if err == nil || !isGone(err) {
			return n.Upload, done, err
		}
	}
	if ok {
		if err := s.abandon(ctx, name); err != nil {
			return "", nil, err
		}
	}
	id, err = s.begin(ctx, name, o)
	if err != nil {
		return "", nil, err
	}
	b, err := json.Marshal(note{Upload: id, PartSize: p.partSize})
	if err != nil {
		return "", nil, err
	}
	return id, nil, s.journal.Save(noteKey(name), b)
}

// begin starts an upload. One whose reply got lost is left to Reap.
func (s *Store) begin(ctx context.Context, name string, object store.Object) (id string, err error) {
	err = s.do(ctx, func() error {
		o := minio.PutObjectOptions{UserMetadata: map[string]string{
			metaSHA256: object.Digest.String(), headerChecksumAlgo: checksumAlgorithm, headerChecksumType: checksumOfAllTheWay,
		}}
		s.lock(&o, object.Until, s.hold)
		id, err = s.core.NewMultipartUpload(ctx, s.where.bucket, s.key(name), o)
		if isUnlockable(err) && s.lockable.Swap(false) {
			err = errHalf // again, without them
		}
		if err == nil && id == "" {
			err = errHalf
		}
		return err
	})
	return id, err
}

// partsOf lists the parts of an upload that are whole.
func (s *Store) partsOf(ctx context.Context, name, id string, p *plan) (map[int]string, error) {
	done := map[int]string{}
	err := s.eachPart(ctx, s.key(name), id, func(part minio.ObjectPart) error {
		i := part.PartNumber - 1
		if i < 0 || i >= len(p.crcs) || part.Size != p.size(i) || part.ETag == "" {
			return nil
		}
		if part.ChecksumCRC64NVME == "" || part.ChecksumCRC64NVME == encodeCRC(p.crcs[i]) {
			done[i] = strings.Trim(part.ETag, `"`)
		}
		return nil
	})
	return done, err
}

// eachPart walks the parts of an upload until visit returns an error.
func (s *Store) eachPart(ctx context.Context, key, id string, visit func(minio.ObjectPart) error) error {
	for marker := 0; ; {
		var page minio.ListObjectPartsResult
		err := s.do(ctx, func() (err error) {
			page, err = s.core.ListObjectParts(ctx, s.where.bucket, key, id, marker, pageSize)
			if err == nil && page.UploadID != id {
				err = errHalf
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, part := range page.ObjectParts {
			if err := visit(part); err != nil {
				return err
			}
		}
		if !page.IsTruncated {
			return nil
		}
		if page.NextPartNumberMarker <= marker {
			return &strangerError{what: "a list of parts that does not end"}
		}
		marker = page.NextPartNumberMarker
	}
}

// abandon removes an upload that is not needed any more, with its note.
func (s *Store) abandon(ctx context.Context, name string) error {
	n, ok, err := s.loadNote(name)
	if err != nil || !ok {
		return err
	}
	err = s.do(ctx, func() error { return s.core.AbortMultipartUpload(ctx, s.where.bucket, s.key(name), n.Upload) })
	if err != nil && !isGone(err) && !isAbsent(err) {
		return fmt.Errorf("abort upload: %w", s.explain(err))
	}
	return s.forget(name)
}
