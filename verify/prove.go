package verify

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// Prove makes the proof of one entry, given by its number or as the name of a clip,
// out of the tiles of a store. It reads the newest checkpoint, the bundle with the
// entry and the few tiles on the way to the root, however long the log is, and gives
// out nothing that does not hold. What does not is a *MismatchError.
func Prove(ctx context.Context, o Options, what string) (manifest.Entry, manifest.Proof, error) {
	var none manifest.Proof
	r := newRun(o, nil)
	var err error
	if r.head, err = Open(ctx, o); err != nil {
		return manifest.Entry{}, none, err
	}
	size := r.head.Checkpoint.Size
	x := index{log: r.head.Log}
	n, ok := number(what)
	if !ok {
		n, ok = x.parseName(what)
	}
	if !ok || n >= size {
		return manifest.Entry{}, none, fmt.Errorf("log %s: entry %q: it has entries 0 to %d, and clips that are called like %s", r.head.Log, what, size-1, x.name(42))
	}
	t := r.tileAt(-1, n/manifest.TileWidth)
	_, raws, err := r.entries(ctx, t)
	if err != nil {
		return manifest.Entry{}, none, r.refused(ctx, r.path(t)+" "+r.unreadable(err))
	}
	raw := raws[n%manifest.TileWidth]
	e, err := manifest.ParseEntry(raw)
	switch {
	case err != nil:
		return e, none, r.refused(ctx, wrongEntry(r.path(t), r.head.Log, n, err.Error()).Problem)
	case e.Log != r.head.Log || e.N != n:
		return e, none, r.refused(ctx, fmt.Sprintf("%s: entry %s stands in the place of %s", r.path(t), e.Name(), x.name(n)))
	case !r.endorsedAt(e.T):
		return e, none, r.refused(ctx, fmt.Sprintf("entry %s was %s", e.Name(), r.unendorsed(e.T.Format(entryTime))))
	}
	hashes, err := tlog.ProveRecord(size, n, manifest.HashReader(r.head.Checkpoint, cached(r.logFile(ctx))))
	if err != nil {
		return e, none, r.refused(ctx, fmt.Sprintf("the tiles do not lead from entry %s to the checkpoint: %v", e.Name(), err))
	}
	p := manifest.Proof{Index: n, Hashes: hashes, Checkpoint: r.head.Note}
	if _, err := p.Check(manifest.LeafHash(raw), r.head.Checkpoint.Origin, r.head.Verifier); err != nil {
		return e, none, r.refused(ctx, fmt.Sprintf("%s: entry %s is not what the tiles prove: %v", r.path(t), e.Name(), err))
	}
	return e, p, nil
}

// refused is a mismatch, unless it was the caller who ended it, or the store went away.
func (r *run) refused(ctx context.Context, why string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if away := r.away(ctx); away != nil {
		return away
	}
	return &MismatchError{Report: r.report, Cause: why}
}
