package verify

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// maxStatement bounds a statement about gaps, in bytes.
const maxStatement = 4 << 20

// IsGaps reports whether a file begins like a statement about gaps.
func IsGaps(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	start := make([]byte, len(manifest.GapsStart))
	_, err = io.ReadFull(f, start)
	return err == nil && string(start) == manifest.GapsStart
}

// Gaps opens a statement about gaps: a key of the log has signed it, and it speaks of
// entries that are the first of this log. Whether what it says of them is so is for
// an audit to find out. Errors are those of Log.
func Gaps(ctx context.Context, o Options, path string) (manifest.Gaps, error) {
	var g manifest.Gaps
	f, err := os.Open(path)
	if err != nil {
		return g, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxStatement+1))
	if err != nil {
		return g, err
	}
	r := newRun(o, nil)
	if _, err := r.log(ctx); err != nil { // which knows all keys of the log
		return g, err
	}
	if len(r.report.Problems) > 0 {
		_, err := r.finish(ctx, nil)
		return g, err
	}
	err = r.vouched(func(v note.Verifier) (err error) {
		g, err = manifest.OpenGaps(data, r.head.Checkpoint.Origin, v)
		return err
	})
	if err != nil {
		return g, &MismatchError{Cause: err.Error()}
	}
	if !r.endorsedAt(g.Time) {
		return g, &MismatchError{Cause: fmt.Sprintf("the statement was %s", r.unendorsed(g.Time.Format(entryTime)))}
	}
	_, err = r.finish(ctx, r.within(ctx, "statement", g.Size, g.Root))
	return g, err
}

// Extends reports, by its error, whether the log still begins with the size entries
// that hash to root, as it did when somebody noted both. what is whose note that is.
func Extends(ctx context.Context, o Options, what string, size int64, root tlog.Hash) error {
	r := newRun(o, nil)
	var err error
	if r.head, err = Open(ctx, o); err != nil {
		return err
	}
	return r.within(ctx, what, size, root)
}
