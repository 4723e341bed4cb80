package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"text/tabwriter"
)

// Table is all of one run of the bench.
type Table struct {
	Machine Machine  `json:"machine"`
	Scale   float64  `json:"scale"`
	Rows    []Report `json:"rows"`
}

// Report is all rounds of one row and what they come to.
type Report struct {
	ID     string   `json:"id"`
	Title  string   `json:"title"`
	Date   string   `json:"date,omitempty"` // UTC, of a record
	Times  int      `json:"times"`          // how often each side ran
	Rounds []Round  `json:"rounds,omitempty"`
	Sides  []Told   `json:"sides"`
	Bars   []Result `json:"bars"`
	Notes  []string `json:"notes,omitempty"`
}

// Told are the figures of one side over all rounds.
type Told struct {
	Name    string   `json:"name"`
	Figures []Figure `json:"figures"`
}

// Figure is one of them, with its unit in the name.
type Figure struct {
	Name string `json:"name"`
	spread
}

// Result is a bar over all rounds.
type Result struct {
	Name string `json:"name"`
	spread
	Most  float64 `json:"most,omitempty"`
	Least float64 `json:"least,omitempty"`
	Met   bool    `json:"met"` // true without a limit
}

func newReport(r Row, sides Sides, rounds []Round, notes []string) Report {
	out := Report{ID: r.ID, Title: r.Title, Times: len(rounds), Notes: notes, Rounds: rounds}
	for _, s := range sides {
		out.Sides = append(out.Sides, tell(s.Name, rounds))
	}
	for _, bar := range r.Bars {
		out.Bars = append(out.Bars, bar.over(rounds))
	}
	return out
}

func (b Bar) over(rounds []Round) Result {
	var values []float64
	for _, r := range rounds {
		values = append(values, b.Of(r))
	}
	res := Result{Name: b.Name, spread: spreadOf(values), Most: b.Most, Least: b.Least}
	// Written so that a ratio that is not a number meets no bar.
	res.Met = (b.Most == 0 || res.Median <= b.Most) && (b.Least == 0 || res.Median >= b.Least)
	return res
}

// limit is the bar as people read it.
func (r Result) limit() string {
	switch {
	case r.Most != 0:
		return fmt.Sprintf("≤ %.4g", r.Most)
	case r.Least != 0:
		return fmt.Sprintf("≥ %.4g", r.Least)
	}
	return ""
}

func (r Result) verdict() string {
	switch {
	case r.Most == 0 && r.Least == 0:
		return ""
	case r.Met:
		return "met"
	}
	return "NOT MET"
}

// column is a figure that is told of each side.
type column struct {
	name string
	of   func(Sample) float64
}

// tell sums up one side; a figure that is always 0 is left out.
func tell(side string, rounds []Round) Told {
	columns := []column{
		{"s", func(s Sample) float64 { return s.Seconds }},
		{"CPU s", func(s Sample) float64 { return s.CPU }},
		{"peak MiB", func(s Sample) float64 { return float64(s.Peak) / (1 << 20) }},
	}
	for _, name := range slices.Sorted(maps.Keys(rounds[0][side].Extra)) {
		columns = append(columns, column{name, func(s Sample) float64 { return s.Extra[name] }})
	}
	out := Told{Name: side}
	for _, c := range columns {
		var values []float64
		for _, round := range rounds {
			values = append(values, c.of(round[side]))
		}
		if s := spreadOf(values); s.Max != 0 || s.Min != 0 {
			out.Figures = append(out.Figures, Figure{c.name, s})
		}
	}
	return out
}

// figure has three digits that mean something.
func figure(v float64) string {
	switch size := math.Abs(v); {
	case size >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case size >= 9.995:
		return fmt.Sprintf("%.1f", v)
	case size >= 0.0995 || v == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

// print writes a report for a terminal.
func (r Report) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(t, "\nrow %s\tmedian\tleast\tmost\tbar\t\t\n", r.ID)
	for _, side := range r.Sides {
		for _, f := range side.Figures {
			_, _ = fmt.Fprintf(t, "%s, %s\t%s\t%s\t%s\t\t\t\n", side.Name, f.Name, figure(f.Median), figure(f.Min), figure(f.Max))
		}
	}
	for _, bar := range r.Bars {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", bar.Name, figure(bar.Median), figure(bar.Min), figure(bar.Max), bar.limit(), bar.verdict())
	}
	_ = t.Flush()
}

// deliver writes the files that the flags name.
func (t Table) deliver(o options) error {
	if o.json != "" {
		if err := writeJSON(o.json, t); err != nil {
			return err
		}
	}
	if o.md != "" {
		if err := os.WriteFile(o.md, []byte(t.markdown()), 0o644); err != nil {
			return err
		}
	}
	if o.record != "" {
		return t.record(o.record)
	}
	return nil
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
