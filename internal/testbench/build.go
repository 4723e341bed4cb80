package testbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// BuildOptions say how custodock is built. The zero value is the auditor's
// binary: static, without cgo.
type BuildOptions struct {
	Tags string // as for go build -tags
	CGO  bool
	Race bool // needs CGO
}

// builds are the binaries of this process, made once each.
var builds struct {
	mu   sync.Mutex
	dir  string
	made map[BuildOptions]func() (string, error)
}

// Build gives the path of custodock built from this source tree.
func Build(t testing.TB) string { t.Helper(); return BuildWith(t, BuildOptions{}) }

// BuildWith is Build with options.
func BuildWith(t testing.TB, o BuildOptions) string {
	t.Helper()
	builds.mu.Lock()
	if builds.made == nil {
		builds.made = map[BuildOptions]func() (string, error){}
	}
	do := builds.made[o]
	if do == nil {
		do = sync.OnceValues(func() (string, error) { return buildOnce(o) })
		builds.made[o] = do
	}
	builds.mu.Unlock()
	path, err := do()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func buildOnce(o BuildOptions) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	builds.mu.Lock()
	if builds.dir == "" {
		builds.dir, err = os.MkdirTemp("", "custodock-build-")
	}
	dir, n := builds.dir, len(builds.made)
	builds.mu.Unlock()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("custodock-%d-%v-%v", n, o.CGO, o.Race))
	return path, compile(root, path, o)
}

func removeBuilds() {
	builds.mu.Lock()
	defer builds.mu.Unlock()
	if builds.dir != "" {
		_ = os.RemoveAll(builds.dir)
		builds.dir, builds.made = "", nil
	}
}

// Root is the folder of the module whose tests run.
func Root() (string, error) {
	mod, err := output("", "go", "env", "GOMOD")
	if err == nil && filepath.Base(mod) != "go.mod" {
		err = errors.New("this test must run inside the module")
	}
	return filepath.Dir(mod), err
}

// output runs a program for what it prints, without the last newline.
func output(dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// compile builds cmd/custodock of the source tree root. -trimpath makes a copy
// of the tree share the build cache with the original.
func compile(root, path string, o BuildOptions) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", path}
	if o.Tags != "" {
		args = append(args, "-tags", o.Tags)
	}
	if o.Race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(context.Background(), "go", append(args, "./cmd/custodock")...)
	cmd.Dir = root
	cgo := "CGO_ENABLED=0"
	if o.CGO {
		cgo = "CGO_ENABLED=1"
	}
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build custodock: %w: %s", err, out)
	}
	return nil
}

// PatchedBuild builds custodock with a bug planted: in a copy of the source
// tree, old in file (relative to the module) becomes new. It fails unless old
// stands there exactly once, so a bug that no longer fits is noticed.
func PatchedBuild(t testing.TB, file, old, new string) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := patched(filepath.Join(root, file), old, new)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	if err := copyTree(root, tree); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, file), text, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "custodock-patched")
	if err := compile(tree, path, BuildOptions{}); err != nil {
		t.Fatalf("with %q planted in %s: %v", new, file, err)
	}
	return path
}

func patched(path, old, new string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), old); n != 1 {
		return nil, fmt.Errorf("%q stands %d times in %s, want once", old, n, path)
	}
	return []byte(strings.Replace(string(text), old, new, 1)), nil
}

// copyTree copies what git would commit of root, were it asked now.
func copyTree(root, to string) error {
	list, err := output(root, "git", "ls-files", "-z", "-co", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not yet told to git
		}
		if err != nil {
			return err
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
