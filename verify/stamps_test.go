package verify

import (
	"testing"
	"time"
)

// TestRenew: a stamp lives as long as those behind it that its log leads to, and
// that were made in time.
func TestRenew(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }
	at := func(size, made, ends int) sealing { // its log.anchor is the next entry
		return sealing{size: int64(size), n: int64(size), time: day(made), until: day(ends)}
	}
	unnamed := at(20, 5, 50)
	unnamed.n = -1
	for name, c := range map[string]struct {
		stamps []sealing
		want   []int // days
	}{
		"alone":                 {[]sealing{at(10, 0, 100)}, []int{100}},
		"renewed":               {[]sealing{at(10, 0, 100), at(20, 50, 200), at(30, 150, 300)}, []int{300, 300, 300}},
		"too late":              {[]sealing{at(10, 0, 100), at(20, 101, 200)}, []int{100, 200}},
		"a shorter one between": {[]sealing{at(10, 0, 100), at(20, 10, 30), at(30, 20, 400)}, []int{400, 400, 400}},
		"by way of the shorter": {[]sealing{at(10, 0, 15), at(20, 10, 30), at(30, 20, 400)}, []int{400, 400, 400}},
		"the longer first":      {[]sealing{at(10, 0, 400), at(20, 10, 30), at(30, 20, 50)}, []int{400, 50, 50}},
		"no anchor names it":    {[]sealing{unnamed, at(30, 6, 100)}, []int{50, 100}},
		"not under it":          {[]sealing{{size: 10, n: 10, time: day(0), until: day(9)}, {size: 10, n: 12, time: day(1), until: day(90)}}, []int{9, 90}},
	} {
		l := newTimeline(c.stamps)
		for i, want := range c.want {
			if !l.sealings[i].until.Equal(day(want)) {
				t.Errorf("%s: stamp %d until %s, want %s", name, i, l.sealings[i].until, day(want))
			}
		}
	}
}

// TestBounds: the tightest of the stamps around counts, with their accuracies.
func TestBounds(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }
	l := newTimeline([]sealing{
		{size: 30, n: 30, time: day(2), accuracy: time.Second, until: day(90), authority: "b"}, // its clock is behind
		{size: 10, n: 10, time: day(1), until: day(90), authority: "a"},
		{size: 20, n: -1, time: day(3), until: day(90), authority: "c"},
	})
	for n, want := range map[int64][2]time.Time{
		0:  {{}, day(1)},
		9:  {{}, day(1)},
		10: {{}, day(2).Add(time.Second)},
		11: {day(1), day(2).Add(time.Second)},
		29: {day(1), day(2).Add(time.Second)},
		30: {day(1), {}},
		31: {day(2).Add(-time.Second), {}},
	} {
		var r Result
		l.put(n, &r)
		if !r.NotBefore.Equal(want[0]) || !r.NotAfter.Equal(want[1]) {
			t.Errorf("entry %d between %s and %s, want %s", n, r.NotBefore, r.NotAfter, want)
		}
	}
	var r Result
	(*timeline)(nil).put(1, &r)
	if !r.NotAfter.IsZero() {
		t.Error("without stamps something is known")
	}
}
