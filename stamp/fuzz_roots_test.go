package stamp

import (
	"bytes"
	"os"
	"testing"
)

// FuzzParseRoots: a file that is no list of certificates is refused, and one that is
// gives roots that a chain can be sought with.
func FuzzParseRoots(f *testing.F) {
	root, err := os.ReadFile("testdata/root.pem")
	if err != nil {
		f.Fatal(err)
	}
	reply, err := os.ReadFile("testdata/reply.tsr")
	if err != nil {
		f.Fatal(err)
	}
	s, err := Parse(reply)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(root)
	f.Add(append(bytes.Clone(root), root...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		roots, err := ParseRoots(text)
		if err != nil {
			return
		}
		if until, err := s.Chain(roots); err == nil && until.IsZero() {
			t.Error("a chain that ends never")
		}
	})
}
