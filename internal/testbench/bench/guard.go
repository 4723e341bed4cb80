package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// worse is how much a ratio may grow over the record before the guard calls it
// lost: what machines drift from one day to the next.
const worse = 1.15

// record puts the medians of this run into the file, beside those of rows that
// did not run.
func (t Table) record(path string) error {
	old, err := readTable(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old.Machine, old.Scale = t.Machine, t.Scale
	for _, r := range t.Rows {
		r.Date, r.Rounds = t.Machine.Date, nil
		if i := old.index(r.ID); i >= 0 {
			old.Rows[i] = r
		} else {
			old.Rows = append(old.Rows, r)
		}
	}
	order := rows()
	slices.SortStableFunc(old.Rows, func(a, b Report) int { return place(order, a.ID) - place(order, b.ID) })
	return writeJSON(path, old)
}

// place is where a row stands among all of them; one that is no more is last.
func place(order []Row, id string) int {
	if i := slices.IndexFunc(order, func(r Row) bool { return r.ID == id }); i >= 0 {
		return i
	}
	return len(order)
}

func (t Table) index(id string) int {
	return slices.IndexFunc(t.Rows, func(r Report) bool { return r.ID == id })
}

func readTable(path string) (Table, error) {
	var t Table
	text, err := os.ReadFile(path)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return t, fmt.Errorf("read %s: %w", path, err)
	}
	return t, nil
}

// guard is an error when a bar of the file is lost; "" is no file.
func (t Table) guard(path string) error {
	if path == "" {
		return nil
	}
	recorded, err := readTable(path)
	if err != nil {
		return err
	}
	var lost []error
	for _, r := range t.Rows {
		i := recorded.index(r.ID)
		if i < 0 {
			lost = append(lost, fmt.Errorf("row %s: it is not in %s: run with -record", r.ID, path))
			continue
		}
		lost = append(lost, r.lost(recorded.Rows[i])...)
	}
	return errors.Join(lost...)
}

// lost names the bars that were met on record and are lost, and the ratios that
// are much worse than on record.
func (r Report) lost(recorded Report) []error {
	var list []error
	for _, was := range recorded.Bars {
		if was.Most == 0 && was.Least == 0 {
			continue
		}
		i := slices.IndexFunc(r.Bars, func(b Result) bool { return b.Name == was.Name })
		if i < 0 {
			list = append(list, fmt.Errorf("row %s: no bar is called %q any more", r.ID, was.Name))
			continue
		}
		switch now := r.Bars[i]; {
		case was.Met && !now.Met:
			list = append(list, fmt.Errorf("row %s: %s is %s, the bar is %s, recorded were %s", r.ID, now.Name, figure(now.Median), now.limit(), figure(was.Median)))
		case now.Most != 0 && !(now.Median <= was.Median*worse), now.Least != 0 && !(now.Median >= was.Median/worse):
			list = append(list, fmt.Errorf("row %s: %s is %s, recorded were %s", r.ID, now.Name, figure(now.Median), figure(was.Median)))
		}
	}
	return list
}

// today is the date of a run.
func today(now time.Time) string { return now.UTC().Format(time.DateOnly) }
