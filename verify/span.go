package verify

import (
	"iter"
	"math"
)

// Span is a part of a log: entries from From up to To, which is not in it. The zero
// Span is all of it.
type Span struct{ From, To int64 }

// Whole reports whether s is all of a log.
func (s Span) Whole() bool { return s == Span{} }

// end is the first entry behind the span.
func (s Span) end() int64 {
	if s.To == 0 {
		return math.MaxInt64
	}
	return s.To
}

// confine leaves of a plan the clips of a span from begin on. What the others need
// stays known, so that it is nobody else's.
func (p *plan) confine(s Span, begin int64) {
	if s.Whole() && begin == 0 {
		return
	}
	all := p.clips
	from, to := max(s.From, begin), s.end()
	p.clips = func(yield func(fact) bool) {
		for f := range all {
			if f.n >= from && f.n < to && !yield(f) {
				return
			}
		}
	}
	p.total = clipsIn(p.clips)
}

func clipsIn(clips iter.Seq[fact]) (n int) {
	for range clips {
		n++
	}
	return n
}
