package verify

import (
	"cmp"
	"slices"
	"time"
)

// Authority sums up the time stamps of one authority.
type Authority struct {
	Name    string    `json:"name"` // as its certificate says
	Stamps  int       `json:"stamps"`
	Checked bool      `json:"checked"` // its certificates lead to a root that was given
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// sealing is a time stamp over the first size entries that holds.
type sealing struct {
	size      int64
	n         int64 // of the log.anchor that names it, -1 when none does
	time      time.Time
	accuracy  time.Duration
	until     time.Time // end of its certificates, then also of those that renew it
	authority string
}

// latest is the last moment at which it can have been made.
func (s sealing) latest() time.Time { return s.time.Add(s.accuracy) }

// timeline is what the stamps of a log say of its entries.
type timeline struct {
	sealings []sealing   // by size
	tightest []int       // beside sealings: which of those from there on bounds entries best
	anchors  []sealing   // by n, those that are named
	latest   []time.Time // beside anchors: the last earliest moment up to there
}

func newTimeline(sealings []sealing) *timeline {
	l := &timeline{sealings: sealings, tightest: make([]int, len(sealings))}
	slices.SortFunc(l.sealings, func(a, b sealing) int { return cmp.Compare(a.size, b.size) })
	l.renew()
	best := len(sealings) - 1
	for i, s := range slices.Backward(l.sealings) {
		if !s.latest().After(l.sealings[best].latest()) {
			best = i
		}
		l.tightest[i] = best
	}
	for _, s := range l.sealings {
		if s.n >= 0 {
			l.anchors = append(l.anchors, s)
		}
	}
	slices.SortFunc(l.anchors, func(a, b sealing) int { return cmp.Compare(a.n, b.n) })
	var last time.Time
	for _, s := range l.anchors {
		if at := s.time.Add(-s.accuracy); at.After(last) {
			last = at
		}
		l.latest = append(l.latest, last)
	}
	return l
}

// renew follows the log: a stamp over more than the entry that names another one
// proves that one for as long as itself, if it was made in time. What is behind a
// stamp that lives longer was already followed from there.
func (l *timeline) renew() {
	for i := len(l.sealings) - 1; i >= 0; i-- {
		s := &l.sealings[i]
		if s.n < 0 {
			continue
		}
		end := s.until
		for _, later := range l.sealings[i+1:] {
			if later.size <= s.n {
				continue
			}
			if later.time.After(end) {
				break
			}
			if later.until.After(s.until) {
				s.until = later.until
			}
			if !later.until.Before(end) {
				break
			}
		}
	}
}

// put says of a result between which stamps its entry stands.
func (l *timeline) put(n int64, res *Result) {
	if l == nil {
		return
	}
	i, _ := slices.BinarySearchFunc(l.anchors, n, func(s sealing, n int64) int { return cmp.Compare(s.n, n) })
	if i > 0 {
		res.NotBefore = l.latest[i-1]
	}
	i, _ = slices.BinarySearchFunc(l.sealings, n+1, func(s sealing, size int64) int { return cmp.Compare(s.size, size) })
	if i < len(l.sealings) {
		s := l.sealings[l.tightest[i]]
		res.NotAfter, res.Until, res.Authority = s.latest(), s.until, s.authority
	}
}

// note counts a stamp that holds.
func (r *Report) note(s sealing, checked bool) {
	r.Stamps++
	for i := range r.Authorities {
		if a := &r.Authorities[i]; a.Name == s.authority {
			a.Stamps++
			if s.time.Before(a.First) {
				a.First = s.time
			}
			if s.time.After(a.Last) {
				a.Last = s.time
			}
			return
		}
	}
	r.Authorities = append(r.Authorities, Authority{Name: s.authority, Stamps: 1, Checked: checked, First: s.time, Last: s.time})
}
