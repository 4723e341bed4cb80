package outside

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// evidence is a store with one published log of some hundred entries.
type evidence struct {
	dock string // the built program
	base string // STATE
	log  string // the log's folder in the store
	key  string // the verifier key
	clip string // the name of a clip in it
	err  error
}

// patience is how long anything here may take.
const patience = 2 * time.Minute

var made = sync.OnceValue(func() evidence {
	dir, err := os.MkdirTemp("", "custodock-outside-")
	if err != nil {
		return evidence{err: err}
	}
	e := evidence{dock: filepath.Join(dir, "custodock"), base: filepath.Join(dir, "state")}
	e.err = e.make(filepath.Join(dir, "camera"))
	return e
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dock := made().dock; dock != "" {
		_ = os.RemoveAll(filepath.Dir(dock))
	}
	os.Exit(code)
}

// clips are so many that the log has a full tile of hashes and a partial one.
const clips = 150

func (e *evidence) make(camera string) error {
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", e.dock, "./cmd/custodock")
	build.Dir = filepath.Join("..", "..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	if err := os.Mkdir(camera, 0o755); err != nil {
		return err
	}
	bytesOf := rand.NewChaCha8([32]byte{7})
	for i := range clips {
		data := make([]byte, 1000+i)
		_, _ = bytesOf.Read(data)
		if err := os.WriteFile(filepath.Join(camera, fmt.Sprintf("clip%04d.mp4", i)), data, 0o600); err != nil {
			return err
		}
	}
	out, err := e.run("ingest", "--json", camera)
	if err != nil {
		return err
	}
	var first struct{ Clip string }
	line, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil {
		return err
	}
	e.clip = first.Clip
	name, _, _ := strings.Cut(first.Clip, "-")
	e.log = filepath.Join(e.base, "central", "log", name)
	e.key, err = e.run("key", "show")
	e.key = strings.TrimSpace(e.key)
	return err
}

// run gives what custodock prints.
func (e *evidence) run(args ...string) (string, error) {
	cmd := exec.Command(e.dock, append([]string{"--state", e.base}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("custodock %s: %w: %s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out), nil
}

func given(t *testing.T) evidence {
	t.Helper()
	e := made()
	if e.err != nil {
		t.Fatal(e.err)
	}
	return e
}

// published is a copy of the log that a test may spoil.
func (e evidence) published(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.CopyFS(dir, os.DirFS(e.log)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// flip changes one bit in the middle of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// parts are the files of a published log that a checker of it must look at.
func parts(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(dir, "tile"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil || len(out) < 5 {
		t.Fatalf("%d tiles and bundles, %v", len(out), err)
	}
	return append(out, filepath.Join(dir, "checkpoint"))
}

// tool runs a program of this module.
func tool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "go", append([]string{"tool", name}, args...)...).CombinedOutput()
	return string(out), err
}
