package verify

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/custodock/custodock/clip"
)

// FuzzLines: the lines of a record file are those that end in a newline, whatever
// they hold and however long they are.
func FuzzLines(f *testing.F) {
	f.Add([]byte("{}\n{}\n"), uint16(0))
	f.Add([]byte("a\n\nb"), uint16(1))
	f.Add([]byte("x"), uint16(1<<16-1))
	f.Fuzz(func(t *testing.T, b []byte, more uint16) {
		b = append(bytes.Repeat([]byte("y"), int(more)), b...) // longer than what is read at once
		parts := strings.SplitAfter(string(b), "\n")
		whole, rest := parts[:len(parts)-1], parts[len(parts)-1]
		got := 0
		err := eachLine(bytes.NewReader(b), func(number int, d clip.Digest) {
			if got++; number != got || number > len(whole) || d != sha256.Sum256([]byte(strings.TrimSuffix(whole[number-1], "\n"))) {
				t.Errorf("line %d of %q", number, b)
			}
		})
		if got != len(whole) || (err == nil) != (rest == "") {
			t.Errorf("%d lines of %q: %v", got, b, err)
		}
	})
}

// FuzzName: a file of a store has one name at most for what it is, and the name of a
// clip one number.
func FuzzName(f *testing.F) {
	for _, s := range []string{"key", "tile/0/000.p/3", "tile/entries/x001/234", "checkpoints/7", "checkpoints/7.tsr", "endorsement/0", "tsa/0.pem", "7.ndjson", "dk3v9q-42"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		fs := &files{partial: map[tileKey]*widths{}}
		fs.addLog(name, 1<<40)
		fs.addRecord(name)
		x := index{log: "dk3v9q"}
		if n, ok := x.parseName(name); ok && x.name(n) != name {
			t.Errorf("%q is taken for %q", name, x.name(n))
		}
	})
}
