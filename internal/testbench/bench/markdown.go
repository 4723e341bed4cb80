package main

import (
	"fmt"
	"strings"
)

// markdown is a table as docs/performance.md has it: the bars of all rows, then
// what each side took.
func (t Table) markdown() string {
	var b strings.Builder
	b.WriteString("| row | work | | median | least | most | bar | |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range t.Rows {
		id, title := r.ID, r.Title
		for _, bar := range r.Bars {
			fmt.Fprintf(&b, "| %s | %s | %s | **%s** | %s | %s | %s | %s |\n", id, title,
				bar.Name, figure(bar.Median), figure(bar.Min), figure(bar.Max), bar.limit(), strings.ToLower(bar.verdict()))
			id, title = "", ""
		}
	}
	for _, r := range t.Rows {
		b.WriteString(r.markdown())
	}
	return b.String()
}

// markdown are the sides of a row.
func (r Report) markdown() string {
	var b strings.Builder
	when := fmt.Sprintf("%d times", r.Times)
	if r.Times == 1 {
		when = "once"
	}
	if r.Date != "" {
		when += ", " + r.Date
	}
	fmt.Fprintf(&b, "\n**%s**: %s, each side %s. Median, least and most.\n\n| |", r.ID, r.Title, when)
	columns := r.columns()
	for _, name := range columns {
		fmt.Fprintf(&b, " %s |", name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, side := range r.Sides {
		fmt.Fprintf(&b, "| %s |", side.Name)
		for _, name := range columns {
			fmt.Fprintf(&b, " %s |", side.cell(name))
		}
		b.WriteString("\n")
	}
	if len(r.Notes) > 0 {
		b.WriteString("\n" + strings.Join(r.Notes, "\n") + "\n")
	}
	return b.String()
}

// columns are the names of all figures of all sides, in their order.
func (r Report) columns() []string {
	var list []string
	seen := map[string]bool{}
	for _, side := range r.Sides {
		for _, f := range side.Figures {
			if !seen[f.Name] {
				seen[f.Name] = true
				list = append(list, f.Name)
			}
		}
	}
	return list
}

func (s Told) cell(name string) string {
	for _, f := range s.Figures {
		if f.Name != name {
			continue
		}
		if f.Min == f.Max {
			return figure(f.Median)
		}
		return fmt.Sprintf("%s (%s–%s)", figure(f.Median), figure(f.Min), figure(f.Max))
	}
	return ""
}

// markdown is the machine as docs/performance.md has it.
func (m Machine) markdown() string {
	var b strings.Builder
	b.WriteString("| | |\n|---|---|\n")
	for _, f := range m.facts() {
		fmt.Fprintf(&b, "| %s | %s |\n", f[0], f[1])
	}
	return b.String()
}
