package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// listing looks for files that a docking saw and none took, and whether the last
// docking saw all of the device.
func (c *camera) listing(d *Device, log string) (gaps []Gap) {
	paths := slices.SortedFunc(maps.Keys(c.left), func(a, b string) int {
		x, y := c.left[a], c.left[b]
		return cmp.Or(cmp.Compare(x.docking, y.docking), cmp.Compare(x.place, y.place), cmp.Compare(a, b))
	})
	for _, p := range paths {
		left := c.left[p]
		what := "+" // it came after the list was made
		if left.place >= 0 {
			what = fmt.Sprintf("#%d", left.place+1)
		}
		gaps = append(gaps, Gap{Kind: GapListed, Docking: left.docking, What: what, Count: 1})
	}
	if c.last.n > c.whole {
		d.doubt("unfinished", 1, name(log, c.last.n))
	}
	return gaps
}
