package verify_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
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

// counted is a store that counts how often each object is opened.
type counted struct {
	verifytest.Memory
	mu     sync.Mutex
	opened map[string]int
}

func (s *counted) Open(ctx context.Context, name, version string) (store.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened[name]++
	return s.Memory.Open(ctx, name, version)
}

// Who checks a store has the SM3 compared of every clip and derived file whose entry
// says one, in the one reading that SHA-256 takes, however long they are and whichever
// of their bytes' clips comes first.
func TestStoreSM3(t *testing.T) {
	long := strings.Repeat("film ", 500_000)
	l := verifytest.New(t, t.TempDir())
	plain := l.ClipWith("plain", long, nil)
	same := l.ClipWith("same", long, manifest.Object{"sm3": verifytest.SM3(long)})
	other := l.ClipWith("other", long, manifest.Object{"sm3": verifytest.SM3("other")})
	short := l.ClipWith("short", "short", manifest.Object{"sm3": verifytest.SM3("short")})
	strange := l.ClipWith("strange", "strange", manifest.Object{"sm3": int64(7)})
	upper := l.ClipWith("upper", "upper", manifest.Object{"sm3": strings.ToUpper(verifytest.SM3("upper"))})
	gone := l.ClipWith("gone", "gone", manifest.Object{"sm3": verifytest.SM3("gone")})
	made := l.About(plain, "clip.derived", manifest.Object{
		"kind": "redacted", "sha256": l.Entry(short).Fields.Str("sha256"), "size": int64(len("short")), "sm3": verifytest.SM3("long"),
	}, map[string]any{"tool": "blur"})
	l.Publish()
	s := &counted{Memory: l.Memory(), opened: map[string]int{}}
	delete(s.Memory, l.Object(gone))
	want := map[int64][2]string{
		plain: {verify.OK, ""}, same: {verify.OK, verifytest.SM3(long)}, other: {verify.Mismatch, ""}, short: {verify.OK, verifytest.SM3("short")},
		strange: {verify.Mismatch, ""}, upper: {verify.Mismatch, ""}, gone: {verify.Missing, ""}, made: {verify.Mismatch, ""},
	}
	for _, workers := range []int{1, 4} {
		clear(s.opened)
		got := map[string]verify.Result{}
		report, err := verify.Store(t.Context(), verify.Options{Key: l.Key, Store: s, Workers: workers}, func(r verify.Result) error {
			got[r.Clip] = r
			return nil
		})
		if !errors.Is(err, verify.ErrMismatch) || report.SM3 != 2 || report.OK != 3 || report.Mismatch != 4 || report.Missing != 1 || len(report.Problems) != 0 {
			t.Errorf("%+v, %v", report, err)
		}
		for n, want := range want {
			r := got[l.ClipName(n)]
			if r.Result != want[0] || r.SM3 != want[1] || (r.Problem == "") != (r.Result == verify.OK) ||
				strings.Contains(r.Problem, "another SM3") != (r.Result == verify.Mismatch) {
				t.Errorf("%s: %+v", l.ClipName(n), r)
			}
		}
		for name, times := range s.opened {
			if strings.HasPrefix(name, "object/") && times != 1 {
				t.Errorf("%s is read %d times", name, times)
			}
		}
	}
}

// Bytes that are not the clip's are that, and nothing is said of their SM3; those that
// only one clip was asked of are compared alike.
func TestStoreSM3Damaged(t *testing.T) {
	content := strings.Repeat("film ", 500_000)
	l := verifytest.New(t, t.TempDir())
	n := l.ClipWith("a", content, manifest.Object{"sm3": verifytest.SM3(content)})
	l.Publish()
	o := verify.Options{Key: l.Key, Store: l.Memory(), Clips: []string{l.ClipName(n)}}
	if report, err := verify.Store(t.Context(), o, nil); err != nil || report.SM3 != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	m := l.Memory()
	m[l.Object(n)][len(content)-1] ^= 1
	o.Store = m
	var got verify.Result
	report, err := verify.Store(t.Context(), o, func(r verify.Result) error { got = r; return nil })
	if !errors.Is(err, verify.ErrMismatch) || report.SM3 != 0 || got.SM3 != "" || !strings.Contains(got.Problem, "other bytes than its name") {
		t.Errorf("%+v %+v, %v", got, report, err)
	}
}
