package ingest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	uploads   = 128         // clips on their way to one store at once
	underWay  = 5 * uploads // with those that it took and that are being entered
	clipRetry = time.Minute // before a clip that is damaged or lost is tried again
)

// uploader keeps one store's queue moving. One goroutine decides, in row order,
// what starts next; a slow clip holds up nobody, and a clip that cannot be sent
// is no reason to leave the store alone.
type uploader struct {
	s *Station
	c *central

	after    int64              // rows up to here were looked at
	rows     []job              // read ahead
	under    map[int64]job      // under way
	retry    map[int64]deferred // failed, to be tried again
	putting  atomic.Int32       // of them, those whose store has not answered
	room     chan struct{}      // told when it did
	answers  chan answer
	results  chan result
	failures int       // of the store, in a row
	until    time.Time // when the store may be tried again
}

type deferred struct {
	job job
	at  time.Time
}

type result struct {
	job job
	err error
}

// upload serves c until ctx ends, then waits for what is under way.
func (s *Station) upload(ctx context.Context, c *central) {
	u := &uploader{
		s: s, c: c, after: -1, under: map[int64]job{}, retry: map[int64]deferred{},
		room: make(chan struct{}, 1), answers: make(chan answer, underWay), results: make(chan result, underWay), // a place for each under way
	}
	var sending, storing sync.WaitGroup
	storing.Go(func() { u.storing(ctx) })
	defer func() {
		sending.Wait()
		close(u.answers)
		storing.Wait()
	}()
	for ctx.Err() == nil {
		u.start(ctx, &sending)
		u.wait(ctx)
	}
}

// start sends what may be sent now.
func (u *uploader) start(ctx context.Context, sending *sync.WaitGroup) {
	if time.Now().Before(u.until) || !u.more() || !u.ready(ctx) {
		return
	}
	for len(u.under) < underWay && u.putting.Load() < uploads {
		j, ok := u.next()
		if !ok {
			return
		}
		u.under[j.n] = j
		u.putting.Add(1)
		sending.Go(func() { u.put(ctx, j) })
	}
}

// put has the store take j; the answer is entered with others.
func (u *uploader) put(ctx context.Context, j job) {
	info, err := u.s.put(ctx, u.c, j)
	u.putting.Add(-1)
	ring(u.room)
	if err != nil {
		u.results <- result{j, err}
		return
	}
	u.answers <- answer{j, info}
}

// ready reports whether the store is there and knows no other history.
func (u *uploader) ready(ctx context.Context) bool {
	err := u.s.ready(ctx, u.c)
	if err != nil {
		u.storeFailed(ctx, err)
	}
	return err == nil
}

// more reports whether there is anything to send.
func (u *uploader) more() bool {
	if len(u.rows) == 0 {
		rows, err := u.s.jobs(u.c.name, u.after)
		if err != nil {
			u.s.logger.Error("read queue", "stage", "store", "err", err)
		}
		u.rows = rows
	}
	return len(u.rows) > 0 || u.due() >= 0
}

// due is a clip whose time to be tried again has come, -1 when there is none.
func (u *uploader) due() int64 {
	now := time.Now()
	for n, d := range u.retry {
		if !d.at.After(now) {
			return n
		}
	}
	return -1
}

func (u *uploader) next() (job, bool) {
	if n := u.due(); n >= 0 {
		j := u.retry[n].job
		delete(u.retry, n)
		return j, true
	}
	if !u.more() {
		return job{}, false
	}
	j := u.rows[0]
	u.rows, u.after = u.rows[1:], j.n
	return j, true
}

// wait returns when there is something to decide.
func (u *uploader) wait(ctx context.Context) {
	t := time.NewTimer(u.idle())
	defer t.Stop()
	select {
	case r := <-u.results:
		u.settle(ctx, r)
	case <-u.room:
	case <-u.c.wake:
		u.woken()
	case <-t.C:
	case <-ctx.Done():
	}
}

// idle is how long nothing needs to happen by itself.
func (u *uploader) idle() time.Duration {
	next := time.Now().Add(time.Hour)
	if len(u.under) == underWay {
		return time.Hour
	}
	for _, d := range u.retry {
		if d.at.Before(next) {
			next = d.at
		}
	}
	if u.until.After(time.Now()) {
		next = u.until
	}
	return max(time.Millisecond, time.Until(next))
}

// woken looks again at clips whose spool file a docking may have brought back.
func (u *uploader) woken() {
	if u.c.hurry.Swap(false) {
		u.until = time.Time{}
	}
	for n, d := range u.retry {
		if isFile(u.s.spool.path(d.job.q.SHA256)) {
			u.retry[n] = deferred{job: d.job}
		}
	}
}

// settle takes in how one clip fared.
func (u *uploader) settle(ctx context.Context, r result) {
	delete(u.under, r.job.n)
	switch {
	case r.err == nil:
		if u.c.problem() != nil {
			ring(u.c.publisher.well)
		}
		u.failures = 0
		u.s.storeAlarm(u.c, nil)
	case ctx.Err() != nil:
	case errors.Is(r.err, errElsewhere):
		u.s.logger.Debug("store clip", "stage", "store", "clip", clipName(u.s.log, r.job.n), "err", r.err)
		u.retry[r.job.n] = deferred{r.job, time.Now().Add(clipRetry)}
	case errors.Is(r.err, errClip):
		name := clipName(u.s.log, r.job.n)
		u.s.alarms.raise("clip_lost", r.err, u.s.now(), name)
		u.s.change.wake()
		u.s.logger.Error("store clip", "stage", "store", "clip", name, "err", r.err)
		u.retry[r.job.n] = deferred{r.job, time.Now().Add(clipRetry)}
	default:
		u.retry[r.job.n] = deferred{job: r.job}
		u.storeFailed(ctx, r.err)
	}
}

// storeFailed leaves the store alone for a while, longer each time.
func (u *uploader) storeFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if time.Now().After(u.until) { // those under way at the first failure count once
		u.failures++
		u.until = time.Now().Add(backoff(u.failures))
		u.s.logger.Warn("store fails", "stage", "store", "store", u.c.name, "err", err)
	}
	u.c.letGo(err)
	u.s.storeAlarm(u.c, err)
}
