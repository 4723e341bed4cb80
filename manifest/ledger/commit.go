package ledger

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// A transaction is closed to further jobs when it has batchEntries entries or
// twice as many as the last one, when it is batchAge old, or when no job came for
// batchIdle. So it grows under load, for the fewer there are the fewer pages are
// written; after one that had a single entry it waits for nobody.
const (
	batchEntries = 256
	batchAge     = 20 * time.Millisecond
	batchIdle    = 4 * time.Millisecond
)

// request is one call of Commit.
type request struct {
	job   func(*Tx) error
	done  chan error  // holds one, so that answering never blocks
	taken atomic.Bool // by the committer, or by a caller who gave up
}

// Commit runs job in a transaction that it shares with the jobs of other
// callers, and returns nil when that is durable. A job that returns an error is
// left out, and Commit returns that error; the others are run again without it.
// So a job may be run more than once, and what it leaves in memory must be that
// of its last run. When ctx ends before the job was begun it is not run. After
// ErrStopped nobody knows whether the job is in the log until Open was called.
func (l *Ledger) Commit(ctx context.Context, job func(*Tx) error) error {
	r := &request{job: job, done: make(chan error, 1)}
	select {
	case l.requests <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing:
		return ErrClosed
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		// It runs: leaving now would hide whether it is in the log.
		return <-r.done
	}
}

// run is the one goroutine that writes.
func (l *Ledger) run() {
	defer close(l.stopped)
	last := 1
	for {
		select {
		case r := <-l.requests:
			last = l.batch(r, last)
		case <-l.closing:
			return
		}
	}
}

// batch runs one transaction and returns how much it was made of, in entries or
// jobs. last is that number of the transaction before.
func (l *Ledger) batch(first *request, last int) int {
	if err := l.deadErr(); err != nil {
		first.done <- err
		return 1
	}
	tx, err := l.begin()
	if err != nil {
		first.done <- err
		return 1
	}
	end := time.NewTimer(batchAge)
	defer end.Stop()
	var jobs []*request
	for r := first; r != nil; r = l.next(tx, len(jobs), last, end.C) {
		if !r.taken.CompareAndSwap(false, true) {
			continue
		}
		jobs = append(jobs, r)
		if err := tx.do(r); err != nil {
			r.done <- err
			_ = tx.bolt.Rollback()
			if tx, jobs = l.again(jobs[:len(jobs)-1]); tx == nil {
				return 1
			}
		}
	}
	l.finish(tx, jobs)
	return tx.load(len(jobs))
}

// load is what a transaction is made of: entries, or jobs where they make none.
func (t *Tx) load(jobs int) int { return max(1, jobs, int(t.size-t.start)) }

// next waits for one more job for the transaction, nil when it is time to commit.
func (l *Ledger) next(tx *Tx, jobs, last int, end <-chan time.Time) *request {
	if tx.size-tx.start >= batchEntries {
		return nil
	}
	select {
	case r := <-l.requests:
		return r
	default:
	}
	if last == 1 || tx.load(jobs) >= 2*last {
		return nil
	}
	idle := time.NewTimer(batchIdle)
	defer idle.Stop()
	select {
	case r := <-l.requests:
		return r
	case <-idle.C:
	case <-end:
	case <-l.closing:
	}
	return nil
}

func (l *Ledger) begin() (*Tx, error) {
	b, err := l.db.Begin(true)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	size := l.Size()
	return &Tx{l: l, bolt: b, start: size, size: size}, nil
}

func (t *Tx) do(r *request) error {
	if err := r.job(t); err != nil {
		return err
	}
	return t.err
}

// again runs jobs in a new transaction, leaving out and answering those that
// fail now. With a nil Tx all were answered.
func (l *Ledger) again(jobs []*request) (*Tx, []*request) {
	for {
		tx, err := l.begin()
		if err != nil {
			answer(jobs, err)
			return nil, nil
		}
		failed := -1
		for i, r := range jobs {
			if err := tx.do(r); err != nil {
				r.done <- err
				failed = i
				break
			}
		}
		if failed < 0 {
			return tx, jobs
		}
		_ = tx.bolt.Rollback()
		jobs = append(jobs[:failed:failed], jobs[failed+1:]...)
	}
}

func answer(jobs []*request, err error) {
	for _, r := range jobs {
		r.done <- err
	}
}

// finish signs, commits and answers; once more from the start when the disk
// was full and OnFull made room.
func (l *Ledger) finish(tx *Tx, jobs []*request) {
	if len(jobs) == 0 {
		_ = tx.bolt.Rollback()
		return
	}
	err := l.commitOnce(tx)
	if full(err) && l.o.OnFull != nil && l.o.OnFull() {
		if tx, jobs = l.again(jobs); tx == nil {
			return
		}
		err = l.commitOnce(tx)
	}
	answer(jobs, err)
}

// commitOnce makes the transaction durable and only then moves the heads.
func (l *Ledger) commitOnce(tx *Tx) error {
	l.mu.Lock()
	before := l.head
	l.mu.Unlock()
	after, err := tx.finish(before)
	if err != nil {
		_ = tx.bolt.Rollback()
		return fmt.Errorf("sign: %w", err)
	}
	if err := l.commitTx(tx.bolt); err != nil {
		_ = tx.bolt.Rollback() // bbolt has done so, but for one of its paths
		err = fmt.Errorf("commit: %w", err)
		if !full(err) {
			// The pages may or may not be on the disk, and the kernel may
			// have forgotten which: no second sync can be believed.
			err = fmt.Errorf("%w: %w", ErrStopped, err)
			l.mu.Lock()
			l.dead = err
			l.mu.Unlock()
		}
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head = after
	if tx.seal != nil {
		l.sealed = *tx.seal
	}
	return nil
}
