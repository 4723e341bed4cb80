package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
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
	Notes  []string `json:"notes,omitempty"`
	Sides  []string `json:"sides,omitempty"`
	Rounds []Round  `json:"rounds,omitempty"`
	Bars   []Result `json:"bars"`
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
	out := Report{ID: r.ID, Title: r.Title, Notes: notes, Rounds: rounds}
	for _, s := range sides {
		out.Sides = append(out.Sides, s.Name)
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

// columns are the figures of a report; one that is 0 everywhere is left out.
func (r Report) columns() []column {
	list := []column{
		{"s", func(s Sample) float64 { return s.Seconds }},
		{"CPU s", func(s Sample) float64 { return s.CPU }},
		{"peak MiB", func(s Sample) float64 { return float64(s.Peak) / (1 << 20) }},
	}
	var extra []string
	for _, round := range r.Rounds {
		for _, s := range round {
			for name := range s.Extra {
				if !slices.Contains(extra, name) {
					extra = append(extra, name)
				}
			}
		}
	}
	slices.Sort(extra)
	for _, name := range extra {
		list = append(list, column{name, func(s Sample) float64 { return s.Extra[name] }})
	}
	return list
}

// lines are the figures of all sides: side and figure, median, least, most.
func (r Report) lines() [][4]string {
	var out [][4]string
	for _, side := range r.Sides {
		for _, c := range r.columns() {
			var values []float64
			for _, round := range r.Rounds {
				values = append(values, c.of(round[side]))
			}
			if s := spreadOf(values); s.Max != 0 || s.Min != 0 {
				out = append(out, [4]string{side + ", " + c.name, figure(s.Median), figure(s.Min), figure(s.Max)})
			}
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
	for _, l := range r.lines() {
		_, _ = fmt.Fprintf(t, "%s\t\t\t\n", strings.Join(l[:], "\t"))
	}
	for _, bar := range r.Bars {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", bar.Name, figure(bar.Median), figure(bar.Min), figure(bar.Max), bar.limit(), bar.verdict())
	}
	_ = t.Flush()
}

// markdown writes the table of a run as docs/performance.md has it.
func (t Table) markdown(w io.Writer) {
	t.Machine.markdown(w)
	for _, r := range t.Rows {
		_, _ = fmt.Fprintf(w, "\n### %s: %s\n\n| | median | least | most | bar | |\n|---|---|---|---|---|---|\n", r.ID, r.Title)
		for _, l := range r.lines() {
			_, _ = fmt.Fprintf(w, "| %s | | |\n", strings.Join(l[:], " | "))
		}
		for _, bar := range r.Bars {
			_, _ = fmt.Fprintf(w, "| %s | **%s** | %s | %s | %s | %s |\n",
				bar.Name, figure(bar.Median), figure(bar.Min), figure(bar.Max), bar.limit(), strings.ToLower(bar.verdict()))
		}
		if len(r.Notes) > 0 {
			_, _ = fmt.Fprintf(w, "\n%s\n", strings.Join(r.Notes, "\n"))
		}
	}
}

// deliver writes the files that the flags name, and compares.
func (t Table) deliver(o options) error {
	if o.json != "" {
		if err := writeJSON(o.json, t); err != nil {
			return err
		}
	}
	if o.md != "" {
		var text strings.Builder
		t.markdown(&text)
		if err := os.WriteFile(o.md, []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	if o.record != "" {
		if err := t.record(o.record); err != nil {
			return err
		}
	}
	return t.guard(o.guard)
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
