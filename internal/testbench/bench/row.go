package main

import (
	"context"
	"slices"
	"strings"
)

// Row is one line of the table: some work, the sides that do it and the bars
// that must hold between them.
type Row struct {
	ID     string // "1 5", "2 versitygw": each word of it selects the row
	Title  string
	Rounds int                                 // how often each side runs, unless a flag says otherwise
	Make   func(*Bench) (Sides, func(), error) // makes sources and servers; the func undoes what it made
	Bars   []Bar
}

// Sides are those of a row.
type Sides []Side

// Side is one way to do the work.
type Side struct {
	Name string
	// Run is one timed run. It checks that the work was done and leaves nothing
	// behind.
	Run func(context.Context) (Sample, error)
}

// Sample is one measured run.
type Sample struct {
	Seconds float64            `json:"seconds"`
	CPU     float64            `json:"cpu_seconds"`             // user and system, children too
	Peak    int64              `json:"peak_rss_anon,omitempty"` // bytes
	Extra   map[string]float64 `json:"extra,omitempty"`         // what else the bars of the row need
}

// Round is one run of each side, by its name.
type Round map[string]Sample

// Bar is a figure of a round, and what its median over the rounds may be. One
// with neither Most nor Least is told and never lost.
type Bar struct {
	Name        string
	Of          func(Round) float64
	Most, Least float64 // 0 is no limit
}

// selected are the rows that a word of the list names; an empty list names all.
func selected(rows []Row, list string) (found []Row, unknown []string) {
	if list == "" {
		return rows, nil
	}
	named := map[string]bool{}
	for id := range strings.SplitSeq(list, ",") {
		named[strings.TrimSpace(id)] = false
	}
	for _, r := range rows {
		chosen := false
		for _, word := range append(strings.Fields(r.ID), r.ID) {
			if _, ok := named[word]; ok {
				named[word], chosen = true, true
			}
		}
		if chosen {
			found = append(found, r)
		}
	}
	for id, ok := range named {
		if !ok {
			unknown = append(unknown, id)
		}
	}
	slices.Sort(unknown)
	return found, unknown
}

// spread is the middle and the ends of some figures.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) spread {
	values = slices.Clone(values)
	slices.Sort(values)
	n := len(values)
	return spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}
}
