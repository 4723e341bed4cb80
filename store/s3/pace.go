package s3

import (
	"container/list"
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	leastAtOnce = 2                // so that the line does not idle between two requests
	slow        = 10 * time.Second // of one request
)

// pace is how many requests of a kind are under way at once. As TCP finds out
// what a line takes, it grows by one for each round of answers, and halves when
// the store says that it has too much to do, or when a request is slow: more
// would not be faster then, and a break costs the bytes of all that are under way.
type pace struct {
	most float64

	mu      sync.Mutex
	may     float64
	busy    int
	waiting list.List // of chan struct{}, the one that came first in front
	halved  time.Time
}

func newPace(first, most float64) *pace { return &pace{may: first, most: most} }

// enter waits for a turn, in the order in which they came. Each that was given
// is followed by one leave.
func (p *pace) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn := make(chan struct{})
	p.mu.Lock()
	e := p.waiting.PushBack(turn)
	p.admit()
	p.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-turn: // at the same moment
		return nil
	default:
		p.waiting.Remove(e)
		return ctx.Err()
	}
}

func (p *pace) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	p.admit()
}

func (p *pace) admit() {
	for p.waiting.Len() > 0 && p.busy < int(p.may) {
		p.busy++
		close(p.waiting.Remove(p.waiting.Front()).(chan struct{}))
	}
}

// tell learns from a request that began then. What began before the last
// halving tells of the same trouble. Only who is held up may grow.
func (p *pace) tell(began time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case isOverload(err), time.Since(began) > slow:
		if began.After(p.halved) {
			p.may, p.halved = max(p.may/2, leastAtOnce), time.Now()
		}
	case err == nil && p.busy >= int(p.may):
		p.may = min(p.may+1/p.may, p.most)
		p.admit()
	}
}

// isOverload reports that the store, or the way to it, has too much to do.
func isOverload(err error) bool {
	a, ok := answerOf(err)
	if !ok {
		return errors.Is(err, os.ErrDeadlineExceeded)
	}
	switch a.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
