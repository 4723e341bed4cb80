package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/internal/testbench"
)

var update = flag.Bool("update", false, "write the recorded table into docs/performance.md")

// TestDocs: what docs/performance.md shows between its two marks are the figures
// that the guard holds later runs against. After a run with -record:
//
//	go test ./internal/testbench/bench -run TestDocs -update
func TestDocs(t *testing.T) {
	root, err := testbench.Root()
	if err != nil {
		t.Fatal(err)
	}
	table, err := readTable(filepath.Join(root, "docs", "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs", "performance.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- begin of the recorded table -->\n", "<!-- end of the recorded table -->\n"
	before, rest, found := strings.Cut(string(text), begin)
	shown, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s has not both marks", path)
	}
	want := "\n" + table.Machine.markdown() + "\n" + table.markdown() + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("docs/performance.md shows other figures than docs/bench.json (-want +shown):\n%s", diff)
	}
}

// TestRecordedRows: every row of the record is one that the bench still has, with
// the bars it has now.
func TestRecordedRows(t *testing.T) {
	root, err := testbench.Root()
	if err != nil {
		t.Fatal(err)
	}
	table, err := readTable(filepath.Join(root, "docs", "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := rows()
	for _, r := range table.Rows {
		i := place(all, r.ID)
		if i == len(all) {
			t.Errorf("row %s is on record only", r.ID)
			continue
		}
		now := newReport(all[i], nil, []Round{{}}, nil)
		if len(r.Bars) != len(now.Bars) {
			t.Errorf("row %s has %d bars on record, %d now", r.ID, len(r.Bars), len(now.Bars))
			continue
		}
		for j, bar := range now.Bars {
			if was := r.Bars[j]; was.Name != bar.Name || was.Most != bar.Most || was.Least != bar.Least {
				t.Errorf("row %s: recorded is bar %q (%s), now it is %q (%s)", r.ID, was.Name, was.limit(), bar.Name, bar.limit())
			}
		}
	}
}
