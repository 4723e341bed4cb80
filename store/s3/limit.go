package s3

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/custodock/custodock/configs"
)

// chunk is how many bytes pass a connection at a time. It is small so that
// connections share a slow line evenly, and no wait is long enough for the
// server to give up.
const chunk = 16 << 10

// limit is the bandwidth of one store, by time of day. All its connections
// draw from it, in both directions.
type limit struct {
	windows []configs.Window
	now     func() time.Time
	limiter *rate.Limiter

	mu   sync.Mutex
	rate rate.Limit
}

// newLimit returns nil where nothing is limited.
func newLimit(windows []configs.Window, now func() time.Time) *limit {
	if len(windows) == 0 {
		return nil
	}
	l := &limit{windows: windows, now: now, rate: rate.Inf}
	l.limiter = rate.NewLimiter(rate.Inf, chunk)
	return l
}

// wait returns when n bytes, at most a chunk, may pass.
func (l *limit) wait(ctx context.Context, n int) error {
	want := l.at(l.now())
	l.mu.Lock()
	if want != l.rate {
		l.rate = want
		l.limiter.SetLimit(want)
	}
	l.mu.Unlock()
	return l.limiter.WaitN(ctx, n)
}

// at is the rate at a time of day: the first window that holds it counts.
func (l *limit) at(t time.Time) rate.Limit {
	minute := t.Hour()*60 + t.Minute()
	for _, w := range l.windows {
		from, to := configs.Minute(w.From), configs.Minute(w.To)
		inside := minute >= from && minute < to
		if from > to { // over midnight
			inside = minute >= from || minute < to
		}
		if inside {
			return rate.Limit(w.Rate)
		}
	}
	return rate.Inf
}
