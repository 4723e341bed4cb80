package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// writes remembers each call apart.
type writes struct {
	all []string
	err error
}

func (w *writes) Write(b []byte) (int, error) {
	w.all = append(w.all, string(b))
	return len(b), w.err
}

func TestGatherer(t *testing.T) {
	var w writes
	now := time.Unix(0, 0)
	g := &gatherer{to: &w, now: func() time.Time { return now }, at: now}
	say := func(after time.Duration, line string) {
		t.Helper()
		now = now.Add(after)
		if n, err := g.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	say(0, "a")
	say(gatherTime/2, "b")
	if len(w.all) != 0 {
		t.Errorf("written at once: %q", w.all)
	}
	say(gatherTime/2, "c")
	say(0, "d")
	say(gatherTime, "e")
	long := strings.Repeat("x", gatherBytes)
	say(0, long)
	say(0, "last")
	for range 2 {
		if err := g.flush(); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"abc", "de", long, "last"}; !slices.Equal(w.all, want) {
		t.Errorf("%.40q", w.all)
	}
	w.err = errors.New("closed")
	if _, err := g.Write([]byte(long)); !errors.Is(err, w.err) {
		t.Errorf("a write that went wrong: %v", err)
	}
}
