package verify_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// A loose file is compared by the SM3 of every entry that has one, and another SM3
// under a right SHA-256 is no match.
func TestLooseSM3(t *testing.T) {
	content := strings.Repeat("film ", 200_000)
	l := verifytest.New(t, t.TempDir())
	l.ClipWith("a", content, manifest.Object{"sm3": verifytest.SM3(content)})
	l.ClipWith("b", content, nil)
	l.ClipWith("c", content, manifest.Object{"sm3": verifytest.SM3("other")})
	l.Publish()
	path := filepath.Join(t.TempDir(), "film")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got := map[string]verify.Result{}
	report, err := verify.File(context.Background(), verify.Options{Key: l.Key, Store: l.Memory()}, path, func(r verify.Result) error {
		got[r.Clip] = r
		return nil
	})
	if !errors.Is(err, verify.ErrMismatch) || report.OK != 2 || report.SM3 != 1 || report.Bytes != int64(len(content)) {
		t.Errorf("%+v, %v", report, err)
	}
	for clip, want := range map[string][2]string{
		"dk3v9q-0": {verify.OK, verifytest.SM3(content)}, "dk3v9q-1": {verify.OK, ""}, "dk3v9q-2": {verify.Mismatch, ""},
	} {
		if r := got[clip]; r.Result != want[0] || r.SM3 != want[1] || (r.Problem == "") != (r.Result == verify.OK) {
			t.Errorf("%s: %+v", clip, r)
		}
	}
}
