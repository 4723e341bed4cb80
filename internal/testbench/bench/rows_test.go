package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

func TestRows(t *testing.T) {
	ids := map[string]bool{}
	for _, r := range rows() {
		if ids[r.ID] || r.ID == "" || r.Title == "" || r.Rounds < 1 || r.Make == nil || len(r.Bars) == 0 {
			t.Errorf("row %+v", r)
		}
		ids[r.ID] = true
		names := map[string]bool{}
		for _, bar := range r.Bars {
			if names[bar.Name] || bar.Name == "" || bar.Of == nil || bar.Most != 0 && bar.Least != 0 {
				t.Errorf("row %s: bar %+v", r.ID, bar)
			}
			names[bar.Name] = true
		}
	}
}

func TestLimits(t *testing.T) {
	r := Round{
		ours: {Seconds: 6, CPU: 4}, hashes: {Seconds: 1, CPU: 2}, copies: {Seconds: 3, CPU: 1}, upload: {Seconds: 4},
	}
	if got := copyLimit(r, 1); got != 3 {
		t.Errorf("the disk bounds: %v", got)
	}
	r[copies] = Sample{Seconds: 1, CPU: 4}
	if got := copyLimit(r, 2); got != 3 {
		t.Errorf("the cores bound: %v", got)
	}
	if got := uploadLimit(r, 2); got != 5 {
		t.Errorf("upload: %v", got)
	}
}

func TestTune(t *testing.T) {
	b := newBench(t)
	knobs := []knob{{"-a", []string{"1", "2", "3"}}, {"-b", []string{"x", "y"}}}
	seconds := map[string]float64{"-a=1 -b=x": 5, "-a=2 -b=x": 3, "-a=3 -b=x": 4, "-a=2 -b=y": 6}
	var tried []string
	run := func(_ context.Context, flags []string) (Sample, error) {
		tried = append(tried, strings.Join(flags, " "))
		return Sample{Seconds: seconds[strings.Join(flags, " ")]}, nil
	}
	best, err := b.tune("peer", knobs, run)
	if err != nil || strings.Join(best, " ") != "-a=2 -b=x" {
		t.Errorf("%v, %v", best, err)
	}
	if diff := cmp.Diff([]string{"-a=1 -b=x", "-a=2 -b=x", "-a=3 -b=x", "-a=2 -b=y"}, tried); diff != "" {
		t.Error(diff)
	}
	if len(b.notes) != 1 || !strings.Contains(b.notes[0], "of 4 settings") || !strings.Contains(b.notes[0], "-a=2 -b=x") {
		t.Errorf("%q", b.notes)
	}
	b.untuned, tried = true, nil
	if usual, err := b.tune("peer", knobs, run); err != nil || len(tried) > 0 || strings.Join(usual, " ") != "-a=1 -b=x" {
		t.Errorf("untuned: %v, %v, tried %q", usual, err, tried)
	}
	b.untuned = false
	_, err = b.tune("peer", knobs, func(context.Context, []string) (Sample, error) { return Sample{}, errors.New("refused") })
	if err == nil || !strings.Contains(err.Error(), "peer -a=1 -b=x: refused") {
		t.Error(err)
	}
}

func TestBodies(t *testing.T) {
	good, bad, n := bodies([]testbench.Carriage{
		{Method: "PUT", URI: "/evidence/dock/object/aa/aa11", Body: 100},
		{Method: "PUT", URI: "/evidence/dock/object/bb/bb22?partNumber=1&uploadId=x", Body: 40, Fault: testbench.LostReply},
		{Method: "PUT", URI: "/evidence/dock/object/bb/bb22?partNumber=1&uploadId=x", Body: 50},
		{Method: "PUT", URI: "/evidence/dock/log/abc/key", Body: 7, Fault: testbench.Refused},
		{Method: "POST", URI: "/evidence/dock/object/bb/bb22?uploadId=x", Body: 9},
		{Method: "HEAD", URI: "/evidence/dock/object/aa/aa11"},
	})
	if good != 150 || bad != 40 || n != 2 {
		t.Errorf("good %d, bad %d, %d failed", good, bad, n)
	}
}

func TestMayAllGo(t *testing.T) {
	done := ingest.BayStatus{State: ingest.BayDone, MayTake: true, Done: 2}
	busy := ingest.BayStatus{State: ingest.BayCopying, Done: 1}
	for _, tt := range []struct {
		name string
		bays []ingest.BayStatus
		want bool
		err  string
	}{
		{"none yet", nil, false, ""},
		{"one of two", []ingest.BayStatus{done, busy}, false, ""},
		{"one not there yet", []ingest.BayStatus{done}, false, ""},
		{"all", []ingest.BayStatus{done, done}, true, ""},
		{"fewer clips", []ingest.BayStatus{done, {State: ingest.BayDone, MayTake: true, Done: 1}}, false, "with 1 of 2 clips"},
		{"broken", []ingest.BayStatus{busy, {Path: "/p", State: ingest.BayError, Reason: "input/output error"}}, false, "input/output error"},
	} {
		got, err := mayAllGo(2, 2)(ingest.Status{Bays: tt.bays})
		if got != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}

// TestSparse: clips that are holes have their size, take no room and differ.
func TestSparse(t *testing.T) {
	b := newBench(t)
	cards, err := b.cards(2, 1, 64<<20, b.sparse)
	if err != nil {
		t.Fatal(err)
	}
	var starts []string
	for _, c := range cards {
		path := c.Files[0].Path
		var st syscall.Stat_t
		if err := syscall.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		if st.Size != 64<<20 || st.Blocks*512 > 1<<20 || c.Bytes != st.Size || !c.Cold {
			t.Errorf("%d bytes in %d blocks: %+v", st.Size, st.Blocks, c)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		start := make([]byte, 4096)
		if _, err := f.ReadAt(start, 0); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		starts = append(starts, string(start))
	}
	if starts[0] == starts[1] {
		t.Error("two clips are alike")
	}
	again, err := b.cards(2, 1, 64<<20, b.sparse)
	if err != nil || !slices.Equal(again, cards) {
		t.Errorf("made twice: %v", err)
	}
}

func TestSized(t *testing.T) {
	for in, want := range map[int64]string{0: "0 B", 1000: "1000 B", 64 << 10: "64 KiB", 3 << 19: "1.5 MiB", 256 << 20: "256 MiB", 23<<30 + 1<<29: "23.5 GiB"} {
		if got := sized(in); got != want {
			t.Errorf("%d is %q, want %q", in, got, want)
		}
	}
}
