package s3

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
)

// BucketInfo is what a bucket says of itself.
type BucketInfo struct {
	Versioned        bool
	ObjectLock       bool          // without it nothing that is stored counts as locked
	DefaultRetention string        // "compliance 30 days", "" for none; it would also lock what is replaced often
	Clock            time.Duration // how far the server's clock is before ours, to about a second
}

// Bucket asks the bucket about itself.
func (s *Store) Bucket(ctx context.Context) (BucketInfo, error) {
	info, err := s.bucket(ctx)
	if err != nil {
		return BucketInfo{}, fmt.Errorf("ask bucket %s: %w", s.where.bucket, s.explain(err))
	}
	s.lockable.Store(info.ObjectLock)
	return info, nil
}

func (s *Store) bucket(ctx context.Context) (BucketInfo, error) {
	info, err := s.lockConfig(ctx)
	if err != nil {
		return info, err
	}
	err = s.do(ctx, func() error {
		v, err := s.core.GetBucketVersioning(ctx, s.where.bucket)
		info.Versioned = v.Enabled() || info.ObjectLock // no lock without versions
		return err
	})
	info.Clock, _ = s.watch.skew()
	return info, err
}

// Locks is nil where objects are locked as configured, as far as the bucket
// said when it was last asked or written to; else ErrUnlocked. Uploads go on
// without lock.
func (s *Store) Locks() error {
	if s.mode == configs.LockNone && !s.hold || s.lockable.Load() {
		return nil
	}
	return fmt.Errorf("%w: bucket %q at %s was made without object lock; use one that was made with it, or set lock: none",
		store.ErrUnlocked, s.where.bucket, s.where.endpoint())
}

// lockConfig asks for the lock of the bucket and nothing else.
func (s *Store) lockConfig(ctx context.Context) (BucketInfo, error) {
	var info BucketInfo
	err := s.do(ctx, func() error {
		enabled, mode, n, unit, err := s.core.GetObjectLockConfig(ctx, s.where.bucket)
		if err != nil {
			return err
		}
		info.ObjectLock = enabled == "Enabled"
		if mode != nil && n != nil && unit != nil {
			info.DefaultRetention = fmt.Sprintf("%s %d %s", strings.ToLower(short(mode.String())), *n, strings.ToLower(short(unit.String())))
		}
		return nil
	})
	if hasCode(err, "ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "InvalidRequest") {
		return BucketInfo{}, nil
	}
	return info, err
}
