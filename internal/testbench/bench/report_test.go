package main

import (
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
		if diff := cmp.Diff(tt.want, spreadOf(tt.in), cmp.AllowUnexported(spread{})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestPrint(t *testing.T) {
	r := Report{Mode: "large", Peer: "by hand", Files: 2, Size: 1 << 20, Rounds: []Round{
		{A: Sample{Seconds: 2, CPU: 1, Peak: 3 << 20}, B: Sample{Seconds: 1, CPU: 2}},
		{A: Sample{Seconds: 3, CPU: 1, Peak: 5 << 20}, B: Sample{Seconds: 3, CPU: 4}},
	}}
	var b strings.Builder
	r.print(&b)
	got := map[string]string{}
	for line := range strings.Lines(b.String()) {
		f := strings.Fields(line)
		got[strings.Join(f[:len(f)-3], " ")] = strings.Join(f[len(f)-3:], " ")
	}
	want := map[string]string{
		"large: 2 x 1024 KiB": "median min max",
		"custodock, s":        "2.50 2.00 3.00", "by hand, s": "2.00 1.00 3.00", "ratio": "1.50 1.00 2.00",
		"custodock, CPU s": "1.00 1.00 1.00", "by hand, CPU s": "3.00 2.00 4.00", "ratio of CPU": "0.38 0.25 0.50", "custodock, peak MiB": "4.00 3.00 5.00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestByHand(t *testing.T) {
	src := t.TempDir()
	if s, err := byHand("small", t.TempDir(), src); err != nil || s.Seconds <= 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := byHand("large", t.TempDir(), src); err == nil {
		t.Error("no error for a failing command")
	}
}
