package verify_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// sameLines reports whether b has all lines of a, in whatever order: to a note
// anybody may add signatures that nobody knows.
func sameLines(a, b []byte) bool {
	has := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		has[line] = true
	}
	for line := range strings.Lines(string(a)) {
		if !has[line] {
			return false
		}
	}
	return true
}

// FuzzStore: whatever stands in a file of a store, the check ends in its bounds, and
// what is not what was written is refused.
func FuzzStore(f *testing.F) {
	s := newFull(f)
	names := slices.Sorted(maps.Keys(s.files))
	for i := range names {
		f.Add(uint8(i), uint16(0), uint16(0), []byte(nil))
		f.Add(uint8(i), uint16(40), uint16(1), []byte("x"))
		f.Add(uint8(i), uint16(0), uint16(1<<16-1), []byte("\x00\x02{}"))
	}
	f.Fuzz(func(t *testing.T, which uint8, at, cut uint16, with []byte) {
		name := names[int(which)%len(names)]
		whole := s.files[name]
		defer func() { s.files[name] = whole }()
		s.files[name] = verifytest.Patch(whole, at, cut, with)
		err := verifytest.Bounded(t, name, s.check)
		switch {
		case errors.Is(err, verify.ErrMismatch):
		case err != nil:
			t.Errorf("%s: %v is no mismatch", name, err)
		case bytes.Equal(s.files[name], whole):
		case strings.Contains(name, "/checkpoint") && sameLines(bytes.ReplaceAll(whole, []byte(s.stranger), nil), s.files[name]):
		case strings.HasPrefix(name, "record/") && sameLines(whole, s.files[name]) && sameLines(s.files[name], whole):
		default:
			t.Errorf("%s is accepted as %q", name, s.files[name])
		}
	})
}

// FuzzFile: whatever file is shown to a verifier, a receipt, a proof or a clip's
// bytes, it is what was made or it is refused.
func FuzzFile(f *testing.F) {
	l, r := docked(f)
	mem := l.Memory()
	shown := [][]byte{l.Receipt(r, l.Size()), l.Proof(3), []byte("one"), nil}
	path := filepath.Join(f.TempDir(), "shown")
	for i := range shown {
		f.Add(uint8(i), uint16(0), uint16(0), []byte(nil))
		f.Add(uint8(i), uint16(30), uint16(2), []byte("x\n"))
	}
	f.Add(uint8(3), uint16(0), uint16(0), []byte("PK\x03\x04"))
	f.Add(uint8(3), uint16(0), uint16(0), []byte(manifest.ReceiptStart))
	f.Add(uint8(3), uint16(0), uint16(0), []byte("c2sp.org/tlog-proof@v1\nindex 3\n\n"))
	f.Fuzz(func(t *testing.T, which uint8, at, cut uint16, with []byte) {
		whole := shown[int(which)%len(shown)]
		data := verifytest.Patch(whole, at, cut, with)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		var got outcome
		_ = verifytest.Bounded(t, "a file", func() error {
			got = runFile(t, mem, l.Key, path)
			return nil
		})
		switch {
		case errors.Is(got.err, verify.ErrMismatch):
		case got.err != nil:
			t.Errorf("%q: %v is no mismatch", data, got.err)
		case bytes.Equal(data, whole):
		case which%4 < 2 && sameLines(whole, data):
		case slices.Contains([]string{"one", "two", "of another camera"}, string(data)):
		default:
			t.Errorf("%q is accepted: %v", data, got.says())
		}
	})
}
