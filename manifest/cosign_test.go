package manifest

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

func testCosigner(t testing.TB, name string, seed byte) *Cosigner {
	t.Helper()
	c, err := NewCosigner(name, ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cosign puts the line of each witness under msg.
func cosign(t testing.TB, msg []byte, c Checkpoint, at time.Time, witnesses ...*Cosigner) []byte {
	t.Helper()
	for _, w := range witnesses {
		line, err := w.Cosign(c, at)
		if err != nil {
			t.Fatal(err)
		}
		msg = append(bytes.Clone(msg), line...)
	}
	return msg
}

var cosignedHead = Checkpoint{Origin: testOrigin, Size: 42, Root: tlog.RecordHash([]byte("root"))}

func TestWitnessKey(t *testing.T) {
	c := testCosigner(t, "witness.example/w1", 7)
	k, err := ParseWitnessKey(c.Key().String())
	if err != nil || k.String() != c.Key().String() || k.Name() != "witness.example/w1" {
		t.Fatalf("%v, %v", k, err)
	}
	again, err := ParseCosigner(c.Encode())
	if err != nil || again.Key().String() != k.String() {
		t.Fatalf("%v, %v", again, err)
	}
	_, logKey := testKey(t, testOrigin, 1)
	_, vkey, err := EncodeKey(testOrigin, ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil || logKey == nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "a", "a+b", "a+b+c", vkey, k.String() + "\n", strings.ToUpper(k.String()), "x" + k.String(),
		"a b+00000000+BAAA", strings.Replace(k.String(), "+", " +", 1)} {
		if _, err := ParseWitnessKey(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("key %q: %v", bad, err)
		}
		if _, err := ParseCosigner(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("secret %q: %v", bad, err)
		}
	}
	for bad := range flips([]byte(k.String())) {
		if got, err := ParseWitnessKey(string(bad)); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

func TestCosignatures(t *testing.T) {
	at := time.Unix(1679315147, 0).UTC()
	w1, w2 := testCosigner(t, "witness.example/w1", 7), testCosigner(t, "witness.example/w2", 8)
	bare := testCheckpoint(t, cosignedHead.Size, cosignedHead.Root)
	msg := cosign(t, bare, cosignedHead, at, w1, w2)
	got, err := Cosignatures(msg, w2.Key(), w1.Key())
	if err != nil || len(got) != 2 || got[0].Key != w1.Key() || !got[0].Time.Equal(at) {
		t.Fatalf("%v, %v", got, err)
	}
	if again := WithCosignatures(bare, got...); !bytes.Equal(again, msg) {
		t.Errorf("%s\nis not\n%s", again, msg)
	}
	if again := WithCosignatures(msg, got...); !bytes.Equal(again, msg) {
		t.Errorf("a line stands twice:\n%s", again)
	}
	if got, err := Cosignatures(msg, w1.Key()); err != nil || len(got) != 1 {
		t.Errorf("of one witness: %v, %v", got, err)
	}
	if got, err := Cosignatures(bare, w1.Key()); err != nil || len(got) != 0 {
		t.Errorf("of none: %v, %v", got, err)
	}
	_, v := testKey(t, testOrigin, 1)
	if c, err := OpenCheckpoint(msg, testOrigin, v); err != nil || c != cosignedHead {
		t.Errorf("the checkpoint under cosignatures: %v, %v", c, err)
	}
	if _, err := Cosignatures(cosign(t, msg, cosignedHead, at.Add(time.Hour), w1), w1.Key()); !errors.Is(err, ErrMalformed) {
		t.Errorf("two lines of one witness: %v", err)
	}
}

// TestCosignatureFlips: no bit of a cosigned checkpoint changes and leaves the
// cosignature good.
func TestCosignatureFlips(t *testing.T) {
	w := testCosigner(t, "witness.example/w1", 7)
	msg := cosign(t, []byte(cosignedHead.Text()+"\n"), cosignedHead, time.Unix(1679315147, 0), w)
	if got, err := Cosignatures(msg, w.Key()); err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	for bad := range flips(msg) {
		if got, err := Cosignatures(bad, w.Key()); err == nil && len(got) > 0 {
			t.Fatalf("accepted:\n%s", bad)
		}
	}
}

// TestCosignatureIsNoSignature: a line of a witness cannot pass for one of the
// log, nor the reverse, even where one key is used for both.
func TestCosignatureIsNoSignature(t *testing.T) {
	w := testCosigner(t, testOrigin, 1)
	_, v := testKey(t, testOrigin, 1)
	msg := cosign(t, []byte(cosignedHead.Text()+"\n"), cosignedHead, time.Unix(1, 0), w)
	if _, err := OpenCheckpoint(msg, testOrigin, v); !errors.Is(err, ErrUntrusted) {
		t.Errorf("a cosignature alone: %v", err)
	}
	if got, err := Cosignatures(testCheckpoint(t, 42, cosignedHead.Root), w.Key()); err != nil || len(got) != 0 {
		t.Errorf("a signature of the log: %v, %v", got, err)
	}
}

func TestCosignBad(t *testing.T) {
	w := testCosigner(t, "w", 7)
	for name, c := range map[string]Checkpoint{"no origin": {Size: 1}, "two lines": {Origin: "a\nb", Size: 1}, "negative": {Origin: "a", Size: -1}} {
		if line, err := w.Cosign(c, time.Unix(1, 0)); err == nil {
			t.Errorf("%s: %s", name, line)
		}
	}
	if line, err := w.Cosign(cosignedHead, time.Unix(-1, 0)); err == nil {
		t.Errorf("before 1970: %s", line)
	}
}

func FuzzCosignatures(f *testing.F) {
	w1, w2 := testCosigner(f, "witness.example/w1", 7), testCosigner(f, "witness.example/w2", 8)
	bare := testCheckpoint(f, cosignedHead.Size, cosignedHead.Root)
	f.Add(bare)
	f.Add(cosign(f, bare, cosignedHead, time.Unix(1679315147, 0), w1))
	f.Add(cosign(f, bare, cosignedHead, time.Unix(0, 0), w2, w1))
	f.Fuzz(func(t *testing.T, msg []byte) {
		got, err := Cosignatures(msg, w1.Key(), w2.Key())
		if err != nil {
			return
		}
		for _, sig := range got {
			text, _, _ := strings.Cut(string(msg), "\n\n")
			c, err := parseText(text + "\n")
			if err != nil {
				t.Fatalf("%q is cosigned and no checkpoint", msg)
			}
			for _, w := range []*Cosigner{w1, w2} {
				if line, err := w.Cosign(c, sig.Time); w.Key() == sig.Key && (err != nil || string(line) != sig.Line) {
					t.Fatalf("%q has a line that we would not sign: %v", msg, err)
				}
			}
		}
	})
}
