package s3

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	tries       = 8
	firstPause  = 250 * time.Millisecond // at most, before the second try
	longPause   = 10 * time.Second       // at most, before any
	totalPauses = 2 * time.Minute        // after which the caller decides
	unreachable = 20 * time.Second       // after which one that cannot even be dialled is away
)

var (
	// errLocal marks what is wrong on the dock: no other try mends it.
	errLocal = errors.New("on the dock")
	// errHalf marks an answer of success that lacks what S3 says with one.
	errHalf = errors.New("an answer without the headers of S3")
)

// do carries out one step that may be repeated until the store has answered
// for good: with pauses while the trouble is temporary, and once at once with
// the keys read again.
func (r *Reader) do(ctx context.Context, step func() error) error {
	started, renewed := time.Now(), false
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := step()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case isOutdated(err) && !renewed:
			renewed = true
			r.credentials.Expire()
			continue
		case !isTemporary(err), try >= tries, time.Since(started) > totalPauses, isUndialled(err) && time.Since(started) > unreachable:
			return err
		}
		if err := r.wait(ctx, try); err != nil {
			return err
		}
	}
}

// wait pauses before another try, at random so that many uploads which failed
// together do not come back together.
func (r *Reader) wait(ctx context.Context, try int) error {
	most := min(r.pause<<(try-1), longPause)
	t := time.NewTimer(rand.N(most + 1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
