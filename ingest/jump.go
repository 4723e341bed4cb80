package ingest

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
)

const (
	// jumpLeast is by how much the clock may move between two looks, a minute
	// apart, against one that nothing sets: a time service that only makes it
	// faster or slower stays far below.
	jumpLeast = time.Second
	// jumpShown is how long a person is told of a jump.
	jumpShown = 24 * time.Hour
)

// steadiness is what the watchman knows of the dock's clock. Nobody else does.
type steadiness struct {
	newest time.Time     // of the log's newest entry when it was opened, zero once it was compared
	known  bool          // the rest is
	ahead  time.Duration // of the clock before the time since boot
	synced bool
	jumped time.Duration // time since boot at the last jump, 0 for none

	owed []manifest.Draft // entries that the log did not take yet, the oldest first
}

// sinceBoot is CLOCK_BOOTTIME: it goes on while the machine sleeps, and nobody
// can set it.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// rememberNewest notes when the newest entry was made, before this process makes
// any of its own. An entry that cannot be read is for verify to name.
func (s *Station) rememberNewest() {
	if raw, err := s.ledger.Entry(s.ledger.Size() - 1); err == nil {
		e, _ := manifest.ParseEntry(raw)
		s.steady.newest = e.T
	}
}

// judgeJumps enters that the dock's clock was set, or that its time service was
// lost or came back. What entries say of the time is the clock's word: whoever
// reads them has to know where it broke.
func (s *Station) judgeJumps(ctx context.Context) {
	boot := s.o.sinceBoot
	if boot == nil {
		boot = sinceBoot
	}
	now, up, synced := s.now(), boot(), s.clock().Synced
	was := s.steady
	s.steady = steadiness{known: true, ahead: now.Sub(time.Unix(0, 0)) - up, synced: synced, jumped: was.jumped, owed: was.owed}
	var by time.Duration
	switch {
	case was.known:
		by = s.steady.ahead - was.ahead
	case !was.newest.IsZero() && now.Before(was.newest):
		by = now.Sub(was.newest) // while the dock was off
	}
	if by.Abs() >= jumpLeast {
		s.steady.jumped = max(up, 1)
		s.jumpedBy(now, by)
	}
	if was.known && synced != was.synced {
		s.steady.owed = append(s.steady.owed, manifest.Draft{Type: "clock.changed", Actor: "dock", Fields: manifest.Object{"synced": synced}})
	}
	s.payClock(ctx)
	if s.steady.jumped != 0 && up-s.steady.jumped >= jumpShown {
		s.alarms.clear("clock_jumped")
	}
}

func (s *Station) jumpedBy(now time.Time, by time.Duration) {
	seconds := fmt.Sprintf("%+.1f s", by.Seconds())
	from, to := formatTime(now.Add(-by)), formatTime(now)
	s.alarms.clear("clock_jumped") // each is told of
	s.alarms.raise("clock_jumped", fmt.Errorf("the dock's clock jumped by %s, from %s to %s: see who or what set it", seconds, from, to), now, seconds)
	s.steady.owed = append(s.steady.owed, manifest.Draft{Type: "clock.jumped", Actor: "dock", Fields: manifest.Object{
		"from": from, "to": to, "ms": by.Milliseconds(),
	}})
}

// payClock enters what became of the dock's clock, in its order. What the log does
// not take, since its disk is full for instance, is tried again at the next look.
func (s *Station) payClock(ctx context.Context) {
	owed := s.steady.owed
	if len(owed) == 0 {
		return
	}
	err := s.commit(ctx, func(tx *ledger.Tx) error {
		for _, d := range owed {
			if _, err := s.append(tx, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.logger.Error("enter what became of the dock's clock", "stage", "clock", "err", err)
		return
	}
	s.steady.owed = nil
	s.markDirty()
}
