package ledger

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

// TestCommitGathers: under load few transactions serve many jobs, none is put off
// for long, and who is alone does not wait.
func TestCommitGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cost, each, callers = 2 * time.Millisecond, time.Millisecond / 2, 400
		b := newBench(t)
		b.commitTx = func(tx *bbolt.Tx) error {
			<-time.After(cost) // that of a disk
			return tx.Commit()
		}
		commits := counted(b.Ledger)
		wait := func() time.Duration {
			start := time.Now()
			var n int64
			if err := b.Commit(ctx, appendOne(&n)); err != nil {
				t.Error(err)
			}
			return time.Since(start)
		}
		for range 3 {
			if d := wait(); d != cost {
				t.Fatalf("alone it took %v", d)
			}
		}
		*commits = 0
		var all sync.WaitGroup
		var mu sync.Mutex
		var longest time.Duration
		for range callers {
			all.Go(func() {
				d := wait()
				mu.Lock()
				defer mu.Unlock()
				longest = max(longest, d)
			})
			<-time.After(each)
		}
		all.Wait()
		if most := int(callers*each/batchAge) + 8; *commits < 2 || *commits > most {
			t.Errorf("%d jobs in %v made %d transactions, want at most %d", callers, callers*each, *commits, most)
		}
		if most := batchAge + 2*cost; longest > most {
			t.Errorf("one waited %v, want %v at most", longest, most)
		}
		if d := wait(); d > batchIdle+cost {
			t.Errorf("after the load it took %v", d)
		}
		if d := wait(); d != cost {
			t.Errorf("alone again it took %v", d)
		}
	})
}
