package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/manifest"
)

// slack is how far a camera's clock may have been set back between two files of
// one count: summer time, and an hour more.
const slack = 2 * time.Hour

// apart is how far the parts of one recording can lie from each other.
const apart = 24 * time.Hour

// run is a stretch of numbers in which each was used once.
type run struct {
	byNumber map[int64]file
	sorted   []int64
	last     time.Time // of the file with the largest number
}

func newRun(f file) *run {
	r := &run{byNumber: map[int64]file{}}
	r.add(f)
	return r
}

func (r *run) add(f file) {
	n := f.number.N
	at, _ := slices.BinarySearch(r.sorted, n)
	r.sorted = slices.Insert(r.sorted, at, n)
	r.byNumber[n] = f
	if n == r.max() {
		r.last = f.at
	}
}

func (r *run) min() int64 { return r.sorted[0] }
func (r *run) max() int64 { return r.sorted[len(r.sorted)-1] }

// holds reports whether the number of f is that of the same recording here.
func (r *run) holds(f file) bool {
	g, found := r.byNumber[f.number.N]
	if !found {
		return false
	}
	between := f.at.Sub(g.at).Abs()
	return between <= time.Minute || g.take == f.take && between < apart || f.id != "" && f.id == g.id && f.part != g.part && between < apart
}

// fills reports whether f is a number that was passed by, from about that time.
func (r *run) fills(f file) bool {
	at, taken := slices.BinarySearch(r.sorted, f.number.N)
	if taken || at == 0 || at == len(r.sorted) {
		return false
	}
	return f.at.Sub(r.byNumber[r.sorted[at]].at) <= slack
}

// follows reports whether f is the next number after r and not much later.
func (r *run) follows(f file) bool { return f.number.N == r.max()+1 && f.at.Sub(r.last) <= slack }

// runs sorts the files of one count, in the order of their times, into stretches.
func runs(files []file) []*run {
	var all []*run
	for _, f := range files {
		if len(all) == 0 {
			all = append(all, newRun(f))
			continue
		}
		now, before := all[len(all)-1], all[max(0, len(all)-2)]
		switch {
		case now.holds(f), before.holds(f):
		case before != now && before.follows(f) && !now.follows(f):
			before.add(f)
		case f.number.N > now.max(), now.fills(f):
			now.add(f)
		default:
			all = append(all, newRun(f))
		}
	}
	return joined(all)
}

// joined puts stretches together that a clock which was set back tore apart: the
// later one ends where the earlier one begins, at about that time.
func joined(all []*run) (out []*run) {
	for _, r := range all {
		last := len(out) - 1
		if last >= 0 && out[last].min() == r.max()+1 && r.last.Sub(out[last].byNumber[out[last].min()].at).Abs() <= slack {
			for _, n := range r.sorted {
				out[last].add(r.byNumber[n])
			}
			continue
		}
		out = append(out, r)
	}
	return out
}

// numbers looks for numbers that are missing in the counts of a device.
func (c *camera) numbers(d *Device, log string) (gaps []Gap) {
	series := map[profile.Series][]file{}
	unplaced := map[profile.Series][]int64{}
	var without, timeless int64
	for _, f := range c.files {
		switch s := f.number.Series; {
		case !f.recording():
		case !f.numbered:
			without++
		case !believed(f.at):
			timeless++
			unplaced[s] = append(unplaced[s], f.number.N)
		default:
			series[s] = append(series[s], f)
		}
	}
	order := slices.SortedFunc(maps.Keys(series), func(a, b profile.Series) int {
		return cmp.Or(cmp.Compare(a.Format, b.Format), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Scope, b.Scope))
	})
	for _, s := range order {
		files := series[s]
		slices.SortStableFunc(files, func(a, b file) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.number.N, b.number.N)) })
		elsewhere := slices.Sorted(slices.Values(unplaced[s]))
		stretches := runs(files)
		for i, r := range stretches {
			if i > 0 && !wrapped(stretches[i-1], r) {
				d.doubt("anew", 1, name(log, r.byNumber[r.min()].n))
			}
			count, found := r.gaps(log, elsewhere)
			d.Counts = append(d.Counts, count)
			gaps = append(gaps, found...)
		}
	}
	if without > 0 || len(series) == 0 && timeless == 0 {
		d.doubt("no_numbers", without, "")
	}
	if timeless > 0 {
		d.doubt("no_time", timeless, "")
	}
	return gaps
}

// wrapped reports whether a count went to its end before it began anew.
func wrapped(before, after *run) bool {
	f := before.byNumber[before.max()]
	return strconv.FormatInt(before.max()+1, 10) == "1"+fmt.Sprintf("%0*d", f.number.Digits, 0) && after.min() <= 1
}

// gaps are the holes of a stretch. Numbers that are here at an unknown time fill
// them.
func (r *run) gaps(log string, elsewhere []int64) (count Count, gaps []Gap) {
	all := r.sorted
	first, last := r.byNumber[r.min()], r.byNumber[r.max()]
	count = Count{
		First: digits(first, r.min()), Last: digits(last, r.max()), From: name(log, first.n), To: name(log, last.n), Here: int64(len(all)),
	}
	hole := func(from, to int64, before string, after file, kind string) {
		low, _ := slices.BinarySearch(elsewhere, from)
		high, _ := slices.BinarySearch(elsewhere, to+1)
		missing := to - from + 1 - int64(len(slices.Compact(slices.Clone(elsewhere[low:high]))))
		if missing <= 0 {
			return
		}
		what := digits(after, from)
		if to > from {
			what += "-" + digits(after, to)
		}
		count.Missing += missing
		gaps = append(gaps, Gap{Kind: kind, Docking: after.docking, Before: before, After: name(log, after.n), What: what, Count: missing})
	}
	if first.number.First && r.min() > 1 {
		hole(1, r.min()-1, "", first, GapStart)
	}
	for i, n := range all[1:] {
		if was := all[i]; n > was+1 {
			hole(was+1, n-1, name(log, r.byNumber[was].n), r.byNumber[n], GapNumber)
		}
	}
	return count, gaps
}

// digits writes a number as the device would have.
func digits(like file, n int64) string { return fmt.Sprintf("%0*d", like.number.Digits, n) }

func name(log string, n int64) string { return manifest.Entry{Log: log, N: n}.Name() }
