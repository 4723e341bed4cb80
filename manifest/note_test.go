package manifest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"iter"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const testOrigin = "example.org/dk3v9q"

func testPrivate(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
}

func testKey(t testing.TB, name string, seed byte) (note.Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := EncodeKey(name, testPrivate(seed))
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

func testCheckpoint(t testing.TB, size int64, root tlog.Hash) []byte {
	t.Helper()
	s, _ := testKey(t, testOrigin, 1)
	msg, err := SignCheckpoint(Checkpoint{Origin: testOrigin, Size: size, Root: root}, s)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// flips yields b once for each of its bits, with that bit changed.
func flips(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range len(b) * 8 {
			c := append([]byte(nil), b...)
			c[i/8] ^= 1 << (i % 8)
			if !yield(c) {
				return
			}
		}
	}
}

func TestNames(t *testing.T) {
	pub := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	// The digest starts 139e3940: 00010 01110 01111 00011 10010 …
	if sum := sha256.Sum256(pub); sum[0] != 0x13 || sum[1] != 0x9e || sum[2] != 0x39 || sum[3] != 0x40 {
		t.Fatalf("the digest starts %x", sum[:4])
	}
	if got := LogName(pub); got != "d2ef3j" || !ValidLogName(got) {
		t.Errorf("log name is %q", got)
	}
	for s, want := range map[string]bool{"abc": true, "a23456789012345f": true, "ab": false, "a23456789012345fg": false,
		"1bc": false, "Abc": false, "a-c": false, "abc\n": false, "": false} {
		if ValidLogName(s) != want {
			t.Errorf("log name %q: want %v", s, want)
		}
	}
	for s, want := range map[string]bool{"dock.example.org": true, "支队/三中队": true, "": false, "a b": false, "a+b": false,
		"a\nb": false, "a\u202eb": false, "/a": false, "a/": false, "\xff": false} {
		if ValidAuthority(s) != want {
			t.Errorf("authority %q: want %v", s, want)
		}
	}
	if a, l, ok := SplitOrigin(Origin("x/y", "abc")); a != "x/y" || l != "abc" || !ok {
		t.Error("origin is not split into what it was made of")
	}
	if _, _, ok := SplitOrigin("abc"); ok {
		t.Error("an origin without authority")
	}
	if got := RecordPath("abc", 7); got != "record/abc/7.ndjson" {
		t.Error(got)
	}
}

func TestKeys(t *testing.T) {
	skey, vkey, err := NewKey(testOrigin)
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
	sig, err := s.Sign([]byte("x"))
	if err != nil || !v.Verify([]byte("x"), sig) || v.Name() != testOrigin {
		t.Error("the two keys do not fit")
	}
	for bad := range flips([]byte(vkey)) {
		if _, err := ParseKey(string(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("key %q: %v", bad, err)
		}
	}
	if _, _, err := EncodeKey("a b", ed25519.NewKeyFromSeed(make([]byte, 32))); err == nil {
		t.Error("a key with a space in its name")
	}
}

func TestCheckpoint(t *testing.T) {
	_, v := testKey(t, testOrigin, 1)
	root := tlog.RecordHash([]byte("x"))
	msg := testCheckpoint(t, 1, root)
	if want := testOrigin + "\n1\n" + root.String() + "\n\n— " + testOrigin + " "; !strings.HasPrefix(string(msg), want) {
		t.Errorf("checkpoint is %q", msg)
	}
	c, err := OpenCheckpoint(msg, testOrigin, v)
	if err != nil || c != (Checkpoint{testOrigin, 1, root}) {
		t.Fatalf("%+v, %v", c, err)
	}
	for bad := range flips(msg) {
		if _, err := OpenCheckpoint(bad, testOrigin, v); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUntrusted) {
			t.Errorf("accepted %q: %v", bad, err)
		}
	}
}

func TestCheckpointRefuses(t *testing.T) {
	s, v := testKey(t, testOrigin, 1)
	other, otherV := testKey(t, testOrigin, 2)
	root := tlog.RecordHash([]byte("x"))
	msg := testCheckpoint(t, 1, root)
	signed := func(text string, signers ...note.Signer) []byte {
		m, err := note.Sign(&note.Note{Text: text}, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	text := Checkpoint{testOrigin, 1, root}.Text()
	line := string(msg[strings.LastIndex(string(msg), "— "):])
	for name, c := range map[string]struct {
		msg    []byte
		origin string
		v      note.Verifier
		want   error
	}{
		"another key":        {msg, testOrigin, otherV, ErrUntrusted},
		"another log":        {msg, "example.org/other", v, ErrUntrusted},
		"newline in origin":  {msg, testOrigin + "\n1", v, ErrUntrusted},
		"no signature":       {[]byte(text), testOrigin, v, ErrMalformed},
		"empty":              {nil, testOrigin, v, ErrMalformed},
		"extension line":     {signed(text+"ext\n", s), testOrigin, v, ErrMalformed},
		"leading zero":       {signed(strings.Replace(text, "\n1\n", "\n01\n", 1), s), testOrigin, v, ErrMalformed},
		"plus sign":          {signed(strings.Replace(text, "\n1\n", "\n+1\n", 1), s), testOrigin, v, ErrMalformed},
		"negative":           {signed(strings.Replace(text, "\n1\n", "\n-1\n", 1), s), testOrigin, v, ErrMalformed},
		"root padding bits":  {signed(strings.Replace(text, "=\n", "=\n", 1)[:len(text)-3]+nextBase64(text[len(text)-3])+"=\n", s), testOrigin, v, ErrMalformed},
		"short root":         {signed(testOrigin+"\n1\nAAAA\n", s), testOrigin, v, ErrMalformed},
		"signature twice":    {append([]byte(string(msg)), line...), testOrigin, v, ErrMalformed},
		"carriage returns":   {[]byte(strings.ReplaceAll(string(msg), "\n", "\r\n")), testOrigin, v, ErrMalformed},
		"text after":         {append([]byte(string(msg)), "\n"...), testOrigin, v, ErrMalformed},
		"too large":          {[]byte(string(msg) + strings.Repeat(line, maxCheckpoint/len(line))), testOrigin, v, ErrMalformed},
		"only an other's":    {signed(text, other), testOrigin, v, ErrUntrusted},
		"broken, with other": {[]byte(string(signed(text, other)) + strings.Replace(line, "+", "-", 1)[:len(line)-6] + "AAA=\n"), testOrigin, v, ErrMalformed},
	} {
		if got, err := OpenCheckpoint(c.msg, c.origin, c.v); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := SignCheckpoint(Checkpoint{"a\nb", 1, root}, s); err == nil {
		t.Error("signed an origin of two lines")
	}
	if _, err := SignCheckpoint(Checkpoint{"a", -1, root}, s); err == nil {
		t.Error("signed a negative size")
	}
}

// Signatures of witnesses and of rotated keys stand beside ours.
func TestCheckpointOfManyKeys(t *testing.T) {
	s, v := testKey(t, testOrigin, 1)
	next, nextV := testKey(t, testOrigin, 2)
	witness, _ := testKey(t, "witness.example", 3)
	c := Checkpoint{testOrigin, 1, tlog.RecordHash(nil)}
	msg, err := SignCheckpoint(c, witness, s, next)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []note.Verifier{v, nextV} {
		if got, err := OpenCheckpoint(msg, testOrigin, v); err != nil || got != c {
			t.Errorf("%08x: %+v, %v", v.KeyHash(), got, err)
		}
	}
	// The line of the witness is ignored, but must be canonical: 64+4 bytes
	// leave four bits in the last digit of its base64.
	at := strings.Index(string(msg), "witness.example ")
	end := at + strings.Index(string(msg[at:]), "=\n")
	bad := string(msg[:end-1]) + nextBase64(msg[end-1]) + string(msg[end:])
	if _, err := note.Open([]byte(bad), note.VerifierList(v)); err != nil {
		t.Fatalf("note.Open refuses it by itself: %v", err)
	}
	if _, err := OpenCheckpoint([]byte(bad), testOrigin, v); !errors.Is(err, ErrMalformed) {
		t.Errorf("padding bits in an ignored line: %v", err)
	}
}

// nextBase64 is the base64 digit after c: another value for bits that a
// lenient decoder drops.
func nextBase64(c byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	return string(digits[strings.IndexByte(digits, c)+1])
}

// The trap this package works around: if note.Open ever refuses padding bits,
// canonicalNote may go.
func TestNoteOpenTakesPaddingBits(t *testing.T) {
	_, v := testKey(t, testOrigin, 1)
	msg := testCheckpoint(t, 1, tlog.RecordHash(nil))
	end := len(msg) - len("=\n")
	sig, err := base64.StdEncoding.DecodeString(string(msg[strings.LastIndexByte(string(msg), ' ')+1 : len(msg)-1]))
	if err != nil || len(sig) != 68 {
		t.Fatalf("signature of %d bytes, %v", len(sig), err)
	}
	bad := string(msg[:end-1]) + nextBase64(msg[end-1]) + string(msg[end:])
	if _, err := note.Open([]byte(bad), note.VerifierList(v)); err != nil {
		t.Fatalf("note.Open: %v", err)
	}
	if _, err := OpenCheckpoint([]byte(bad), testOrigin, v); !errors.Is(err, ErrMalformed) {
		t.Errorf("accepted padding bits: %v", err)
	}
}
