package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		in   []float64
		want spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1, 2}, spread{2, 1, 4}},
		{[]float64{4, 1, 2, 3}, spread{2.5, 1, 4}},
	} {
		if diff := cmp.Diff(tt.want, spreadOf(tt.in)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFigure(t *testing.T) {
	for in, want := range map[float64]string{0: "0.00", 0.012: "0.012", 0.84: "0.84", 9.999: "10.0", 41.26: "41.3", 19500: "19500", -3: "-3.00"} {
		if got := figure(in); got != want {
			t.Errorf("%v is %q, want %q", in, got, want)
		}
	}
}

// sampleTable has one row of two rounds.
func sampleTable() Table {
	r := Row{ID: "7", Title: "waiting", Bars: []Bar{
		{Name: "a / b", Of: wall("a", "b"), Most: 1.25},
		{Name: "b / a", Of: wall("b", "a"), Least: 1},
		{Name: "none", Of: func(Round) float64 { return 7 }},
	}}
	rounds := []Round{
		{"a": {Seconds: 2, CPU: 1, Peak: 3 << 20}, "b": {Seconds: 1, CPU: 2, Extra: map[string]float64{"server CPU s": 0.5}}},
		{"a": {Seconds: 3, CPU: 1, Peak: 5 << 20}, "b": {Seconds: 3, CPU: 4, Extra: map[string]float64{"server CPU s": 1.5}}},
	}
	sides := Sides{{Name: "a"}, {Name: "b"}}
	return Table{Machine: Machine{Date: "2026-11-26"}, Scale: 1, Rows: []Report{newReport(r, sides, rounds, []string{"a note"})}}
}

var sampleLines = [][]string{
	{"a, s", "2.50", "2.00", "3.00"}, {"a, CPU s", "1.00", "1.00", "1.00"}, {"a, peak MiB", "4.00", "3.00", "5.00"},
	{"b, s", "2.00", "1.00", "3.00"}, {"b, CPU s", "3.00", "2.00", "4.00"}, {"b, server CPU s", "1.00", "0.50", "1.50"},
	{"a / b", "1.50", "1.00", "2.00", "≤ 1.25", "NOT MET"}, {"b / a", "0.75", "0.50", "1.00", "≥ 1", "NOT MET"}, {"none", "7.00", "7.00", "7.00"},
}

func TestPrint(t *testing.T) {
	var out strings.Builder
	sampleTable().Rows[0].print(&out)
	for _, want := range sampleLines {
		found := false
		for line := range strings.Lines(out.String()) {
			found = found || strings.Join(strings.Fields(line), " ") == strings.Join(want, " ")
		}
		if !found {
			t.Errorf("no line %q in %s", want, out.String())
		}
	}
}

func TestDeliver(t *testing.T) {
	dir := t.TempDir()
	o := options{json: filepath.Join(dir, "all.json"), md: filepath.Join(dir, "all.md"), record: filepath.Join(dir, "record.json")}
	if err := sampleTable().deliver(o); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(o.md)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n| 7 | waiting | a / b | **1.50** | 1.00 | 2.00 | ≤ 1.25 | not met |\n|  |  | b / a | **0.75** |", "|  |  | none | **7.00** | 7.00 | 7.00 |  |  |\n",
		"\n**7**: waiting, each side 2 times.", "\n| | s | CPU s | peak MiB | server CPU s |\n|---|---|---|---|---|\n",
		"\n| a | 2.50 (2.00–3.00) | 1.00 | 4.00 (3.00–5.00) |  |\n| b | 2.00 (1.00–3.00) | 3.00 (2.00–4.00) |  | 1.00 (0.50–1.50) |\n", "\na note\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	all, err := readTable(o.json)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleTable(), all, cmp.AllowUnexported(Result{}, Figure{})); diff != "" {
		t.Error(diff)
	}
}

func TestNoNumberMeetsNoBar(t *testing.T) {
	nan := func(Round) float64 { return math.NaN() }
	for _, bar := range []Bar{{Of: nan, Most: 1}, {Of: nan, Least: 1}} {
		if bar.over([]Round{{}}).Met {
			t.Errorf("%+v is met", bar)
		}
	}
}
