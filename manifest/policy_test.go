package manifest

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// policyText is a policy of one log and five witnesses in two groups.
func policyText(t testing.TB) (text string, witnesses map[string]*Cosigner) {
	t.Helper()
	_, vkey, err := EncodeKey(testOrigin, ed25519.NewKeyFromSeed(append(make([]byte, 31), 1)))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# two houses\n\nlog %s\n", vkey)
	witnesses = map[string]*Cosigner{}
	for i, name := range []string{"X1", "X2", "X3", "Y1", "Y2"} {
		witnesses[name] = testCosigner(t, "witness.example/"+name, byte(10+i))
		fmt.Fprintf(&b, " witness\t%s %s https://%s.example/w\n", name, witnesses[name].Key(), name)
	}
	b.WriteString("group X 2 X1 X2 X3\ngroup Y any Y1 Y2\ngroup both all X Y\nquorum both\n")
	return b.String(), witnesses
}

func TestPolicy(t *testing.T) {
	text, witnesses := policyText(t)
	p, err := ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Logs) != 1 || len(p.Witnesses) != 5 || p.Witnesses[4].URL != "https://Y2.example/w" || p.Quorum != "both" {
		t.Fatalf("%+v", p)
	}
	_, v := testKey(t, testOrigin, 1)
	bare := testCheckpoint(t, cosignedHead.Size, cosignedHead.Root)
	for _, tt := range []struct {
		signed        string
		have, missing string // "" is satisfied
	}{
		{"X1 X2 Y1", "", ""},
		{"X3 X2 Y2 X1", "", ""},
		{"", "", "X1 X2 X3 Y1 Y2"},
		{"X1 X2 X3", "X1 X2 X3", "Y1 Y2"},
		{"X1 Y1 Y2", "X1 Y1 Y2", "X2 X3"},
	} {
		var by []*Cosigner
		for name := range strings.FieldsSeq(tt.signed) {
			by = append(by, witnesses[name])
		}
		_, sigs, err := p.Check(cosign(t, bare, cosignedHead, time.Unix(9, 0), by...), v)
		var lacks *UnwitnessedError
		switch {
		case len(sigs) != len(by):
			t.Errorf("%q: %d cosignatures", tt.signed, len(sigs))
		case tt.missing == "" && err != nil:
			t.Errorf("%q: %v", tt.signed, err)
		case tt.missing != "" && (!errors.As(err, &lacks) || !errors.Is(err, ErrUnwitnessed)):
			t.Errorf("%q: %v", tt.signed, err)
		}
		if lacks != nil {
			if d := cmp.Diff([]string{tt.have, tt.missing}, []string{strings.Join(lacks.Have, " "), strings.Join(lacks.Missing, " ")}); d != "" {
				t.Errorf("%q: %s", tt.signed, d)
			}
		}
	}
}

// TestPolicyRefuses: what a policy does not trust, and lines that lie.
func TestPolicyRefuses(t *testing.T) {
	text, witnesses := policyText(t)
	p, err := ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, other := testKey(t, "example.org/dother", 2)
	head := cosignedHead
	head.Origin = "example.org/dother"
	msg, err := SignCheckpoint(head, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Check(msg, other); !errors.Is(err, ErrUntrusted) {
		t.Errorf("another log: %v", err)
	}
	_, v := testKey(t, testOrigin, 1)
	bare := testCheckpoint(t, cosignedHead.Size, cosignedHead.Root)
	lie := cosignedHead
	lie.Size++
	bad := cosign(t, cosign(t, bare, cosignedHead, time.Unix(9, 0), witnesses["X1"], witnesses["X2"], witnesses["Y1"]), lie, time.Unix(9, 0), witnesses["Y2"])
	if _, _, err := p.Check(bad, v); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a line over another size: %v", err)
	}
	none, err := ParsePolicy([]byte("quorum none"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := none.Check(bare, v); err != nil {
		t.Errorf("no quorum: %v", err)
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	text, witnesses := policyText(t)
	logLine := strings.Split(text, "\n")[2]
	w := "witness W " + testCosigner(t, "w", 20).Key().String() + "\n"
	renamed := "witness R " + testCosigner(t, "again", 10).Key().String() + "\n" // the key of X1
	for name, bad := range map[string]string{
		"empty":              "",
		"no quorum":          w,
		"two quorums":        w + "quorum W\nquorum W\n",
		"unknown word":       w + "quorum W\nwitnesses W\n",
		"unknown quorum":     w + "quorum V\n",
		"quorum too early":   "quorum W\n" + w,
		"control character":  w + "quorum W\r\n",
		"log twice":          logLine + "\n" + logLine + "\nquorum none\n",
		"witness key twice":  text + renamed,
		"name twice":         w + strings.Replace(renamed, " R ", " W ", 1) + "quorum W",
		"none defined":       "witness none " + witnesses["X1"].Key().String() + "\nquorum none",
		"log key as witness": "witness L " + strings.TrimPrefix(logLine, "log ") + "\nquorum L",
		"witness key as log": "log " + witnesses["X1"].Key().String() + "\nquorum none",
		"group of nobody":    w + "group G any\nquorum G",
		"group of unknown":   w + "group G any W V\nquorum G",
		"none in a group":    w + "group G any W none\nquorum G",
		"member twice":       w + "group G any W W\nquorum G",
		"in two groups":      w + "group G any W\ngroup H any W\nquorum G",
		"too many wanted":    w + "group G 2 W\nquorum G",
		"nobody wanted":      w + "group G 0 W\nquorum G",
		"number with zero":   w + "group G 01 W\nquorum G",
		"itself":             w + "group G any G W\nquorum G",
		"too much":           w + "quorum W W",
		"extra field":        strings.TrimSuffix(w, "\n") + " http://a b\nquorum W",
	} {
		if p, err := ParsePolicy([]byte(bad)); !errors.Is(err, ErrMalformed) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := ParsePolicy([]byte("# 值班\n\t \n" + w + "  quorum \t W  ")); err != nil {
		t.Errorf("white space and comments: %v", err)
	}
}

func FuzzParsePolicy(f *testing.F) {
	text, witnesses := policyText(f)
	f.Add([]byte(text))
	f.Add([]byte("quorum none"))
	f.Add([]byte("witness W " + witnesses["X1"].Key().String() + "\ngroup G all W\nquorum G\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePolicy(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q: %v", b, err)
			}
			return
		}
		var all []Cosignature
		for _, k := range p.Keys() {
			all = append(all, Cosignature{Key: k})
		}
		if err := p.Satisfied(all); err != nil {
			t.Fatalf("%q: everybody signed, and %v", b, err)
		}
		var lacks *UnwitnessedError
		if err := p.Satisfied(nil); (p.Quorum == "none") != (err == nil) || err != nil && (!errors.As(err, &lacks) || len(lacks.Missing) == 0) {
			t.Fatalf("%q: nobody signed, and %v", b, err)
		}
	})
}
