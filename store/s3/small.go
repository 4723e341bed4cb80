package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/minio/crc64nvme"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
)

// Create implements store.Store. Names of a log that last are locked as long as
// an object that is ingested now.
func (s *Store) Create(ctx context.Context, name string, data []byte) (store.Info, error) {
	if err := checkName(name); err != nil {
		return store.Info{}, err
	}
	w := newWrite(name, data)
	if isLasting(name) && s.mode != configs.LockNone {
		w.until = s.now().Add(s.retain)
	}
	info, err := s.create(ctx, w, data)
	if err != nil {
		return store.Info{}, s.inStore("create", name, err)
	}
	return info, nil
}

func (s *Store) create(ctx context.Context, w write, data []byte) (store.Info, error) {
	p, _, err := s.send(ctx, w)
	if isRefused(err) || errors.Is(err, errThere) {
		h, same, err := s.holds(ctx, w.name, data)
		if err == nil && !same {
			err = store.ErrExists
		}
		return h.info, err
	}
	if err != nil {
		return store.Info{}, err
	}
	h, err := s.confirm(ctx, w, p)
	return h.info, err
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, name string, data []byte, old string) (store.Info, error) {
	if err := checkName(name); err != nil {
		return store.Info{}, err
	}
	w := newWrite(name, data)
	w.old = old
	info, err := s.replace(ctx, w, data)
	if err != nil {
		return store.Info{}, s.inStore("replace", name, err)
	}
	return info, nil
}

func (s *Store) replace(ctx context.Context, w write, data []byte) (store.Info, error) {
	p, doubt, err := s.send(ctx, w)
	switch {
	case err == nil:
		h, err := s.confirm(ctx, w, p)
		return h.info, err
	case isAbsent(err) && w.old != "": // AWS says so of what is gone
		return store.Info{}, fmt.Errorf("%w: it is gone", store.ErrStale)
	case !isRefused(err) && !errors.Is(err, errThere):
		return store.Info{}, err
	case doubt:
		// The refusal may be of our own write, whose reply was lost.
		h, same, err := s.holds(ctx, w.name, data)
		if err == nil && same {
			return h.info, nil
		}
		if err != nil && !isAbsent(err) {
			return store.Info{}, err
		}
	}
	return store.Info{}, store.ErrStale
}

// holds reports whether a name holds data now.
func (s *Store) holds(ctx context.Context, name string, data []byte) (h head, same bool, err error) {
	h, err = s.head(ctx, name, pin{})
	if err != nil || h.info.Size != int64(len(data)) {
		return h, false, err
	}
	f, err := s.Open(ctx, name, h.info.Version)
	if err != nil {
		return h, false, err
	}
	defer func() { _ = f.Close() }()
	have, err := io.ReadAll(f)
	return h, bytes.Equal(have, data), err
}

func newWrite(name string, data []byte) write {
	sum := sha256.Sum256(data)
	return write{
		name: name, size: int64(len(data)), body: func() io.Reader { return bytes.NewReader(data) },
		sha: hex.EncodeToString(sum[:]), crc: crc64nvme.Checksum(data),
	}
}
