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

	"github.com/custodock/custodock/internal/pager"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// alarmCodes are all alarms, the gravest first: screens have room for a few.
var alarmCodes = []string{
	"stopped", "log_forked", "witness_forked", "state_read_only", "disk_full", "clip_mismatch", "clip_lost", "erase_back", "erase_differs", "late",
	"store_denied", "store_no_bucket", "store_unlocked", "store_skewed", "store_stranger", "store_full", "store_unreachable",
	"store_waits_consent", "queue_old", "witness_silent", "tsa_silent", "clock_jumped", "clock_off", "disk_low", "camera_clock", "usb_refused", "source_changed", HoldSame, HoldUnknown, "device_differs",
	"device_gone", "device_hangs", "device_unreadable", "device_error",
	"config_bad", "alarm_command",
}

// AlarmCodes returns the codes of all alarms, the gravest first.
func AlarmCodes() []string { return slices.Clone(alarmCodes) }

// alarms are the conditions that need a person. They go when they are over.
type alarms struct {
	mu   sync.Mutex
	now  map[string]Alarm
	tell func(event, key string, al Alarm) // of each that begins or ends; it does not wait
}

// raise shows an alarm; one that stands keeps the time it began.
func (a *alarms) raise(code string, err error, now time.Time, args ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now == nil {
		a.now = map[string]Alarm{}
	}
	key := alarmKey(code, args)
	old, stands := a.now[key]
	al := Alarm{Code: code, Args: args, Text: err.Error(), Since: now}
	if stands {
		al.Since = old.Since
	}
	a.now[key] = al
	if !stands && a.tell != nil {
		a.tell(pager.Raised, key, al)
	}
}

// clear ends an alarm and reports whether it stood.
func (a *alarms) clear(code string, args ...string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.now) == 0 {
		return false
	}
	key := alarmKey(code, args)
	al, stands := a.now[key]
	delete(a.now, key)
	if stands && a.tell != nil {
		a.tell(pager.Cleared, key, al)
	}
	return stands
}

// listen has each alarm that stands, and from now on each that begins or ends,
// told to tell.
func (a *alarms) listen(tell func(event, key string, al Alarm)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tell = tell
	for key, al := range a.now {
		tell(pager.Raised, key, al)
	}
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

// about returns the alarm with this code that speaks of args.
func (a *alarms) about(code string, args ...string) (Alarm, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	al, stands := a.now[alarmKey(code, args)]
	return al, stands
}

// alarmKey tells the same trouble of two stores or folders apart. What an alarm
// counts is no part of it: it stays the same alarm when the count changes.
func alarmKey(code string, args []string) string {
	switch {
	case code == "late" || code == "clock_off" || code == "clock_jumped" || code == "witness_silent":
		args = nil
	case (code == "device_error" || code == "camera_clock" || code == "erase_differs") && len(args) > 1:
		args = args[:1]
	}
	return strings.Join(append([]string{code}, args...), "\x00")
}

func (a *alarms) list() []Alarm {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Alarm, 0, len(a.now))
	for _, al := range a.now {
		out = append(out, al)
	}
	slices.SortFunc(out, func(x, y Alarm) int {
		return cmp.Or(
			cmp.Compare(slices.Index(alarmCodes, x.Code), slices.Index(alarmCodes, y.Code)),
			cmp.Compare(alarmKey(x.Code, x.Args), alarmKey(y.Code, y.Args)),
		)
	})
	return out
}

// storeTroubles sort what a store says by what a person must mend.
var storeTroubles = []struct {
	err  error
	code string
}{
	{store.ErrDenied, "store_denied"},
	{store.ErrNoBucket, "store_no_bucket"},
	{store.ErrUnlocked, "store_unlocked"},
	{store.ErrSkewed, "store_skewed"},
	{store.ErrStranger, "store_stranger"},
	{store.ErrFull, "store_full"},
	{ErrConsent, "store_waits_consent"},
	{manifest.ErrForked, "log_forked"},
	{nil, "store_unreachable"}, // everything else
}

func storeTrouble(err error) string {
	for _, t := range storeTroubles {
		if t.err == nil || errors.Is(err, t.err) {
			return t.code
		}
	}
	return ""
}

// lasts reports whether a trouble is one that an answer of the store does not
// end: a forked log, which nothing here mends, and locks that the store has not,
// without which it works.
func (c *central) lasts(code string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return code == "log_forked" || code == "store_unlocked" && c.lockable == unlockable
}

// storeAlarm notes what a store said last, nil when all is well with it. At most
// one trouble of a store stands, but for those that last.
func (s *Station) storeAlarm(c *central, err error) {
	c.fail(err)
	code := ""
	if err != nil {
		code = storeTrouble(err)
		s.alarms.raise(code, err, s.now(), c.name)
	}
	skew := code == "store_skewed"
	for _, t := range storeTroubles {
		if t.code != code && !c.lasts(t.code) && s.alarms.clear(t.code, c.name) {
			skew = skew || t.code == "store_skewed"
		}
	}
	if skew {
		s.judgeClock()
	}
	s.change.wake()
}

// storeShown notes that a store took the log. That it answers says nothing of
// room, rights or locks for clips: a trouble with those stays while clips wait.
func (s *Station) storeShown(c *central) {
	for _, code := range []string{"store_full", "store_denied"} {
		if _, stands := s.alarms.about(code, c.name); stands && s.waitsFor(c.name) {
			return
		}
	}
	s.storeAlarm(c, nil)
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
