package ledger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

var ctx = context.Background()

// appendOne is a job that appends one entry and says where it went.
func appendOne(n *int64) func(*Tx) error {
	return func(tx *Tx) error {
		a, err := tx.Append(draft(int(tx.Size())))
		*n = a.N
		return err
	}
}

// counted makes the ledger count its transactions.
func counted(l *Ledger) *int {
	n := new(int)
	inner := l.commitTx
	l.commitTx = func(tx *bbolt.Tx) error {
		*n++
		return inner(tx)
	}
	return n
}

// All callers who wait while a transaction runs share the next one.
func TestCommitGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		commits := counted(b.Ledger)
		begin, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			first := true
			err := b.Commit(ctx, func(tx *Tx) error {
				if first {
					first = false
					close(begin)
					<-release
				}
				_, err := tx.Append(draft(0))
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-begin
		places := make([]int64, 300)
		for i := range places {
			wg.Go(func() {
				if err := b.Commit(ctx, appendOne(&places[i])); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		slices.Sort(places)
		for i, n := range places {
			if n != int64(i+1) {
				t.Fatalf("place %d went to entry %d", i, n)
			}
		}
		if *commits < 2 || *commits > 4 {
			t.Errorf("%d transactions for 301 callers", *commits)
		}
		b.checkAll()
	})
}

// A caller who is alone is not kept waiting for company.
func TestCommitAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		start := time.Now()
		for range 10 {
			b.add(1, false)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("waited %v", d)
		}
	})
}

func TestFailedJobIsDroppedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		begin, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			var once sync.Once
			_ = b.Commit(ctx, func(*Tx) error {
				once.Do(func() { close(begin); <-release })
				return nil
			})
		})
		<-begin
		mine := errors.New("mine")
		places := make([]int64, 30)
		errs := make([]error, len(places))
		for i := range places {
			wg.Go(func() {
				runs := 0
				errs[i] = b.Commit(ctx, func(tx *Tx) error {
					if err := appendOne(&places[i])(tx); err != nil {
						return err
					}
					if runs++; i%7 == 0 || i%11 == 0 && runs == 2 {
						return mine // at once, or only when it is run again
					}
					return tx.Bolt().Bucket(bucketMeta).Put(fmt.Appendf(nil, "job %d", i), nil)
				})
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		seen := map[int64]bool{}
		for i, err := range errs {
			if i%7 == 0 && !errors.Is(err, mine) || err != nil && !errors.Is(err, mine) {
				t.Errorf("job %d: %v", i, err)
			}
			if err == nil {
				seen[places[i]] = true
			}
			_ = b.db.View(func(tx *bbolt.Tx) error {
				if there := tx.Bucket(bucketMeta).Get(fmt.Appendf(nil, "job %d", i)) != nil; there != (err == nil) {
					t.Errorf("job %d: %v, but its row is there: %v", i, err, there)
				}
				return nil
			})
		}
		if int64(len(seen)) != b.Size() {
			t.Errorf("%d jobs succeeded in %d places, the log has %d entries", len(seen), len(seen), b.Size())
		}
		b.checkAll()
	})
}

func TestCommitContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		begin, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		running, stop := context.WithCancel(ctx)
		wg.Go(func() {
			err := b.Commit(running, func(tx *Tx) error {
				close(begin)
				<-release
				_, err := tx.Append(draft(0))
				return err
			})
			if err != nil {
				t.Errorf("a job that runs was given up: %v", err)
			}
		})
		<-begin
		waiting, giveUp := context.WithCancel(ctx)
		wg.Go(func() {
			err := b.Commit(waiting, func(*Tx) error { t.Error("it ran"); return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a job that waits: %v", err)
			}
		})
		synctest.Wait()
		stop()
		giveUp()
		synctest.Wait()
		close(release)
		wg.Wait()
		if b.Size() != 1 {
			t.Errorf("%d entries", b.Size())
		}
	})
}

func TestClose(t *testing.T) {
	b := newBench(t)
	b.add(1, false)
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(ctx, func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("commit after close: %v", err)
	}
}

// broken returns a commit that fails as bbolt does when the disk has err.
func broken(times int, err error) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		if times--; times >= 0 {
			_ = tx.Rollback()
			return err
		}
		return tx.Commit()
	}
}

func TestCommitFaults(t *testing.T) {
	write := func(e syscall.Errno) error { return &fs.PathError{Op: "write", Path: "state.db", Err: e} }
	for name, c := range map[string]struct {
		err     error
		times   int
		room    bool // OnFull has some
		onFull  int  // calls
		want    error
		stopped bool
	}{
		"full, with a reserve":      {write(syscall.ENOSPC), 1, true, 1, nil, false},
		"quota, with a reserve":     {write(syscall.EDQUOT), 1, true, 1, nil, false},
		"full, reserve too small":   {write(syscall.ENOSPC), 2, true, 1, syscall.ENOSPC, false},
		"full, no reserve":          {write(syscall.ENOSPC), 1, false, 1, syscall.ENOSPC, false},
		"growing finds no room":     {errors.New("file resize error: truncate state.db: no space left on device"), 1, true, 1, nil, false},
		"write error":               {write(syscall.EIO), 1, true, 0, syscall.EIO, true},
		"sync error":                {syscall.EIO, 1, true, 0, syscall.EIO, true},
		"sync finds no room":        {syscall.ENOSPC, 1, true, 0, syscall.ENOSPC, true},
		"sync error while growing":  {errors.New("file sync error: no space left on device"), 1, true, 0, nil, true},
		"fails in a way unheard of": {errors.New("surprise"), 1, true, 0, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			called := 0
			b := newBench(t, func(o *Options) { o.OnFull = func() bool { called++; return c.room } })
			b.add(5, false)
			before := string(b.Checkpoint())
			b.commitTx = broken(c.times, c.err)
			err := b.Commit(ctx, appendOne(new(int64)))
			fails := c.want != nil || c.stopped
			if (err != nil) != fails || c.want != nil && !errors.Is(err, c.want) || errors.Is(err, ErrStopped) != c.stopped {
				t.Errorf("commit: %v", err)
			}
			if called != c.onFull {
				t.Errorf("OnFull was called %d times", called)
			}
			if fails && (b.Size() != 5 || string(b.Checkpoint()) != before) {
				t.Errorf("a failed commit was shown: %d entries", b.Size())
			}
			// The disk is well again: a full one goes on, a broken one is never tried.
			err = b.Commit(ctx, appendOne(new(int64)))
			if errors.Is(err, ErrStopped) != c.stopped || !c.stopped && err != nil {
				t.Errorf("next commit: %v", err)
			}
			if _, err := b.Seal(ctx); errors.Is(err, ErrStopped) != c.stopped {
				t.Errorf("seal: %v", err)
			}
			if err := b.Publish(ctx, "s", newShelf()); errors.Is(err, ErrStopped) != c.stopped {
				t.Errorf("publish: %v", err)
			}
			if !c.stopped {
				b.checkAll()
			}
			b.reopen().checkAll()
		})
	}
}

// A commit whose sync failed may be on the disk all the same. Opening again
// finds out; until then nobody is told.
func TestCommitAppliedButFailed(t *testing.T) {
	b := newBench(t)
	b.add(5, true)
	b.commitTx = func(tx *bbolt.Tx) error { return errors.Join(tx.Commit(), syscall.EIO) }
	if err := b.Commit(ctx, appendOne(new(int64))); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	if _, err := b.Entry(5); !errors.Is(err, ErrNoEntry) || b.Size() != 5 {
		t.Errorf("entry 5: %v, size %d", err, b.Size())
	}
	if _, err := b.Entry(1); !errors.Is(err, ErrStopped) {
		t.Errorf("entry 1: %v", err)
	}
	b = b.reopen()
	if b.Size() != 6 {
		t.Errorf("%d entries after opening again", b.Size())
	}
	b.checkAll()
}

func TestAppendRefuses(t *testing.T) {
	b := newBench(t)
	for name, d := range map[string]manifest.Draft{
		"too long":          {Type: "a.b", Actor: "dock", Fields: manifest.Object{"x": strings.Repeat("x", manifest.MaxEntry)}},
		"record of 2 lines": {Type: "a.b", Actor: "dock", Record: []byte("{\n}")},
	} {
		err := b.Commit(ctx, func(tx *Tx) error {
			_, _ = tx.Append(draft(1))
			_, err := tx.Append(d)
			return err
		})
		if !errors.Is(err, manifest.ErrMalformed) || b.Size() != 0 {
			t.Errorf("%s: %v, %d entries", name, err, b.Size())
		}
	}
	// A job that overlooks an append that failed half-way is not committed.
	err := b.Commit(ctx, func(tx *Tx) error {
		_, _ = tx.Append(manifest.Draft{Type: "a.b", Actor: "dock", Record: []byte("\n")})
		return nil
	})
	if !errors.Is(err, manifest.ErrMalformed) || b.Size() != 0 {
		t.Errorf("overlooked: %v, %d entries", err, b.Size())
	}
}

// P6: each checkpoint extends the one before, whatever fails between them.
func TestEveryCheckpointExtendsTheLast(t *testing.T) {
	b := newBench(t)
	var heads []head
	for i := range 60 {
		switch i % 6 {
		case 1:
			b.commitTx = broken(1, &fs.PathError{Op: "write", Err: syscall.ENOSPC})
			_ = b.Commit(ctx, appendOne(new(int64)))
		case 3:
			_ = b.Commit(ctx, func(tx *Tx) error {
				_, _ = tx.Append(draft(0))
				return errors.New("no")
			})
		case 5:
			if _, err := b.Seal(ctx); err != nil {
				t.Fatal(err)
			}
			b.commitTx = broken(1, syscall.EIO)
			_ = b.Commit(ctx, appendOne(new(int64)))
			b = b.reopen()
		}
		b.add(1+i%13, false)
		heads = append(heads, b.newest())
	}
	for i := 1; i < len(heads); i++ {
		old, now := heads[i-1], heads[i]
		if now.size <= old.size {
			t.Fatalf("checkpoint %d has %d entries after %d", i, now.size, old.size)
		}
		err := b.db.View(func(tx *bbolt.Tx) error {
			p, err := tlog.ProveTree(now.size, old.size, rows(tx))
			if err != nil {
				return err
			}
			return tlog.CheckTree(p, now.size, now.root, old.size, old.root)
		})
		if err != nil {
			t.Fatalf("checkpoint of %d does not extend that of %d: %v", now.size, old.size, err)
		}
	}
	b.checkAll()
}
