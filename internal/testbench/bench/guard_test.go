package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// tableOf is a run with one row and one bar.
func tableOf(id string, r Result) Table {
	r.Name = "ratio"
	r.Met = (r.Most == 0 || r.Median <= r.Most) && (r.Least == 0 || r.Median >= r.Least)
	return Table{Scale: 1, Machine: Machine{Date: "2026-11-26"}, Rows: []Report{{ID: id, Bars: []Result{r}}}}
}

func TestGuard(t *testing.T) {
	most := func(median float64) Table { return tableOf("1 5", Result{spread: spread{Median: median}, Most: 1}) }
	least := func(median float64) Table { return tableOf("1 5", Result{spread: spread{Median: median}, Least: 1}) }
	free := func(median float64) Table { return tableOf("1 5", Result{spread: spread{Median: median}}) }
	for _, tt := range []struct {
		name     string
		was, now Table
		lost     string
	}{
		{"as it was", most(0.9), most(0.9), ""},
		{"a little worse", most(0.8), most(0.9), ""},
		{"better", most(0.9), most(0.1), ""},
		{"a bar that was met", most(0.99), most(1.01), "row 1 5: ratio is 1.01, the bar is ≤ 1, recorded were 0.99"},
		{"met but much worse", most(0.5), most(0.7), "row 1 5: ratio is 0.70, recorded were 0.50"},
		{"never met and no worse", most(1.5), most(1.6), ""},
		{"never met and much worse", most(1.5), most(1.8), "row 1 5: ratio is 1.80, recorded were 1.50"},
		{"a least as it was", least(1.2), least(1.1), ""},
		{"a least that was met", least(1.05), least(0.97), "row 1 5: ratio is 0.97, the bar is ≥ 1, recorded were 1.05"},
		{"a least much worse", least(2), least(1.5), "row 1 5: ratio is 1.50, recorded were 2.00"},
		{"without a limit", free(1), free(9), ""},
		{"a row that is not on record", tableOf("7", Result{}), most(0.9), "row 1 5: it is not in"},
	} {
		path := filepath.Join(t.TempDir(), "bench.json")
		if err := tt.was.record(path); err != nil {
			t.Fatal(err)
		}
		err := tt.now.guard(path)
		if (err == nil) != (tt.lost == "") || err != nil && !strings.Contains(err.Error(), tt.lost) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestGuardNamesEveryLostBar(t *testing.T) {
	now := tableOf("1 5", Result{spread: spread{Median: 2}, Most: 1})
	was := tableOf("1 5", Result{spread: spread{Median: 0.5}, Most: 1})
	was.Rows[0].Bars = append(was.Rows[0].Bars, Result{Name: "gone", Most: 1, Met: true})
	path := filepath.Join(t.TempDir(), "bench.json")
	if err := was.record(path); err != nil {
		t.Fatal(err)
	}
	err := now.guard(path)
	if err == nil || len(strings.Split(err.Error(), "\n")) != 2 || !strings.Contains(err.Error(), `no bar is called "gone"`) {
		t.Error(err)
	}
}

// TestRecord: the rows of a run take the place of the recorded ones, in the
// table's order, and other rows stay.
func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	for _, table := range []Table{
		tableOf("4", Result{spread: spread{Median: 1}}), tableOf("1 5", Result{spread: spread{Median: 2}}), tableOf("4", Result{spread: spread{Median: 3}}),
	} {
		if err := table.record(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readTable(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Rows) != 2 || got.Rows[0].ID != "1 5" || got.Rows[1].Bars[0].Median != 3 || got.Rows[1].Date != "2026-11-26" {
		t.Errorf("%+v", got)
	}
}

// TestParse: what is recorded or compared is the whole work.
func TestParse(t *testing.T) {
	for _, tt := range []struct {
		args string
		ok   bool
	}{
		{"", true}, {"-rows 1 -scale 0.1", true}, {"-record x", true}, {"-guard x -rounds 9", true}, {"-untuned", true},
		{"-record x -scale 0.1", false}, {"-guard x -scale 2", false}, {"-guard x -untuned", false}, {"-scale 0", false}, {"-rounds -1", false}, {"more", false},
	} {
		if _, err := parse(strings.Fields(tt.args)); (err == nil) != tt.ok {
			t.Errorf("%q: %v", tt.args, err)
		}
	}
}
