package testbench

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClips(t *testing.T) {
	a := Clips(t, filepath.Join(t.TempDir(), "new"), 3, 100_000, 7)
	b := Clips(t, t.TempDir(), 3, 100_000, 7)
	c := Clips(t, t.TempDir(), 1, 100_000, 8)
	sums := map[string]bool{}
	for i, f := range a {
		text, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if hex.EncodeToString(sum[:]) != f.SHA256 || len(text) != 100_000 {
			t.Errorf("%s: %d bytes, %x, said %s", f.Name, len(text), sum, f.SHA256)
		}
		if b[i].SHA256 != f.SHA256 {
			t.Error("the same seed gave other bytes")
		}
		if string(text[4:12]) != "ftypisom" || string(text[36:40]) != "mvhd" {
			t.Errorf("%s starts with %q", f.Name, text[:48])
		}
		sums[f.SHA256] = true
	}
	if len(sums) != 3 || sums[c[0].SHA256] {
		t.Error("two files are alike")
	}
	if tiny := Clips(t, t.TempDir(), 1, 0, 1); tiny[0].SHA256 != hex.EncodeToString(sha256.New().Sum(nil)) {
		t.Error("an empty clip is not empty")
	}
}

func TestPatched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.go")
	if err := os.WriteFile(path, []byte("one two two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := patched(path, "one", "six"); err != nil || string(got) != "six two two" {
		t.Errorf("%q, %v", got, err)
	}
	for _, old := range []string{"two", "three"} {
		if _, err := patched(path, old, "x"); err == nil {
			t.Errorf("%q: no error", old)
		}
	}
}

func TestCopyTree(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"a": "1", "d/b": "2", "ignored": "3", ".gitignore": "ignored\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(from, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := output(from, "git", "init", "-q"); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(from, to); err != nil {
		t.Fatal(err)
	}
	list, err := output(to, "find", ".", "-type", "f")
	got := map[string]bool{}
	for name := range strings.SplitSeq(list, "\n") {
		got[name] = true
	}
	if diff := cmp.Diff(map[string]bool{"./a": true, "./d/b": true, "./.gitignore": true}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestBuild(t *testing.T) {
	path := Build(t)
	if again := Build(t); again != path {
		t.Errorf("built twice: %s, %s", path, again)
	}
	if r := Run(t, path, "--help"); r.Code != 0 || !strings.Contains(r.Stdout, "custodock") {
		t.Errorf("%+v", r)
	}
}

func TestPatchedBuild(t *testing.T) {
	path := PatchedBuild(t, "clip/clip.go", `Main    Role = "main"`, `Main    Role = "planted"`)
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "planted") {
		t.Errorf("the planted bug is not in the binary: %v", err)
	}
}
