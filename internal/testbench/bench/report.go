package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Report is all rounds of one mode.
type Report struct {
	Mode   string  `json:"mode"`
	Peer   string  `json:"peer"` // what it is measured against
	Files  int     `json:"files"`
	Size   int64   `json:"size"` // bytes a file
	Rounds []Round `json:"rounds"`
}

// Round is one pair of runs.
type Round struct {
	A Sample `json:"custodock"`
	B Sample `json:"peer"`
}

func (r Round) ratio() float64 { return r.A.Seconds / r.B.Seconds }

// ratio is that of each pair, then spread.
func (r Report) ratio() spread {
	values := make([]float64, 0, len(r.Rounds))
	for _, one := range r.Rounds {
		values = append(values, one.ratio())
	}
	return spreadOf(values)
}

// spread is the middle and the ends of some figures.
type spread struct{ median, min, max float64 }

func spreadOf(values []float64) spread {
	slices.Sort(values)
	n := len(values)
	return spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}
}

// print writes a table; the ratio is that of each pair, then spread.
func (r Report) print(w io.Writer) {
	rows := []struct {
		name string
		of   func(Round) float64
	}{
		{"custodock, s", func(r Round) float64 { return r.A.Seconds }},
		{r.Peer + ", s", func(r Round) float64 { return r.B.Seconds }},
		{"ratio", Round.ratio},
		{"custodock, CPU s", func(r Round) float64 { return r.A.CPU }},
		{r.Peer + ", CPU s", func(r Round) float64 { return r.B.CPU }},
		{"ratio of CPU", func(r Round) float64 { return r.A.CPU / r.B.CPU }},
		{"custodock, peak MiB", func(r Round) float64 { return float64(r.A.Peak) / (1 << 20) }},
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(t, "%s: %d x %d KiB\tmedian\tmin\tmax\t\n", r.Mode, r.Files, r.Size>>10)
	for _, row := range rows {
		values := make([]float64, 0, len(r.Rounds))
		for _, one := range r.Rounds {
			values = append(values, row.of(one))
		}
		s := spreadOf(values)
		_, _ = fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t\n", row.name, s.median, s.min, s.max)
	}
	_ = t.Flush()
}
