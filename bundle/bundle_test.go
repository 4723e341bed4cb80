package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// sample is a log with clips that go into packages and others that do not.
func sample(t testing.TB) (l *verifytest.Log, clips []string) {
	l = verifytest.New(t, t.TempDir())
	l.Append("run.started", manifest.Object{"version": "v0.0.0", "binary": strings.Repeat("ab", 32), "config": "default"}, nil)
	a := l.Clip("DCIM/现场 1.MP4", "first clip")
	b := l.Clip("DCIM/CON.mp4", "secret of another case")
	c := l.Clip("DCIM/0003.MP4", "third clip")
	l.Stored(a)
	l.About(a, "clip.tagged", nil, map[string]any{"tags": map[string]any{"cases": []string{"A-17"}, "place": `"],}{"`}})
	l.About(b, "clip.tagged", nil, map[string]any{"tags": map[string]any{"cases": []string{"B-1"}}})
	for i := range 40 {
		l.Append("docking.closed", manifest.Object{"listed": i}, map[string]any{"names": []string{"secret"}})
	}
	l.About(c, "clip.exported", manifest.Object{"to": `quote " brace } comma ,"type":"x`, "odd": manifest.Object{"type": "clip.x", "n": 7}}, nil)
	for _, n := range []int64{c, b} {
		l.Append("record.erased", manifest.Object{"target": manifest.Object{"log": verifytest.Name, "n": n}}, nil)
	}
	l.Publish()
	l.WriteRecords(0, map[int64]bool{c: true, b: true})
	return l, []string{l.ClipName(a), l.ClipName(c)}
}

func options(l *verifytest.Log, dir string, clips []string) bundle.Options {
	return bundle.Options{
		Store: l.Memory(), Key: l.Key, Clips: clips, Dir: dir, Version: "v0.0.0",
		Now: func() time.Time { return time.Date(2026, 11, 22, 23, 0, 0, 0, time.UTC) },
	}
}

func pack(t testing.TB) (l *verifytest.Log, dir string) {
	t.Helper()
	l, clips := sample(t)
	dir = filepath.Join(t.TempDir(), "new", "package")
	if err := bundle.Write(context.Background(), options(l, dir, clips)); err != nil {
		t.Fatal(err)
	}
	return l, dir
}

func files(t testing.TB, root string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func TestLayout(t *testing.T) {
	_, dir := pack(t)
	want := []string{
		"VERIFY.md", "bag-info.txt", "bagit.txt", "certificate.html",
		"data/dk3v9q-1/___1.MP4", "data/dk3v9q-3/dk3v9q-3",
		"entries/dk3v9q-0.json", "entries/dk3v9q-1.json", "entries/dk3v9q-3.json", "entries/dk3v9q-4.json", "entries/dk3v9q-47.json",
		"entries/dk3v9q-48.json", "entries/dk3v9q-5.json", "log/checkpoint", "log/key", "manifest-sha256.txt",
		"proofs/dk3v9q-0.tlog-proof", "proofs/dk3v9q-1.tlog-proof", "proofs/dk3v9q-3.tlog-proof", "proofs/dk3v9q-4.tlog-proof", "proofs/dk3v9q-47.tlog-proof",
		"proofs/dk3v9q-48.tlog-proof", "proofs/dk3v9q-5.tlog-proof",
		"records/dk3v9q-1.json", "records/dk3v9q-5.json", "tagmanifest-sha256.txt", "verify.sh",
	}
	if d := cmp.Diff(want, files(t, dir)); d != "" {
		t.Error(d)
	}
	info, err := os.ReadFile(filepath.Join(dir, "bag-info.txt"))
	if err != nil {
		t.Fatal(err)
	}
	const text = "Bag-Software-Agent: custodock v0.0.0\nBagging-Date: 2026-11-22\n" +
		"External-Identifier: dk3v9q-1\nExternal-Identifier: dk3v9q-3\n" +
		"Custodock-Log: dock.example.org/dk3v9q\nCustodock-Log-Size: 50\nPayload-Oxum: 20.2\n"
	if d := cmp.Diff(text, string(info)); d != "" {
		t.Error(d)
	}
	for _, name := range files(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.Contains(data, []byte("secret")) {
			t.Errorf("%s: %v, or what is of another clip: %q", name, err, data)
		}
	}
	for _, list := range []string{"manifest-sha256.txt", "tagmanifest-sha256.txt"} {
		cmd := exec.Command("sha256sum", "--check", "--strict", list)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

func verifyDir(dir, key string) (map[string]string, error) {
	got := map[string]string{}
	report, err := verify.File(context.Background(), verify.Options{Key: key}, dir, func(r verify.Result) error {
		got[r.Clip] = r.Result
		return nil
	})
	for _, p := range report.Problems {
		got[p.File] = "problem"
	}
	return got, err
}

// tools is a folder that has nothing but what verify.sh may use.
func tools(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{
		"bash", "openssl", "xxd", "sha256sum", "sed", "grep", "sort", "stat", "mktemp", "rm",
	} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("%v: install it to run this test", err)
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// script runs verify.sh of a package with an empty environment.
func script(t testing.TB, tools, dir string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(tools, "bash"), append([]string{"verify.sh"}, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + tools, "TMPDIR=" + filepath.Dir(tools)}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestBothVerifiersAgree(t *testing.T) {
	l, dir := pack(t)
	bin := tools(t)
	got, err := verifyDir(dir, l.Key)
	want := map[string]string{"dk3v9q-1": verify.OK, "dk3v9q-3": verify.RecordErased}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	out, code := script(t, bin, dir, l.Key)
	if code != 0 || !strings.Contains(out, "ok dk3v9q-1 ") || !strings.Contains(out, "ok dk3v9q-3 ") ||
		!strings.Contains(out, "record of entry dk3v9q-3 was erased") {
		t.Errorf("exit %d: %s", code, out)
	}
	other := verifytest.New(t, t.TempDir())
	if got, err := verifyDir(dir, other.Key); !errors.Is(err, verify.ErrMismatch) || got["dk3v9q-1"] != verify.Mismatch {
		t.Error(got, err)
	}
	if out, code := script(t, bin, dir, other.Key); code != 11 {
		t.Errorf("wrong key: exit %d: %s", code, out)
	}
	for _, args := range [][]string{nil, {""}, {"x"}, {l.Key, l.Key}} {
		if out, code := script(t, bin, dir, args...); code != 2 {
			t.Errorf("%q: exit %d: %s", args, code, out)
		}
	}
}

// Any byte that changes in any file is noticed by both, in verify.sh itself too;
// here a sample of them.
func TestAnyByte(t *testing.T) {
	l, dir := pack(t)
	anyByte(t, dir, l.Key)
}

// anyByte changes bytes of every file of a package, one at a time.
func anyByte(t *testing.T, dir, key string) {
	t.Helper()
	bin := tools(t)
	random := rand.New(rand.NewPCG(1, 2))
	reads, runs := 60, 2
	if testing.Short() {
		reads, runs = 20, 1
	}
	for _, name := range files(t, dir) {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			if random.IntN(len(whole)) > reads {
				continue
			}
			broken := bytes.Clone(whole)
			broken[i] ^= 1 << random.IntN(8)
			put(t, path, broken)
			if _, err := verifyDir(dir, key); !errors.Is(err, verify.ErrMismatch) {
				t.Fatalf("byte %d of %s: %v", i, name, err)
			}
		}
		for range runs {
			broken := bytes.Clone(whole)
			i := random.IntN(len(whole))
			broken[i] ^= 1 << random.IntN(8)
			put(t, path, broken)
			if out, code := script(t, bin, dir, key); code == 0 {
				t.Fatalf("byte %d of %s: %s", i, name, out)
			}
		}
		put(t, path, whole)
	}
}

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	l, clips := sample(t)
	occupied := t.TempDir()
	put(t, filepath.Join(occupied, "mine"), nil)
	tests := map[string]struct {
		change   func(*bundle.Options)
		mismatch bool
	}{
		"folder in use": {func(o *bundle.Options) { o.Dir = occupied }, false},
		"no clips":      {func(o *bundle.Options) { o.Clips = nil }, false},
		"no such clip":  {func(o *bundle.Options) { o.Clips = []string{"dk3v9q-4"} }, false},
		"other log":     {func(o *bundle.Options) { o.Clips = []string{"other-1"} }, false},
		"wrong key":     {func(o *bundle.Options) { o.Key = verifytest.New(t, t.TempDir()).Key }, true},
		"no object":     {func(o *bundle.Options) { delete(o.Store.(verifytest.Memory), l.Object(1)) }, true},
		"other object":  {func(o *bundle.Options) { o.Store.(verifytest.Memory)[l.Object(1)] = []byte("First clip") }, true},
		"no records":    {func(o *bundle.Options) { delete(o.Store.(verifytest.Memory), manifest.RecordPath(verifytest.Name, 1)) }, true},
		"other entry": {func(o *bundle.Options) {
			name := manifest.LogPath(verifytest.Name, manifest.EntriesPath(0, 50))
			o.Store.(verifytest.Memory)[name][9] ^= 1
		}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := options(l, filepath.Join(t.TempDir(), "p"), clips)
			test.change(&o)
			err := bundle.Write(context.Background(), o)
			if err == nil || errors.Is(err, verify.ErrMismatch) != test.mismatch || strings.Contains(err.Error(), "\n") {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(o.Dir, "tagmanifest-sha256.txt")); err == nil {
				t.Error("left a whole package")
			}
		})
	}
}

// verify.sh hands files on in groups of 500.
func TestManyClips(t *testing.T) {
	clips := 510
	if testing.Short() {
		clips = 5
	}
	l := verifytest.New(t, t.TempDir())
	var names []string
	for i := range clips {
		names = append(names, l.ClipName(l.Clip(fmt.Sprintf("%d.MP4", i), fmt.Sprint(i))))
	}
	l.Publish()
	dir := filepath.Join(t.TempDir(), "p")
	if err := bundle.Write(context.Background(), options(l, dir, names)); err != nil {
		t.Fatal(err)
	}
	if got, err := verifyDir(dir, l.Key); err != nil || len(got) != clips {
		t.Error(len(got), err)
	}
	if out, code := script(t, tools(t), dir, l.Key); code != 0 || strings.Count(out, "\nok ")+1 != clips {
		t.Errorf("exit %d: %.200s", code, out)
	}
}

// An empty folder that exists is as good as none; the same clip is not written twice.
func TestEmptyFolder(t *testing.T) {
	l, clips := sample(t)
	dir := t.TempDir()
	if err := bundle.Write(context.Background(), options(l, dir, append(clips, clips...))); err != nil {
		t.Fatal(err)
	}
	if _, err := verifyDir(dir, l.Key); err != nil {
		t.Error(err)
	}
}

func TestCancelled(t *testing.T) {
	l, clips := sample(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := bundle.Write(ctx, options(l, t.TempDir(), clips)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

var _ store.Reader = verifytest.Memory{}

func ExampleScript() {
	fmt.Println(strings.SplitN(string(bundle.Script()), "\n", 2)[0])
	// Output: #!/bin/bash
}
