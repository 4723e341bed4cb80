package manifest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
)

func gapsKey(t testing.TB, name string) (note.Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func someGaps() Gaps {
	return Gaps{
		Origin: "example.org/dk3v9q", Time: time.Date(2026, 11, 26, 9, 0, 0, 125e6, time.UTC), By: "auditor", Size: 42, Result: GapsMissing,
		Lines: []string{"device c017 gaps 1 3", "count c017 0001 0004 dk3v9q-3 dk3v9q-5 3 1", "gap c017 number 2 dk3v9q-4 dk3v9q-5 - 0003 1"},
	}
}

func TestGaps(t *testing.T) {
	s, v := gapsKey(t, "example.org/dk3v9q")
	for _, change := range []func(*Gaps){
		func(*Gaps) {},
		func(g *Gaps) { g.Device = "c017" },
		func(g *Gaps) { g.Result, g.Lines = GapsComplete, g.Lines[:2] },
		func(g *Gaps) {
			g.Result, g.Lines = GapsUnknown, []string{"device c017 unknown 1 3", "unknown c017 no_numbers 3 -"}
		},
		func(g *Gaps) { g.Result, g.Lines = GapsUnknown, nil },
	} {
		want := someGaps()
		change(&want)
		msg, err := want.Sign(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenGaps(msg, want.Origin, v)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
	}
}

// TestGapsSayOneThing: a result that its lines do not bear out cannot be signed.
func TestGapsSayOneThing(t *testing.T) {
	s, _ := gapsKey(t, "example.org/dk3v9q")
	for name, change := range map[string]func(*Gaps){
		"complete with a gap": func(g *Gaps) { g.Result = GapsComplete },
		"complete, and doubts": func(g *Gaps) {
			g.Result, g.Lines = GapsComplete, []string{"device c017 unknown 1 3", "unknown c017 no_numbers 3 -"}
		},
		"gaps without one":       func(g *Gaps) { g.Lines = g.Lines[:2] },
		"complete of no device":  func(g *Gaps) { g.Result, g.Lines = GapsComplete, nil },
		"a line of another kind": func(g *Gaps) { g.Lines = append(g.Lines, "nothing is missing") },
		"a line in a line":       func(g *Gaps) { g.Lines[0] += "\ngap" },
		"an empty word":          func(g *Gaps) { g.Lines[0] = "device  c017" },
		"a role of two words":    func(g *Gaps) { g.By = "the admin" },
		"no result":              func(g *Gaps) { g.Result = "" },
		"no origin":              func(g *Gaps) { g.Origin = "" },
		"a negative size":        func(g *Gaps) { g.Size = -1 },
	} {
		g := someGaps()
		change(&g)
		if msg, err := g.Sign(s); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %s", name, err, msg)
		}
	}
}

func TestGapsRefused(t *testing.T) {
	s, v := gapsKey(t, "example.org/dk3v9q")
	_, other := gapsKey(t, "example.org/dk3v9q")
	msg, err := someGaps().Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenGaps(msg, "example.org/dk3v9q", other); !errors.Is(err, ErrUntrusted) {
		t.Errorf("by another key: %v", err)
	}
	if _, err := OpenGaps(msg, "example.org/dk3v9r", v); !errors.Is(err, ErrUntrusted) {
		t.Errorf("of another log: %v", err)
	}
	for i := range msg {
		msg[i] ^= 1 << (i % 8)
		if _, err := OpenGaps(msg, "example.org/dk3v9q", v); err == nil {
			t.Errorf("byte %d changed", i)
		}
		msg[i] ^= 1 << (i % 8)
	}
	text := strings.Replace(someGaps().Text(), "size 42", "size 042", 1)
	if signed, err := note.Sign(&note.Note{Text: text}, s); err != nil {
		t.Fatal(err)
	} else if _, err := OpenGaps(signed, "example.org/dk3v9q", v); !errors.Is(err, ErrMalformed) {
		t.Errorf("in another encoding: %v", err)
	}
}

func FuzzGaps(f *testing.F) {
	f.Add(someGaps().Text())
	f.Add(GapsStart + "origin a/dk3\ntime 2026-11-26T09:00:00.125Z\nby admin\nsize 0\nroot 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nonly c1\nresult unknown\n")
	f.Add(GapsStart)
	f.Fuzz(func(t *testing.T, text string) {
		g, err := parseGaps(text)
		if err == nil && g.Text() != text {
			t.Fatalf("%q is read and written as %q", text, g.Text())
		}
	})
}
