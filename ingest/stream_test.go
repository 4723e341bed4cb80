package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
)

// follower reads a stream until the test has seen what it wants.
type follower struct {
	cancel context.CancelFunc
	ended  chan error

	mu   sync.Mutex
	seen []StreamEvent
	news chan struct{}
}

func follow(t *testing.T, s *Station, after *int64, beat time.Duration) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &follower{cancel: cancel, ended: make(chan error, 1), news: make(chan struct{}, 1)}
	go func() {
		f.ended <- s.events(ctx, after, beat, func(e StreamEvent) error {
			f.mu.Lock()
			f.seen = append(f.seen, e)
			f.mu.Unlock()
			select {
			case f.news <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	t.Cleanup(cancel)
	return f
}

// until waits for an event that is wanted.
func (f *follower) until(t *testing.T, what string, want func(StreamEvent) bool) StreamEvent {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		f.mu.Lock()
		for _, e := range f.seen {
			if want(e) {
				f.mu.Unlock()
				return e
			}
		}
		f.mu.Unlock()
		select {
		case <-f.news:
		case err := <-f.ended:
			t.Fatalf("%s: the stream ended: %v", what, err)
		case <-limit:
			t.Fatalf("%s: never came", what)
		}
	}
}

func (f *follower) stop(t *testing.T) []StreamEvent {
	t.Helper()
	f.cancel()
	if err := <-f.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the stream ended with %v", err)
	}
	return f.seen
}

func isBeat(e StreamEvent) bool { return e.Event == StreamBeat }

func from(n int64) *int64 { return &n }

func TestStreamTellsTheWholeLogAndGoesOn(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := filepath.Join(t.TempDir(), "zhang san")
	for i := range 300 { // more than one bundle
		write(t, filepath.Join(cam, "secret", string(rune('a'+i%26))+strings.Repeat("x", i/26)+".mp4"), strings.Repeat("y", i+1))
	}
	_, results := take(t, s, cam, clip.Tags{Cases: []string{"CASE-17"}})
	size := s.ledger.Size()
	if size < 600 || s.sealed() < 512 {
		t.Fatalf("%d entries, %d sealed: too few for this test", size, s.sealed())
	}
	f := follow(t, s, from(-1), time.Hour)
	f.until(t, "the end of the log", isBeat)
	write(t, filepath.Join(cam, "late.mp4"), "later")
	_, late := take(t, s, cam, clip.Tags{})
	f.until(t, "a clip that came later", func(e StreamEvent) bool {
		return e.Entry != nil && e.Entry.Type == "clip.stored" && e.Entry.Clip == late["late.mp4"].Clip
	})
	var next int64
	clips := map[string]bool{}
	for _, e := range f.stop(t) {
		if e.Entry == nil {
			continue
		}
		if e.ID != next || e.Entry.N != next {
			t.Fatalf("entry %d has id %d, want %d", e.Entry.N, e.ID, next)
		}
		next++
		if e.Entry.Type == "clip.ingested" {
			clips[e.Entry.Clip] = true
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"zhang", "secret", "CASE-17", ".mp4"} {
			if strings.Contains(string(b), secret) {
				t.Fatalf("the stream tells %q: %s", secret, b)
			}
		}
	}
	for path, r := range results {
		if !clips[r.Clip] {
			t.Errorf("%s: clip %s was not told", path, r.Clip)
		}
	}
	if next < size+3 {
		t.Errorf("%d entries told, the log had %d before the last clip", next, size)
	}
}

func TestStreamGoesOnBehindAnID(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	take(t, s, cam, clip.Tags{})
	size := s.ledger.Size()
	for _, c := range []struct {
		after *int64
		want  int64 // entries
	}{{from(-1), size}, {from(size - 3), 2}, {from(size - 1), 0}, {nil, 0}} {
		f := follow(t, s, c.after, time.Hour)
		last := f.until(t, "up to date", isBeat)
		var got int64
		for _, e := range f.stop(t) {
			if e.Entry != nil {
				got++
			}
		}
		if got != c.want || last.ID != size-1 {
			t.Errorf("after %v: %d entries and id %d, want %d and %d", c.after, got, last.ID, c.want, size-1)
		}
	}
	for _, after := range []int64{size, size + 100, -2} {
		err := s.Events(context.Background(), &after, func(StreamEvent) error { return nil })
		if !errors.Is(err, ErrNoEvent) {
			t.Errorf("after %d: %v, want ErrNoEvent", after, err)
		}
	}
	stop := errors.New("enough")
	if err := s.Events(context.Background(), from(-1), func(StreamEvent) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a reader that ends: %v", err)
	}
}

func TestStreamTellsAlarmsAndBays(t *testing.T) {
	o := testOptions(t)
	o.Config.Bays = []configs.Bay{{Name: "bay-01", Path: "/media/bay-01"}}
	s := openStation(t, o)
	s.alarms.raise("store_unreachable", errors.New("at /home/li"), s.now(), "central")
	f := follow(t, s, nil, time.Hour)
	f.until(t, "an alarm that stands", func(e StreamEvent) bool {
		return e.Alarm != nil && e.Alarm.Raised && e.Alarm.Code == "store_unreachable"
	})
	f.until(t, "up to date", isBeat)
	s.alarms.raise("device_gone", errors.New("at /home/li"), s.now(), "/home/li", "bay-01")
	s.alarms.clear("store_unreachable", "central")
	s.change.wake()
	gone := f.until(t, "a new alarm", func(e StreamEvent) bool { return e.Alarm != nil && e.Alarm.Code == "device_gone" })
	if len(gone.Alarm.Args) != 1 || gone.Alarm.Args[0] != "bay-01" {
		t.Errorf("it names %q, want the bay alone", gone.Alarm.Args)
	}
	f.until(t, "an alarm that is over", func(e StreamEvent) bool {
		return e.Alarm != nil && !e.Alarm.Raised && e.Alarm.Code == "store_unreachable"
	})

	named := s.newBay("bay bay-01", "bay-01", "/media/bay-01", false)
	card := s.newBay("mount /media/LI LEI", "LI LEI", "/media/LI LEI", false)
	named.update(func(b *BayStatus) { b.State, b.Reason = BayError, "LI LEI's clip" })
	f.until(t, "a bay", func(e StreamEvent) bool { return e.Bay != nil && e.Bay.Bay == "bay-01" && e.Bay.State == BayError })
	f.until(t, "a card in no bay", func(e StreamEvent) bool { return e.Bay != nil && e.Bay.Bay == "" && e.Bay.State == BayScanning })
	s.removeBay(card)
	f.until(t, "its going", func(e StreamEvent) bool { return e.Bay != nil && e.Bay.Bay == "" && e.Bay.State == bayEmpty })
	for _, e := range f.stop(t) {
		b, err := json.Marshal(e)
		if err != nil || strings.Contains(strings.ToLower(string(b)), "li lei") || strings.Contains(string(b), "/home") || strings.Contains(string(b), "/media") {
			t.Errorf("the stream tells a name: %s %v", b, err)
		}
	}
}

func TestQuietStreamBeats(t *testing.T) {
	s := openStation(t, testOptions(t))
	f := follow(t, s, nil, 5*time.Millisecond)
	first := f.until(t, "the first beat", isBeat)
	f.until(t, "another", func(e StreamEvent) bool { return isBeat(e) && e.Time.After(first.Time) })
	f.stop(t)
}

// TestSlowReaderHoldsNothingUp: a reader that takes nothing any more, right in
// the middle of the log, lets a camera be taken in.
func TestSlowReaderHoldsNothingUp(t *testing.T) {
	s := openStation(t, testOptions(t))
	stuck, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		ended <- s.Events(context.Background(), from(-1), func(StreamEvent) error {
			once.Do(func() { close(stuck) })
			<-release
			return errors.New("read late")
		})
	}()
	<-stuck
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "a")
	if sum, _ := take(t, s, cam, clip.Tags{}); sum.Stored != 1 {
		t.Errorf("behind a slow reader: %+v", sum)
	}
	close(release)
	if err := <-ended; err == nil {
		t.Error("the reader was not told")
	}
}

// TestStreamWhileReconfigured: a reader is told alarms while the stores change.
func TestStreamWhileReconfigured(t *testing.T) {
	s := openStation(t, testOptions(t))
	next := *s.conf()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 100 {
			s.swap(&next)
		}
	}()
	for range 100 {
		if got := s.publicArgs([]string{"central", "a person"}); len(got) != 1 || got[0] != "central" {
			t.Fatalf("told %q", got)
		}
	}
	<-done
}
