package audit

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/custodock/custodock/clip"
)

// chapters looks for parts of recordings of which a later part is here. That the
// last part is missing no name tells.
func (c *camera) chapters(_ *Device, log string) (gaps []Gap) {
	type key struct{ folder, device, id string }
	parts := map[key][]file{}
	for _, f := range c.files {
		if f.id != "" && f.recording() {
			k := key{path.Dir(f.path), f.number.Series.Device, f.id}
			parts[k] = append(parts[k], f)
		}
	}
	order := slices.SortedFunc(maps.Keys(parts), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.folder, b.folder), cmp.Compare(a.device, b.device), cmp.Compare(a.id, b.id))
	})
	for _, k := range order {
		for _, take := range takes(parts[k]) {
			before := ""
			next := 1
			for _, f := range take {
				if f.part > next {
					what := fmt.Sprintf("%s/%d", word(k.id), next)
					if f.part > next+1 {
						what += fmt.Sprintf("-%d", f.part-1)
					}
					gaps = append(gaps, Gap{
						Kind: GapChapter, Docking: f.docking, Before: before, After: name(log, f.n), What: what, Count: int64(f.part - next),
					})
				}
				before, next = name(log, f.n), max(next, f.part+1)
			}
		}
	}
	return gaps
}

// takes parts recordings that have one number because the count came round, and
// sorts the parts of each.
func takes(files []file) (all [][]file) {
	slices.SortStableFunc(files, func(a, b file) int { return a.at.Compare(b.at) })
	for _, f := range files {
		last := len(all) - 1
		fresh := last < 0 || f.at.Sub(all[last][0].at) >= apart && !f.at.IsZero() && !all[last][0].at.IsZero()
		if fresh {
			all = append(all, []file{f})
		} else {
			all[last] = append(all[last], f)
		}
	}
	for _, take := range all {
		slices.SortStableFunc(take, func(a, b file) int { return cmp.Compare(a.part, b.part) })
	}
	return all
}

// beside looks at the files that a device writes beside its recordings: one that
// stands alone tells of a recording that is not here, and one that is missing is
// believed so where the recordings before and after have it.
func (c *camera) beside(_ *Device, log string) (gaps []Gap) {
	have := map[string]map[string]bool{} // by take: endings of the files beside it
	made := map[string]bool{}
	for _, f := range c.files {
		switch {
		case f.recording():
			made[f.take] = true
		case f.role == clip.Proxy || f.role == clip.Sidecar:
			if have[f.take] == nil {
				have[f.take] = map[string]bool{}
			}
			have[f.take][ending(f)] = true
		}
	}
	told := map[string]bool{}
	var recordings []file
	for _, f := range c.files {
		switch {
		case f.recording() && f.role == clip.Main:
			recordings = append(recordings, f)
		case !f.recording() && f.role != clip.Log && f.claims && !made[f.take] && !told[f.take]:
			told[f.take] = true
			gaps = append(gaps, Gap{Kind: GapRecording, Docking: f.docking, From: name(log, f.n), What: ending(f), Count: 1})
		}
	}
	return append(gaps, lacking(log, recordings, have)...)
}

// ending is what tells the files beside a recording apart.
func ending(f file) string { return word(strings.ToLower(path.Ext(f.path))) }

// lacking finds recordings without a file that both their neighbours have. Only
// those that are of one kind are neighbours.
func lacking(log string, recordings []file, have map[string]map[string]bool) (gaps []Gap) {
	groups := map[string][]file{}
	for _, f := range recordings {
		if believed(f.at) {
			groups[ending(f)] = append(groups[ending(f)], f)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(groups)) {
		files := groups[kind]
		slices.SortStableFunc(files, func(a, b file) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.n, b.n)) })
		for i := 1; i+1 < len(files); i++ {
			here, before, after := have[files[i].take], have[files[i-1].take], have[files[i+1].take]
			for _, end := range slices.Sorted(maps.Keys(before)) {
				if after[end] && !here[end] {
					gaps = append(gaps, Gap{
						Kind: GapSidecar, Docking: files[i].docking, Before: name(log, files[i-1].n), After: name(log, files[i+1].n),
						From: name(log, files[i].n), What: end, Count: 1,
					})
				}
			}
		}
	}
	return gaps
}
