package witness

import (
	"crypto/ed25519"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/custodock/custodock/manifest"
)

// FuzzAnswer: of what a witness answers only a good line of its own counts, and a
// size only as it is written in one way.
func FuzzAnswer(f *testing.F) {
	c, err := manifest.NewCosigner("witness.example/w", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		f.Fatal(err)
	}
	head := manifest.Checkpoint{Origin: "example.org/dk3v9q", Size: 7, Root: tlog.RecordHash(nil)}
	line, err := c.Cosign(head, time.Unix(1700000000, 0))
	if err != nil {
		f.Fatal(err)
	}
	note := []byte(head.Text() + "\n— example.org/dk3v9q AAAAAAAA\n")
	f.Add(line)
	f.Add(append([]byte("— another.example/w AAAA\n"), line...))
	f.Add(line[:len(line)-1])
	f.Add([]byte("12\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		sig, err := cosignature(c.Key(), note, body)
		if err == nil && (!strings.Contains(string(body), sig.Line) || sig.Line != string(line)) {
			t.Errorf("%q is taken for %q", body, sig.Line)
		}
		n, ok := reply{kind: SizeType, body: body}.size()
		if ok && (n < 0 || strconv.FormatInt(n, 10)+"\n" != string(body)) {
			t.Errorf("%q is the size %d", body, n)
		}
		_ = fmt.Sprint(reply{status: 500, body: body}.refusal())
	})
}
