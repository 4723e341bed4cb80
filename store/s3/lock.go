package s3

import "context"

// CanLock implements store.Locker.
func (s *Store) CanLock(ctx context.Context) (bool, error) {
	info, err := s.Bucket(ctx)
	return info.ObjectLock, err
}
