package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
)

// The kinds of StreamEvent.
const (
	StreamEntry = "entry" // the log has grown by one
	StreamAlarm = "alarm" // an alarm was raised, or is over
	StreamBay   = "bay"   // a bay is not what it was
	StreamBeat  = "beat"  // there is nothing more to tell, and the stream lives
)

// ErrNoEvent is wrapped when a stream is to go on behind an entry that the log
// does not have: it is another log, or an older state of it.
var ErrNoEvent = errors.New("the log has no such entry")

// streamBeat is how often a quiet stream says that it lives.
const streamBeat = 5 * time.Second

// StreamEvent is one thing that happened to the dock. None names a person, a
// case, a file or a folder: a stream may be shown to whoever may see the log.
//
// ID is an entry's index; what is no entry has that of the last entry before
// it, so a reader goes on behind any ID it has seen.
type StreamEvent struct {
	ID    int64        `json:"id"`
	Event string       `json:"event"`
	Time  time.Time    `json:"t"`
	Entry *StreamedLog `json:"entry,omitempty"`
	Alarm *AlarmChange `json:"alarm,omitempty"`
	Bay   *BayChange   `json:"bay,omitempty"`
}

// StreamedLog is what an entry says in public. Fields are those its type has.
type StreamedLog struct {
	Log    string          `json:"log"`
	N      int64           `json:"n"`
	Type   string          `json:"type"`
	Actor  string          `json:"actor"`
	Clip   string          `json:"clip,omitempty"` // that it speaks of
	Fields manifest.Object `json:"fields"`
}

// AlarmChange is an alarm that began or ended. Args are names that stand in the
// configuration or the log; others are left out.
type AlarmChange struct {
	Code   string    `json:"code"`
	Args   []string  `json:"args,omitempty"`
	Since  time.Time `json:"since"`
	Raised bool      `json:"raised"`
}

// BayChange is what the board shows of a bay, without the folder and reasons.
// Bay is its configured name, "" without one; Opened tells two of them apart.
type BayChange struct {
	Bay       string    `json:"bay"`
	Device    string    `json:"device"`
	Drop      bool      `json:"drop"`
	State     string    `json:"state"` // of a BayStatus, or "empty" when its tile is gone
	MayTake   bool      `json:"may_take"`
	Listed    int       `json:"listed"`
	Done      int       `json:"done"`
	Stored    int       `json:"stored"`
	Remaining int       `json:"remaining"`
	Opened    time.Time `json:"opened"`
}

// bayEmpty is the state of a bay whose tile is gone.
const bayEmpty = "empty"

// stream is one reader's place: what it has been told.
type stream struct {
	s      *Station
	each   func(StreamEvent) error
	last   int64 // entry
	alarms map[string]Alarm
	bays   map[*bay]BayChange
}

// Events calls each for the entries behind after, -1 being before the first,
// then for everything that happens until ctx ends or each returns an error.
// Without after it begins with what comes. The alarms and bays of the moment
// are told first in any case, since they have no place in the log; the first
// beat says that the reader is up to date. Nothing waits for each: a slow reader
// is told later, of alarms and bays only how they are by then.
func (s *Station) Events(ctx context.Context, after *int64, each func(StreamEvent) error) error {
	return s.events(ctx, after, streamBeat, each)
}

func (s *Station) events(ctx context.Context, after *int64, beat time.Duration, each func(StreamEvent) error) error {
	size := s.ledger.Size()
	st := &stream{s: s, each: each, last: size - 1}
	if after != nil {
		if st.last = *after; st.last < -1 || st.last >= size {
			return fmt.Errorf("follow log %s behind entry %d: %w: it has entries 0 to %d", s.log, *after, ErrNoEvent, size-1)
		}
	}
	quiet := time.NewTicker(beat)
	defer quiet.Stop()
	for first := true; ; first = false {
		next := s.change.next() // before looking, so that no change falls between
		told, err := st.tell(ctx)
		switch {
		case err != nil:
			return err
		case first:
			err = st.beat()
		case told:
			quiet.Reset(beat)
		}
		if err != nil {
			return err
		}
		select {
		case <-next:
			err = s.pause(ctx, changedAtMost)
		case <-quiet.C:
			err = st.beat()
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

func (st *stream) beat() error {
	return st.each(StreamEvent{ID: st.last, Event: StreamBeat, Time: st.s.now().UTC()})
}

// tell brings the reader up to date and reports whether there was news.
func (st *stream) tell(ctx context.Context) (told bool, err error) {
	for _, part := range []func(context.Context) (bool, error){st.tellBays, st.tellAlarms, st.tellEntries} {
		some, err := part(ctx)
		if err != nil {
			return told, err
		}
		told = told || some
	}
	return told, ctx.Err()
}

func (st *stream) tellEntries(ctx context.Context) (told bool, err error) {
	for ctx.Err() == nil {
		raws, err := st.s.ledger.Entries(st.last + 1)
		if err != nil || len(raws) == 0 {
			return told, err
		}
		for _, raw := range raws {
			e, err := manifest.ParseEntry(raw)
			if err != nil {
				return told, err
			}
			st.last, told = e.N, true
			if err := st.each(StreamEvent{ID: e.N, Event: StreamEntry, Time: e.T, Entry: streamed(e)}); err != nil {
				return told, err
			}
		}
	}
	return told, ctx.Err()
}

func streamed(e manifest.Entry) *StreamedLog {
	out := &StreamedLog{Log: e.Log, N: e.N, Type: e.Type, Actor: e.Actor, Clip: e.Fields.Str("clip"), Fields: e.Fields}
	if e.Type == "clip.ingested" {
		out.Clip = e.Name()
	}
	return out
}

func (st *stream) tellAlarms(context.Context) (told bool, err error) {
	now := map[string]Alarm{}
	for _, al := range st.s.alarms.list() {
		now[alarmKey(al.Code, al.Args)] = al
	}
	for key, was := range st.alarms {
		if is, stands := now[key]; stands && is.Since.Equal(was.Since) {
			continue
		}
		if err := st.tellAlarm(was, false); err != nil {
			return told, err
		}
		told = true
		delete(st.alarms, key)
	}
	for key, is := range now {
		if _, known := st.alarms[key]; known {
			continue
		}
		if err := st.tellAlarm(is, true); err != nil {
			return told, err
		}
		told = true
	}
	st.alarms = now
	return told, nil
}

func (st *stream) tellAlarm(al Alarm, raised bool) error {
	t := st.s.now()
	if raised {
		t = al.Since
	}
	return st.each(StreamEvent{ID: st.last, Event: StreamAlarm, Time: t.UTC(), Alarm: &AlarmChange{
		Code: al.Code, Args: st.s.publicArgs(al.Args), Since: al.Since, Raised: raised,
	}})
}

// publicArgs leaves the names that may stand in entries: of stores, of
// configured bays, of clips.
func (s *Station) publicArgs(args []string) []string {
	stores := s.storeNames()
	return slices.DeleteFunc(slices.Clone(args), func(arg string) bool {
		_, err := parseClip(s.log, arg)
		return err != nil && !s.namesBay(arg) && !slices.Contains(stores, arg)
	})
}

// namesBay reports whether a name is one that an admin gave a bay; others
// come from where a camera is mounted, and may be a person's.
func (s *Station) namesBay(name string) bool {
	_, bound := s.boundBays()[name]
	return bound || s.configuredBay(name) ||
		slices.ContainsFunc(s.conf().Drops, func(d configs.Drop) bool { return d.Bay == name })
}

func (st *stream) tellBays(context.Context) (told bool, err error) {
	now := map[*bay]BayChange{}
	for _, b := range st.s.allBays() {
		now[b] = st.s.shown(b.status())
	}
	for b, was := range st.bays {
		if _, stays := now[b]; stays {
			continue
		}
		was.State, was.MayTake = bayEmpty, false
		if err := st.tellBay(was); err != nil {
			return told, err
		}
		told = true
	}
	for b, is := range now {
		if was, known := st.bays[b]; known && was == is {
			continue
		}
		if err := st.tellBay(is); err != nil {
			return told, err
		}
		told = true
	}
	st.bays = now
	return told, nil
}

func (st *stream) tellBay(c BayChange) error {
	return st.each(StreamEvent{ID: st.last, Event: StreamBay, Time: st.s.now().UTC(), Bay: &c})
}

// shown is what a stream may say of a bay.
func (s *Station) shown(b BayStatus) BayChange {
	c := BayChange{
		Device: b.Device, Drop: b.Drop, State: b.State, MayTake: b.MayTake && (b.Erase == nil || !b.Erase.Busy),
		Listed: b.Listed, Done: b.Done, Stored: b.Stored, Remaining: b.Remaining, Opened: b.Opened.UTC(),
	}
	if s.namesBay(b.Bay) {
		c.Bay = b.Bay
	}
	return c
}
