package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// lost is an error where an object could not be read because its whole store cannot:
// the checkpoint, which was there a moment ago, does not come either. Of the clip, and
// of all behind it, nothing is known then, and a later sitting reads them.
func (r *run) lost(ctx context.Context, o object) error {
	if o.state != failed {
		return nil
	}
	return r.gone(ctx)
}

// noticed keeps in mind that a file which may be there could not be read.
func (r *run) noticed(err error) {
	if err != nil && !errors.Is(err, store.ErrNotExist) {
		r.unread.Store(true)
	}
}

// away is an error where some file could not be read because the whole store cannot:
// what seems wrong then is no fault of the files.
func (r *run) away(ctx context.Context) error {
	if !r.unread.Load() || ctx.Err() != nil {
		return nil
	}
	return r.gone(ctx)
}

// gone is an error where the store cannot be read any more.
func (r *run) gone(ctx context.Context) error {
	name := manifest.CheckpointPath(r.head.Log)
	if err := store.Away(ctx, r.Store, name); err != nil {
		return fmt.Errorf("read %s again, since a file cannot be read: %w", name, err)
	}
	return nil
}
