package ingest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/internal/durable"
)

const (
	patrolEvery = time.Minute
	rowsLooked  = 256 // of each queue; they are in entry order, the oldest first
	diskEasy    = 1   // percent above the threshold at which a low disk is well again
)

// watch looks, once a minute until ctx ends, at what turns bad or well by time
// alone.
func (s *Station) watch(ctx context.Context) error {
	ticks := s.o.ticks
	if ticks == nil {
		t := time.NewTicker(patrolEvery)
		defer t.Stop()
		ticks = t.C
	}
	for {
		s.judgeJumps(ctx)
		s.patrol()
		s.change.wake()
		select {
		case <-ticks:
		case <-ctx.Done():
			s.payClock(context.WithoutCancel(ctx)) // the next process knows nothing of it
			return ctx.Err()
		}
	}
}

// lookAround is the patrol of a command that runs without the daemon.
func (s *Station) lookAround() {
	if !s.o.Daemon {
		s.patrol()
		s.judgeAnchors()
	}
}

func (s *Station) patrol() {
	s.judgeDisk()
	s.judgeQueues()
	s.judgeClock()
	s.judgeErasing()
	s.judgeWitnesses()
	if len(s.conf().Alarms.Command) == 0 {
		s.alarms.clear("alarm_command")
	}
}

// judgeDisk ends alarms of the disk whose cause is gone, and warns before the
// disk is full.
func (s *Station) judgeDisk() {
	if s.spool.room(0) == nil {
		s.alarms.clear("disk_full")
	}
	if _, stands := s.alarms.stands("state_read_only"); stands && s.writable() {
		s.alarms.clear("state_read_only")
	}
	free, whole, err := s.diskSpace()
	if err != nil || whole == 0 {
		return // doctor says what is wrong with it
	}
	least := float64(s.conf().Alarms.Disk)
	switch has := 100 * float64(free) / float64(whole); {
	case has < least:
		s.alarms.raise("disk_low", fmt.Errorf("%d MB free on the dock's disk, %.1f percent of it: free space, or see why clips wait for central storage",
			free>>20, has), s.now())
	case has >= least+diskEasy:
		s.alarms.clear("disk_low") // not at once: uploads and cameras push it to and fro
	}
}

func (s *Station) diskSpace() (free, whole uint64, err error) {
	if s.o.diskSpace != nil {
		return s.o.diskSpace()
	}
	var st unix.Statfs_t
	if err := unix.Statfs(s.state, &st); err != nil {
		return 0, 0, err
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), nil
}

// writable tries: what a file system says of itself is not always true.
func (s *Station) writable() bool {
	name := durable.TempName(s.spool.dir)
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	return errors.Join(f.Close(), os.Remove(name)) == nil
}

// waitingRow is a clip that waits for stores, and the time since when it does.
type waitingRow struct {
	n      int64
	since  time.Time
	stores int // it waits for
}

// judgeQueues looks at the first rows of each queue only, so that it costs the
// same with a hundred thousand.
func (s *Station) judgeQueues() {
	rows := map[int64]waitingRow{}
	more := false // rows that were not looked at
	stores := s.centrals()
	err := s.db.View(func(tx *bbolt.Tx) error {
		for _, c := range stores {
			first, cut, err := firstRows(tx, c.name)
			if err != nil {
				return err
			}
			more = more || cut
			s.judgeAge(c.name, first)
			for _, r := range first {
				if old, seen := rows[r.n]; seen && old.since.Before(r.since) {
					r.since = old.since
				}
				rows[r.n] = r
			}
		}
		for n, r := range rows { // a clip may stand deep in another queue
			for _, c := range stores {
				if tx.Bucket(queueBucket).Get(queueKey(c.name, n)) != nil {
					r.stores++
				}
			}
			rows[n] = r
		}
		return nil
	})
	if err != nil {
		s.logger.Error("look at the queues", "stage", "store", "err", err)
		return
	}
	s.judgeLate(rows, len(stores), more)
	for _, al := range s.alarms.list() {
		if al.Code == "queue_old" && !slices.Contains(s.storeNames(), al.Args[0]) {
			s.alarms.clear(al.Code, al.Args...) // the store was taken out of the configuration
		}
	}
}

func firstRows(tx *bbolt.Tx, store string) (rows []waitingRow, cut bool, err error) {
	prefix := append([]byte(store), 0)
	cur := tx.Bucket(queueBucket).Cursor()
	for k, v := cur.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = cur.Next() {
		if len(rows) == rowsLooked {
			return rows, true, nil
		}
		var q struct {
			Since time.Time `json:"since"`
		}
		if err := decode(v, &q); err != nil {
			return nil, false, err
		}
		rows = append(rows, waitingRow{n: int64(binary.BigEndian.Uint64(k[len(prefix):])), since: q.Since})
	}
	return rows, false, nil
}

func oldest(a, b waitingRow) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.n, b.n)) }

func (s *Station) judgeAge(store string, rows []waitingRow) {
	limit := s.conf().Alarms.QueueAge
	if len(rows) == 0 {
		s.alarms.clear("queue_old", store)
		return
	}
	first := slices.MinFunc(rows, oldest)
	age := s.now().Sub(first.since)
	if age <= limit {
		s.alarms.clear("queue_old", store)
		return
	}
	s.alarms.raise("queue_old", fmt.Errorf("clip %s waits for store %s since %s, longer than %s: see whether the store answers and keeps up",
		clipName(s.log, first.n), store, formatTime(first.since), limit), s.now(), store)
}

// judgeLate counts the clips that are not in enough stores in time.
func (s *Station) judgeLate(rows map[int64]waitingRow, stores int, more bool) {
	limit, spare := s.conf().Alarms.Late, stores-s.wanted(stores)
	var late []waitingRow
	for _, r := range rows {
		if r.stores > spare && s.now().Sub(r.since) > limit {
			late = append(late, r)
		}
	}
	if len(late) == 0 {
		s.alarms.clear("late")
		return
	}
	count := strconv.Itoa(len(late))
	if more {
		count += "+"
	}
	first := slices.MinFunc(late, oldest)
	s.alarms.raise("late", fmt.Errorf("%s clips are not in central storage within %s; the oldest is %s, waiting since %s: bring the stores back",
		count, limit, clipName(s.log, first.n), formatTime(first.since)), s.now(), count, clipName(s.log, first.n))
}

// waitsFor reports whether any clip waits for a store.
func (s *Station) waitsFor(store string) (waits bool) {
	prefix := append([]byte(store), 0)
	_ = s.db.View(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket(queueBucket).Cursor().Seek(prefix)
		waits = bytes.HasPrefix(k, prefix)
		return nil
	})
	return waits
}

// judgeClock warns of a clock that is known to be off. One that never was
// synchronised is a condition of doctor: nobody knows how far it is off. One
// that was, and lost its time server, drifts until the kernel gives it up.
func (s *Station) judgeClock() {
	if al, skewed := s.alarms.stands("store_skewed"); skewed {
		s.alarms.raise("clock_off", errors.New(al.Text), s.now())
		return
	}
	c := s.clock()
	if c.Synced {
		s.synced.Store(true)
	}
	limit := s.conf().Alarms.Clock
	if !s.synced.Load() || time.Duration(c.ErrorMS)*time.Millisecond <= limit {
		s.alarms.clear("clock_off")
		return
	}
	s.alarms.raise("clock_off", fmt.Errorf("the dock's clock may be off by %d ms, more than %s: see whether its time service reaches a server",
		c.ErrorMS, limit), s.now())
}
