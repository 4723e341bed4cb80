package bundle_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// edited is a log of one clip, of which a redacted file and a transcript were made.
func edited(t testing.TB) (l *verifytest.Log, clips []string) {
	l = verifytest.New(t, t.TempDir())
	a := l.Clip("DCIM/faces.MP4", "everybody's faces")
	for kind, content := range map[string]string{"redacted": "no faces", "transcript": "words"} {
		d := clip.Digest(sha256.Sum256([]byte(content)))
		l.Write(store.Name(d), []byte(content))
		l.About(a, "clip.derived", manifest.Object{"kind": kind, "sha256": d.String(), "size": int64(len(content))},
			map[string]any{"tool": "blur", "reason": "r", "name": "../" + kind + ".mp4", "from_ms": 500, "to_ms": 1500})
	}
	l.Publish()
	return l, []string{l.ClipName(a)}
}

func madeOf(l *verifytest.Log, kind string) string {
	for n := range l.Size() {
		if e := l.Entry(n); e.Fields.Str("kind") == kind {
			return e.Name()
		}
	}
	return ""
}

func TestDerivedBeside(t *testing.T) {
	l, clips := edited(t)
	dir := filepath.Join(t.TempDir(), "p")
	page, _ := certificateOf(t, options(l, dir, clips))
	redacted, transcript := madeOf(l, "redacted"), madeOf(l, "transcript")
	got, err := verifyDir(dir, l.Key)
	want := map[string]string{clips[0]: verify.OK, redacted: verify.OK, transcript: verify.OK}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "data", redacted, "redacted.mp4")); err != nil || string(data) != "no faces" {
		t.Errorf("%s, %v", data, err)
	}
	if !strings.Contains(page, "500ms – 1.5s") || !strings.Contains(page, "data/"+redacted+"/redacted.mp4") {
		t.Error(page)
	}
	out, code := script(t, tools(t), dir, l.Key)
	if code != 0 || strings.Count(out, "ok dk3v9q-") != 3 || strings.Contains(out, "note:") {
		t.Errorf("exit %d: %s", code, out)
	}
}

// Alone, a derived file takes along what proves it and nothing that was to be hidden.
func TestDerivedAlone(t *testing.T) {
	l, clips := edited(t)
	bin := tools(t)
	o := options(l, filepath.Join(t.TempDir(), "p"), clips)
	o.Only = "redacted"
	o.FFmpeg = fake(t, "echo it was asked for a picture >&2; exit 1")
	if _, lacks := certificateOf(t, o); len(lacks) > 0 {
		t.Error(lacks)
	}
	for _, name := range files(t, o.Dir) {
		data, err := os.ReadFile(filepath.Join(o.Dir, name))
		if err != nil || strings.Contains(string(data), "everybody's faces") {
			t.Errorf("%s has the original: %v", name, err)
		}
	}
	redacted, transcript := madeOf(l, "redacted"), madeOf(l, "transcript")
	got, err := verifyDir(o.Dir, l.Key)
	want := map[string]string{clips[0]: verify.Omitted, redacted: verify.OK, transcript: verify.Omitted}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	out, code := script(t, bin, o.Dir, l.Key)
	if code != 0 || !strings.Contains(out, "ok "+redacted) || !strings.Contains(out, "note: original "+clips[0]+" is not in this package") {
		t.Errorf("exit %d: %s", code, out)
	}
	for name, change := range map[string]func(dir string) error{
		"without it": func(dir string) error { return os.RemoveAll(filepath.Join(dir, "data", redacted)) },
		"other bytes": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "data", redacted, "redacted.mp4"), []byte("No faces"), 0o600)
		},
		"without its entry": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "entries", redacted+".json")), os.Remove(filepath.Join(dir, "proofs", redacted+".tlog-proof")),
				os.Remove(filepath.Join(dir, "records", redacted+".json")))
		},
	} {
		dir := filepath.Join(t.TempDir(), "p")
		if err := errors.Join(os.CopyFS(dir, os.DirFS(o.Dir)), os.MkdirAll(filepath.Join(dir, "data"), 0o700), change(dir)); err != nil {
			t.Fatal(err)
		}
		if name != "without it" {
			forge(t, dir)
		}
		if got, err := verifyDir(dir, l.Key); !errors.Is(err, verify.ErrMismatch) {
			t.Error(name, got, err)
		}
		if out, code := script(t, bin, dir, l.Key); code != 11 {
			t.Errorf("%s: exit %d: %s", name, code, out)
		}
	}
	o.Only, o.Dir = "excerpt", filepath.Join(t.TempDir(), "p")
	if err := bundle.Write(context.Background(), o); err == nil || exists(o.Dir) {
		t.Error("a package of nothing", err)
	}
}
