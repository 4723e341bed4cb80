package audit

import (
	"cmp"
	"fmt"
	"strings"
)

// Lines are the findings as a statement about gaps has them: a word that says what
// a line is, then values, "-" for one that is not there.
//
//	device  ID RESULT DOCKINGS CLIPS
//	count   ID FIRST LAST FROM TO HERE MISSING
//	unknown ID CODE COUNT AT
//	gap     ID KIND DOCKING BEFORE AFTER FROM WHAT COUNT
func (f Findings) Lines() (lines []string) {
	add := func(values ...any) {
		words := make([]string, len(values))
		for i, v := range values {
			words[i] = cmp.Or(fmt.Sprint(v), "-")
		}
		lines = append(lines, strings.Join(words, " "))
	}
	for _, d := range f.Devices {
		add("device", d.Device, d.Result, d.Dockings, d.Clips)
		for _, c := range d.Counts {
			add("count", d.Device, c.First, c.Last, c.From, c.To, c.Here, c.Missing)
		}
		for _, u := range d.Unknown {
			add("unknown", d.Device, u.Code, u.Count, u.At)
		}
	}
	for _, g := range f.Gaps {
		add("gap", g.Device, g.Kind, g.Docking, g.Before, g.After, g.From, g.What, g.Count)
	}
	return lines
}
