package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// alarms are the conditions that need a person. They go when they are over.
type alarms struct {
	mu  sync.Mutex
	now map[string]Alarm
}

// raise shows an alarm; one that stands keeps the time it began.
func (a *alarms) raise(code string, err error, now time.Time, args ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now == nil {
		a.now = map[string]Alarm{}
	}
	since, key := now, alarmKey(code, args)
	if old, ok := a.now[key]; ok {
		since = old.Since
	}
	a.now[key] = Alarm{Code: code, Args: args, Text: err.Error(), Since: since}
}

func (a *alarms) clear(code string, args ...string) {
	a.mu.Lock()
	delete(a.now, alarmKey(code, args))
	a.mu.Unlock()
}

// stands returns an alarm with this code, whatever it speaks of.
func (a *alarms) stands(code string) (Alarm, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, al := range a.now {
		if al.Code == code {
			return al, true
		}
	}
	return Alarm{}, false
}

// alarmKey tells the same trouble of two stores or folders apart.
func alarmKey(code string, args []string) string {
	return strings.Join(append([]string{code}, args...), "\x00")
}

func (a *alarms) list() []Alarm {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Alarm, 0, len(a.now))
	for _, al := range a.now {
		out = append(out, al)
	}
	slices.SortFunc(out, func(x, y Alarm) int { return cmp.Compare(alarmKey(x.Code, x.Args), alarmKey(y.Code, y.Args)) })
	return out
}

// storeAlarm notes what a store said last, nil when all is well with it.
func (s *Station) storeAlarm(c *central, err error) {
	c.fail(err)
	away, full := "store_unreachable", "store_full"
	switch {
	case err == nil:
		s.alarms.clear(away, c.name)
		s.alarms.clear(full, c.name)
	case errors.Is(err, store.ErrFull):
		s.alarms.raise(full, err, s.now(), c.name)
	case errors.Is(err, manifest.ErrForked):
		s.alarms.raise("log_forked", err, s.now(), c.name)
	default:
		s.alarms.raise(away, err, s.now(), c.name)
	}
	s.change.wake()
}

// diskAlarm sorts a failure of the dock's own disk.
func (s *Station) diskAlarm(err error) {
	switch {
	case errors.Is(err, ErrFull):
		s.alarms.raise("disk_full", err, s.now())
	case errors.Is(err, unix.EROFS):
		s.alarms.raise("state_read_only", err, s.now())
	case errors.Is(err, ledger.ErrStopped):
		s.alarms.raise("stopped", err, s.now())
	}
	s.change.wake()
}

// healthy refuses to sign once the log is known to be forked, and to say
// anything once its disk failed a commit.
func (s *Station) healthy() error {
	if al, forked := s.alarms.stands("log_forked"); forked {
		return fmt.Errorf("%w: %s", manifest.ErrForked, al.Text)
	}
	select {
	case <-s.stopped:
		return ledger.ErrStopped
	default:
		return nil
	}
}
