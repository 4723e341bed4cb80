package verify

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// maxSmall bounds keys, checkpoints, time stamps and tiles, in bytes.
const maxSmall = 1 << 20

// maxBundle bounds a bundle of entries, each behind two bytes of length.
const maxBundle = manifest.TileWidth * (manifest.MaxEntry + 2)

// Head is a log as its newest published checkpoint shows it.
type Head struct {
	Log        string
	Checkpoint manifest.Checkpoint
	Note       []byte // the checkpoint as it was signed
	Verifier   note.Verifier
}

// key reads the verifier key and the log it is of.
func (o Options) key() (note.Verifier, string, error) {
	v, err := manifest.ParseKey(o.Key)
	if err != nil {
		return nil, "", &MismatchError{Cause: err.Error()}
	}
	_, log, ok := manifest.SplitOrigin(v.Name())
	if !ok {
		return nil, "", &MismatchError{Cause: fmt.Sprintf("the key's name %q is not authority/log", v.Name())}
	}
	if o.Log != "" && o.Log != log {
		return nil, "", &MismatchError{Cause: fmt.Sprintf("the key is of log %s, not of %s", log, o.Log)}
	}
	return v, log, nil
}

// Open reads the newest published checkpoint and checks its signature.
func Open(ctx context.Context, o Options) (Head, error) {
	v, log, err := o.key()
	if err != nil {
		return Head{}, err
	}
	if o.Store == nil {
		return Head{}, errors.New("open log: no store given; name one with --from or --store")
	}
	h := Head{Log: log, Verifier: v}
	path := manifest.CheckpointPath(log)
	h.Note, err = store.ReadBare(ctx, o.Store, path, maxSmall)
	if errors.Is(err, store.ErrNotExist) {
		return Head{}, &MismatchError{Cause: path + " is missing: the store has no such log, or it was removed"}
	}
	if err != nil {
		return Head{}, fmt.Errorf("read %s: %w", path, err)
	}
	h.Checkpoint, err = manifest.OpenCheckpoint(h.Note, v.Name(), v)
	if err != nil {
		return Head{}, &MismatchError{Cause: path + ": " + err.Error()}
	}
	return h, nil
}

// open is Open for a run; it looks at the published key as well.
func (r *run) open(ctx context.Context) (err error) {
	if r.head, err = Open(ctx, r.Options); err != nil {
		return err
	}
	r.report.Origin, r.report.Size = r.head.Checkpoint.Origin, r.head.Checkpoint.Size
	path := manifest.KeyPath(r.head.Log)
	published, err := store.ReadBare(ctx, r.Store, path, maxSmall)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.report.add(path, "%s", r.unreadable(err))
	case len(published) == 0: // nothing to compare
		r.report.add(path, "is empty")
	}
	r.published = string(published)
	return nil
}

// unreadable is the function of that name, and keeps in mind what may be there.
func (r *run) unreadable(err error) string {
	r.noticed(err)
	return unreadable(err)
}

// unreadable words a failure to read a file of the store.
func unreadable(err error) string {
	if errors.Is(err, store.ErrNotExist) {
		return "is missing"
	}
	return "cannot be read: " + err.Error()
}
