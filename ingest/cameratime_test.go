package ingest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/tag"
)

// TestSummerTime: FAT has no zone, so when the zone of who reads it changes all
// its times move. That is said, and no clip is taken in twice.
func TestSummerTime(t *testing.T) {
	for name, shift := range map[string]time.Duration{
		"an hour on": time.Hour, "an hour back": -time.Hour, "seconds": 10 * time.Second, "an hour on, one identity": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			id := "#ID:2222222\r\n"
			if strings.Contains(name, "one identity") {
				id = "nobody\r\n"
			}
			card := testbench.LoopDisk(t, 32)
			o, hands := testOptions(t), evening()
			o.Now = hands.now
			s := openStation(t, o)
			write(t, filepath.Join(card.Mountpoint, "LOG", "20260902.txt"), id)
			when := hands.now().Add(-3 * time.Hour)
			var paths []string
			for i := range 3 {
				paths = append(paths, filepath.Join(card.Mountpoint, fmt.Sprintf("A11_2222222_100234_20260902150000_%04d.mp4", i)))
				write(t, paths[i], strings.Repeat(fmt.Sprint(i), 100_000))
			}
			paths = append(paths, filepath.Join(card.Mountpoint, "LOG", "20260902.txt"))
			aged(t, when, paths...)
			if sum, _ := take(t, s, card.Mountpoint, clip.Tags{}); sum.Stored != 4 {
				t.Fatalf("first: %+v", sum)
			}
			aged(t, when.Add(shift), paths...)
			if sum, _ := take(t, s, card.Mountpoint, clip.Tags{}); sum.Known != 4 {
				t.Errorf("moved: %+v", sum)
			}
			if entries, _ := entriesOf(t, s, "clip.ingested"); len(entries) != 4 {
				t.Errorf("%d clips were taken in", len(entries))
			}
			want := shift.Milliseconds()
			if shift.Abs() < time.Minute {
				want = 0 // no difference of zones
			}
			if _, rec := lastClock(t, s); rec.ShiftMS != want {
				t.Errorf("closed with %+v", rec)
			}
			if sum, _ := take(t, s, card.Mountpoint, clip.Tags{}); sum.Known != 4 {
				t.Errorf("again: %+v", sum)
			}
			if _, rec := lastClock(t, s); rec.ShiftMS != 0 {
				t.Errorf("said twice: %+v", rec)
			}
		})
	}
}

// TestResetClock: times of a clock that lost its battery, and of the end of
// FAT, are kept as they are, flagged and alarmed of.
func TestResetClock(t *testing.T) {
	for day, doubt := range map[string]string{
		"1980-01-01": "the clock was reset: it says 1980-01-01", "2000-01-01": "the clock was reset: it says 2000-01-01",
		"2107-12-31": "the clock is wrong: it says 2107-12-31",
	} {
		t.Run(day, func(t *testing.T) {
			w := newWatch(t, false)
			camera, err := time.Parse(time.DateOnly, day)
			if err != nil {
				t.Fatal(err)
			}
			name := w.film(t, camera)
			d := w.dock(t, name)
			if d.Span != nil || d.Offset.Method != tag.None || !slices.Contains(d.Missing, "time") {
				t.Errorf("span %+v, offset %+v, missing %q", d.Span, d.Offset, d.Missing)
			}
			if d.Tags.Times[0].Raw != camera.Format("20060102150405") {
				t.Errorf("raw %+v", d.Tags.Times)
			}
			_, records := entriesOf(t, w.Station, "clip.ingested")
			var rec ingested
			if err := json.Unmarshal(records[0], &rec); err != nil || !rec.ModTime.Equal(camera) ||
				!slices.Contains(rec.Notes, fmt.Sprintf("name %q: %s", camera.Format("20060102150405"), doubt)) {
				t.Errorf("record %s, %v", records[0], err)
			}
			if got := codes(t, w.Station); !slices.Equal(got, []string{"camera_clock " + d.Device + " " + day}) {
				t.Errorf("alarms %q", got)
			}
			w.dock(t, name) // nothing new: nothing is known
			if got := codes(t, w.Station); len(got) != 1 {
				t.Errorf("alarms %q", got)
			}
			w.dock(t, w.film(t, w.hands.now().Add(-time.Hour)))
			if got := codes(t, w.Station); len(got) > 0 {
				t.Errorf("alarms %q", got)
			}
		})
	}
}
