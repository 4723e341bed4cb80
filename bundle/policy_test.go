package bundle_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
)

// TestPolicyOfPackage: the checkpoint of a package is held against the policy, and
// who did not cosign it is named once.
func TestPolicyOfPackage(t *testing.T) {
	l, dir := pack(t)
	w, err := manifest.NewCosigner("one.example/w", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := manifest.ParsePolicy([]byte("witness one " + w.Key().String() + "\nquorum one\n"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.File(context.Background(), verify.Options{Key: l.Key, Policy: p}, dir, nil)
	if !errors.Is(err, verify.ErrMismatch) || len(report.Problems) != 1 || !strings.Contains(err.Error(), `"one" did not cosign`) {
		t.Errorf("%+v, %v", report.Problems, err)
	}
}
