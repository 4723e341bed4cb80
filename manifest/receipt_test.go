package manifest

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func testReceipt() Receipt {
	return Receipt{
		Origin: testOrigin, Time: time.Date(2026, 3, 1, 3, 2, 1, 125e6, time.UTC), Docking: 42, Device: "c017", Bay: "bay 3",
		End: "complete", Clips: 13, Safe: 12, Central: 4, Confirmed: 4, Size: 1042, Root: tlog.RecordHash(nil),
	}
}

func TestReceipt(t *testing.T) {
	s, v := testKey(t, testOrigin, 1)
	for _, bay := range []string{"", "bay 3"} {
		want := testReceipt()
		want.Bay = bay
		msg, err := want.Sign(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := OpenReceipt(msg, testOrigin, v)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v %s", err, diff)
		}
		for bad := range flips(msg) {
			if _, err := OpenReceipt(bad, testOrigin, v); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUntrusted) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
}

// TestReceiptIsNoCheckpoint: what the same key signs of one kind is never taken
// for the other.
func TestReceiptIsNoCheckpoint(t *testing.T) {
	s, v := testKey(t, testOrigin, 1)
	msg, err := testReceipt().Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCheckpoint(msg, testOrigin, v); !errors.Is(err, ErrMalformed) {
		t.Errorf("a receipt as a checkpoint: %v", err)
	}
	if _, err := OpenReceipt(testCheckpoint(t, 9, tlog.Hash{}), testOrigin, v); !errors.Is(err, ErrMalformed) {
		t.Errorf("a checkpoint as a receipt: %v", err)
	}
	_, other := testKey(t, testOrigin, 2)
	if _, err := OpenReceipt(msg, testOrigin, other); !errors.Is(err, ErrUntrusted) {
		t.Errorf("by another key: %v", err)
	}
	if _, err := OpenReceipt(msg, "example.org/other", v); !errors.Is(err, ErrUntrusted) {
		t.Errorf("of another log: %v", err)
	}
}

// TestReceiptRefuses: a text that a good key signed is read only if it is one
// that we would write.
func TestReceiptRefuses(t *testing.T) {
	s, v := testKey(t, testOrigin, 1)
	good := testReceipt().Text()
	for _, c := range []struct{ old, new string }{
		{"v1", "v2"}, {"clips 13", "clips 11"}, {"clips 13", "clips 013"}, {"central 4", "central 13"}, {"confirmed 4", "confirmed 13"},
		{"confirmed 4", "confirmed -1"}, {"docking 42", "docking 1042"}, {"docking 42\n", ""}, {"docking 42", "docking 42\ndocking 42"},
		{"125Z", "1250Z"}, {"Z\n", "+00:00\n"}, {"end complete", "end "}, {"device c017", "device "}, {"root ", "root x"}, {"bay bay 3\n", "bay \n"},
		{"size 1042", "size 1042\nmore 1"}, {"safe 12", "safe 12 "},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%q is not in a receipt", c.old)
		}
		msg, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := OpenReceipt(msg, testOrigin, v); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q for %q: %+v, %v", c.new, c.old, r, err)
		}
	}
	for _, bad := range []Receipt{{}, func() Receipt { r := testReceipt(); r.Bay = "a\nend gone"; return r }()} {
		if _, err := bad.Sign(s); !errors.Is(err, ErrMalformed) {
			t.Errorf("signed %+v: %v", bad, err)
		}
	}
	if _, err := testReceipt().Sign(); err == nil {
		t.Error("signed without a key")
	}
}

func FuzzOpenReceipt(f *testing.F) {
	s, v := testKey(f, testOrigin, 1)
	msg, err := testReceipt().Sign(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(msg, testReceipt().Text())
	f.Fuzz(func(t *testing.T, msg []byte, text string) {
		if _, err := OpenReceipt(msg, testOrigin, v); err == nil {
			n, err := note.Open(msg, note.VerifierList(v))
			if err != nil || !bytes.HasPrefix(msg, []byte(n.Text)) {
				t.Fatalf("%q: %v", msg, err)
			}
		}
		if r, err := parseReceipt(text); err == nil && r.Text() != text {
			t.Fatalf("%q is read as %q", text, r.Text())
		}
	})
}
