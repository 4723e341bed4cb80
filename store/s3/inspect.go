package s3

import (
	"context"
	"fmt"

	"github.com/custodock/custodock/store"
)

var (
	_ store.Locker    = (*Store)(nil)
	_ store.Inspector = (*Store)(nil)
	_ store.Reaper    = (*Store)(nil)
)

// CanLock implements store.Locker.
func (s *Store) CanLock(ctx context.Context) (bool, error) {
	info, err := s.Bucket(ctx)
	return info.ObjectLock, err
}

// Inspect implements store.Inspector.
func (s *Store) Inspect(ctx context.Context, locked bool) (store.Inspection, error) {
	info, err := s.Bucket(ctx)
	if err != nil {
		return store.Inspection{}, err
	}
	var r Rights
	if locked {
		r, err = s.MayDelete(ctx)
	} else if err = s.tryFree(ctx, &r); err != nil {
		err = fmt.Errorf("try the rights of the keys: %w", s.explain(err))
	}
	return store.Inspection{
		Versioned: info.Versioned, Locks: info.ObjectLock, Default: info.DefaultRetention, Clock: info.Clock, Allowed: r.allowed(),
	}, err
}

// allowed names the attempts that the store did not refuse.
func (r Rights) allowed() []string {
	var out []string
	for _, a := range []struct {
		name    string
		verdict Verdict
	}{
		{"hide", r.Hide}, {"delete", r.Delete}, {"delete-locked", r.DeleteLocked}, {"bypass", r.Bypass},
		{"shorten", r.Shorten}, {"lift-hold", r.LiftHold},
	} {
		if a.verdict == Allowed {
			out = append(out, a.name)
		}
	}
	return out
}
