package verify_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// TestOpenSealed: what a package takes in is what the store has for a size, and
// nothing that does not fit.
func TestOpenSealed(t *testing.T) {
	s, ctx := newStamped(t), context.Background()
	o := verify.Options{Store: s.files, Key: s.Key, Roots: s.roots}
	sizes, err := verify.StampedSizes(ctx, o)
	if d := cmp.Diff(s.sizes, sizes); err != nil || d != "" {
		t.Fatalf("%v\n%s", err, d)
	}
	path := at("checkpoints/" + itoa(sizes[1]))
	got, err := verify.OpenSealed(ctx, o, sizes[1])
	if err != nil || !bytes.Equal(got.Checkpoint, s.files[path]) || len(got.Replies) != 1 || !bytes.Equal(got.Replies[0], s.files[path+".tsr"]) ||
		len(got.Roots) != 1 || !bytes.Equal(got.Roots[0], s.pem) || got.Authority != "Testbench time tsa" || got.Size != sizes[1] ||
		!got.Time.Equal(timeOf(t, got.Replies[0])) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := verify.OpenSealed(ctx, o, sizes[1]+1); !errors.Is(err, verify.ErrUnstamped) {
		t.Errorf("a size that nobody stamped: %v", err)
	}
	spoilt := verifytest.Memory{}
	for name, data := range s.files {
		spoilt[name] = data
	}
	spoilt[path+".tsr"] = s.files[at("checkpoints/"+itoa(sizes[0])+".tsr")]
	if _, err := verify.OpenSealed(ctx, verify.Options{Store: spoilt, Key: s.Key}, sizes[1]); !errors.Is(err, verify.ErrMismatch) {
		t.Errorf("the stamp of another checkpoint: %v", err)
	}
	spoilt[path] = s.files[at("checkpoints/"+itoa(sizes[0]))]
	if _, err := verify.OpenSealed(ctx, verify.Options{Store: spoilt, Key: s.Key}, sizes[1]); !errors.Is(err, verify.ErrMismatch) {
		t.Errorf("another checkpoint with its stamp: %v", err)
	}
}
