package verify

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// receipt checks a receipt against the log it speaks of, and the clips that its
// docking entered. How many of them central storage had then nobody can check
// later; that the dock said so is signed.
func (r *run) receipt(ctx context.Context, in io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(in, maxProof+1))
	if err != nil {
		return err
	}
	x, err := r.log(ctx)
	if err != nil {
		return err
	}
	var paper manifest.Receipt
	err = r.vouched(func(v note.Verifier) (err error) {
		paper, err = manifest.OpenReceipt(data, r.head.Checkpoint.Origin, v)
		return err
	})
	if err != nil {
		return &MismatchError{Cause: err.Error()}
	}
	if !r.endorsedAt(paper.Time) {
		return &MismatchError{Cause: "the receipt was " + r.unendorsed(paper.Time.Format(entryTime))}
	}
	if err := r.within(ctx, "receipt", paper.Size, paper.Root); err != nil {
		return err
	}
	names, closed, err := r.docking(ctx, paper)
	if err != nil {
		return err
	}
	if closed == nil {
		return &MismatchError{Cause: fmt.Sprintf("no docking.closed in the log is of the receipt's docking %d", paper.Docking)}
	}
	read, _ := closed.Fields.Int("read")
	known, _ := closed.Fields.Int("known")
	if closed.Fields.Str("end") != paper.End || closed.Fields.Str("device") != paper.Device || read+known != paper.Safe {
		return &MismatchError{Cause: fmt.Sprintf("the receipt and entry %d say other things of docking %d", closed.N, paper.Docking)}
	}
	if len(names) == 0 { // all were known before
		return r.emit(Result{Clip: ClipName(r.head.Log, paper.Docking), Result: OK})
	}
	return r.objects(ctx, newPlan(x, names))
}

// within reports whether the log is the one that a paper was made from: what it had
// then is what its first entries hash to now.
func (r *run) within(ctx context.Context, paper string, size int64, root tlog.Hash) error {
	if size > r.head.Checkpoint.Size {
		return &MismatchError{Cause: fmt.Sprintf("the %s is of a log of %d entries, the store shows %d: it was cut short, or is behind",
			paper, size, r.head.Checkpoint.Size)}
	}
	now, err := tlog.TreeHash(size, manifest.HashReader(r.head.Checkpoint, cached(r.logFile(ctx))))
	if err != nil {
		return &MismatchError{Cause: fmt.Sprintf("the first %d entries cannot be compared with the %s: %v", size, paper, err)}
	}
	if now != root {
		return &MismatchError{Cause: fmt.Sprintf("the %s is of another history: its first %d entries are not the log's", paper, size)}
	}
	return nil
}

// docking reads what the log says between the receipt's docking.opened and the end
// of that docking: the names of its clips, and its docking.closed.
func (r *run) docking(ctx context.Context, paper manifest.Receipt) (names []string, closed *manifest.Entry, err error) {
	for n := paper.Docking; n < paper.Size; {
		t := r.tileAt(-1, n/manifest.TileWidth)
		_, raws, err := r.entries(ctx, t)
		if err != nil {
			return nil, nil, &MismatchError{Cause: fmt.Sprintf("%s: %s", r.path(t), r.unreadable(err))}
		}
		for _, raw := range raws[n%manifest.TileWidth:] {
			e, err := manifest.ParseEntry(raw)
			if err != nil {
				return nil, nil, &MismatchError{Cause: err.Error()}
			}
			of, _ := e.Fields.Int("docking")
			switch {
			case n == paper.Docking && !opens(e, paper):
				return nil, nil, &MismatchError{Cause: fmt.Sprintf("entry %d is not the docking that the receipt is of", n)}
			case of == paper.Docking && e.Type == "clip.ingested":
				names = append(names, ClipName(r.head.Log, n))
			case of == paper.Docking && e.Type == "docking.closed" && n < paper.Size:
				return names, &e, nil
			}
			n++
		}
	}
	return names, nil, nil
}

func opens(e manifest.Entry, paper manifest.Receipt) bool {
	return e.Type == "docking.opened" && e.Fields.Str("device") == paper.Device && e.Fields.Str("bay") == paper.Bay
}
