package verify_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// TestErasedExcusesNothing: that the camera's file is gone says nothing of the
// object, and what else is entered of an erasing is no clip's fault.
func TestErasedExcusesNothing(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	here, gone := l.Clip("a", "here"), l.Clip("b", "gone")
	about := manifest.Object{"device": "c017", "docking": int64(0)}
	l.Append("erase.begun", about, map[string]any{"files": []map[string]any{{"clip": l.ClipName(here), "path": "a"}, {"clip": l.ClipName(gone), "path": "b"}}})
	for _, n := range []int64{here, gone} {
		l.About(n, "clip.erased", manifest.Object{"result": "erased", "device": "c017"}, nil)
	}
	l.Append("erase.ended", about, map[string]any{"kept": []string{}})
	l.Append("erase.stopped", about, nil)
	l.Publish()
	if err := os.Remove(filepath.Join(l.Dir, l.Object(gone))); err != nil {
		t.Fatal(err)
	}
	got := run(t, l, nil)
	want := map[string]string{l.ClipName(here): verify.OK, l.ClipName(gone): verify.Missing}
	if d := cmp.Diff(want, got.says()); d != "" || !errors.Is(got.err, verify.ErrMismatch) {
		t.Error(d, got.err)
	}
}
