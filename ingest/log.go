package ingest

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/custodock/custodock/manifest"
)

// Key is the newest verifier key of this dock's log.
func (s *Station) Key(context.Context) (string, error) { return s.newest(), nil }

// Checkpoint publishes and returns the signed checkpoint all stores show.
func (s *Station) Checkpoint(ctx context.Context) ([]byte, error) {
	if err := s.publishNow(ctx); err != nil {
		return nil, err
	}
	return s.sealedCheckpoint(), nil
}

// Entry returns the bytes of an entry, by its index or the name of a clip.
func (s *Station) Entry(_ context.Context, what string) ([]byte, error) {
	n, err := s.index(what)
	if err != nil {
		return nil, err
	}
	return s.ledger.Entry(n)
}

// Prove publishes and returns a C2SP tlog-proof of an entry.
func (s *Station) Prove(ctx context.Context, what string) ([]byte, error) {
	n, err := s.index(what)
	if err != nil {
		return nil, err
	}
	if err := s.publishNow(ctx); err != nil {
		return nil, err
	}
	return s.ledger.Prove(n)
}

func (s *Station) index(what string) (int64, error) {
	n, err := strconv.ParseInt(what, 10, 64)
	if err != nil {
		if n, err = parseClip(s.log, what); err != nil {
			return 0, err
		}
	}
	if n < 0 || n >= s.ledger.Size() {
		return 0, fmt.Errorf("log %s: entry %d: it has entries 0 to %d", s.log, n, s.ledger.Size()-1)
	}
	return n, nil
}

// ErrUnpublished is wrapped when a log was made and no store shows it yet.
var ErrUnpublished = errors.New("it will be shown there as soon as that is mended")

// Init makes the state and its log, or finds them made, and returns the
// verifier key, also beside ErrUnpublished.
func Init(ctx context.Context, o Options) (string, error) {
	o.Create = true
	s, err := Open(ctx, o)
	if err != nil {
		return "", err
	}
	vkey := s.newest()
	if s.published() == 0 {
		err = s.publishNow(ctx)
	}
	if err != nil && !errors.Is(err, manifest.ErrForked) && s.healthy() == nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", err, ErrUnpublished)
	}
	if closing := s.Close(); err == nil {
		err = closing
	}
	return vkey, err
}

// published is how many entries every store shows.
func (s *Station) published() int64 {
	least := s.ledger.Size()
	for _, c := range s.centrals() {
		shown, err := s.ledger.Published(c.name)
		if err != nil {
			return 0
		}
		least = min(least, shown)
	}
	return least
}

// sealed is how many entries the newest publishable checkpoint covers.
func (s *Station) sealed() int64 {
	size, _ := s.ledger.Sealed()
	return size
}

func (s *Station) sealedCheckpoint() []byte {
	_, checkpoint := s.ledger.Sealed()
	return checkpoint
}
