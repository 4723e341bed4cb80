package ingest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/media"
	"github.com/custodock/custodock/tag"
)

const (
	gpsMost = 8 // stills of which the satellite time is looked at
	gpsVain = 3 // without one, before a camera is taken for one that writes none

	mostZone = 15 * time.Hour // a wall clock may be so far from UTC
)

// clockwork is what a docking finds out of its camera's clock. It is measured
// once, before any clip is read, so that all clips are corrected alike.
type clockwork struct {
	measured atomic.Pointer[tag.Clock] // nil when nothing was

	mu     sync.Mutex
	fresh  int                    // new clips
	reset  string                 // day that one of them shows, of a clock that was reset
	shifts map[time.Duration]bool // of the times of files that are known, against what they were
}

// measure finds out how far the camera's clock is off, by the most trusted
// means there is. A camera whose clock nobody can tell is read all the same.
func (d *docking) measure(ctx context.Context) {
	c, ok := d.askClock(ctx)
	if !ok {
		if _, said := d.stated(); said {
			return // it is looked up for each clip, since it may still come
		}
		stills, future := d.tellers()
		if c, ok = d.satelliteClock(ctx, stills); !ok {
			c, ok = d.newestClock(future)
		}
	}
	if ok {
		d.compareClock(&c)
		d.clock.measured.Store(&c)
	}
}

// tellers picks the files that may tell of the clock: stills, and what could be
// from the future in any zone.
func (d *docking) tellers() (stills, future []*file) {
	now := d.s.now()
	for _, f := range d.files {
		facts := d.profile.Classify(f.Path)
		if facts.Ignore {
			continue
		}
		if facts.Role == clip.Still {
			stills = append(stills, f)
		}
		if f.ModTime.After(now) || facts.At.After(now.Add(-mostZone)) {
			future = append(future, f)
		}
	}
	return stills, future
}

// clockNow is what is known of the camera's clock at this moment: what it said
// itself, else what a person said of it since it was last docked, else what its
// files show.
func (d *docking) clockNow() *tag.Clock {
	measured := d.clock.measured.Load()
	if measured != nil && measured.Method == tag.Protocol {
		return measured
	}
	if c, said := d.stated(); said {
		return &c
	}
	return measured
}

func (d *docking) stated() (tag.Clock, bool) {
	known := d.s.clockOf(d.origin.device)
	if known.Stated == nil || d.want.drop {
		return tag.Clock{}, false
	}
	c := tag.Clock{Point: *known.Stated, N: 1}
	d.compareClock(&c)
	return c, true
}

// compareClock notes how the clock drifted since the last docking.
func (d *docking) compareClock(c *tag.Clock) {
	if last := d.s.clockOf(d.origin.device).Last; last != nil {
		c.Drift, _ = tag.Since(*last, c.Point)
	}
}

// satelliteClock compares satellite time with the camera's own in the newest
// stills: of what media reads, only Exif has both.
func (d *docking) satelliteClock(ctx context.Context, stills []*file) (tag.Clock, bool) {
	slices.SortFunc(stills, func(a, b *file) int {
		return cmp.Or(b.ModTime.Compare(a.ModTime), cmp.Compare(a.Path, b.Path))
	})
	var shown []tag.Offset
	for i, f := range stills[:min(len(stills), gpsMost)] {
		if ctx.Err() != nil || i >= gpsVain && len(shown) == 0 {
			break
		}
		if o, ok := d.satelliteOffset(f); ok {
			shown = append(shown, o)
		}
	}
	o, ok := tag.Middle(shown)
	return tag.Clock{Point: tag.Point{Offset: o, At: d.s.now()}, N: len(shown)}, ok
}

func (d *docking) satelliteOffset(f *file) (tag.Offset, bool) {
	in, err := d.folder.Open(f.Path)
	if err != nil {
		return tag.Offset{}, false // its reading will tell
	}
	defer func() { _ = in.Close() }()
	i := d.inputOf(f)
	i.Media = media.Probe(in, f.Size)
	return tag.FromGPS(i)
}

// newestClock looks for a file that would come from the future.
func (d *docking) newestClock(future []*file) (tag.Clock, bool) {
	now := d.s.now()
	ahead := time.Duration(0)
	for _, f := range future {
		ahead = max(ahead, tag.Ahead(d.inputOf(f), now))
	}
	return tag.Clock{Point: tag.Point{Offset: tag.FromNewest(ahead), At: now}, N: 1}, ahead > 0
}

// inputOf is what the listing alone tells of a file.
func (d *docking) inputOf(f *file) tag.Input {
	return tag.Input{
		Name: d.profile.Classify(f.Path).Name, ModTime: f.ModTime, FAT: d.origin.fat, Device: d.origin.assignment,
		Zone: d.s.conf().Zone, Now: d.s.now(),
	}
}

// noteClock notes what a new clip shows of the clock.
func (d *docking) noteClock(in tag.Input) {
	day := tag.Reset(in)
	d.clock.mu.Lock()
	d.clock.fresh++
	if day != "" {
		d.clock.reset = day
	}
	d.clock.mu.Unlock()
}

// noteShift notes how the time of a known file differs from what it was, and
// reports whether it does: FAT has no zone, so it moves with that of who reads.
func (d *docking) noteShift(f *file, g got) bool {
	was := d.lookUp(f)
	if !was.read || was.last.N != g.known || d.want.drop {
		return false
	}
	shift := f.ModTime.Sub(time.Unix(0, was.last.ModTime))
	d.clock.mu.Lock()
	defer d.clock.mu.Unlock()
	if d.clock.shifts == nil {
		d.clock.shifts = map[time.Duration]bool{}
	}
	if len(d.clock.shifts) < 2 { // two tell as much as many: it was no zone
		d.clock.shifts[shift] = true
	}
	return shift != 0
}

// shift is by how much the times of all known files moved, where that is a
// difference of zones.
func (w *clockwork) shift() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.shifts) != 1 {
		return 0
	}
	for by := range w.shifts {
		if by%(15*time.Minute) == 0 && by.Abs() <= 26*time.Hour {
			return by
		}
	}
	return 0
}
