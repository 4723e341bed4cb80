package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// forge makes the lists fit again, as anyone can who changes a package.
func forge(t testing.TB, dir string) {
	t.Helper()
	line := `sha256sum $(find data -type f | LC_ALL=C sort) >manifest-sha256.txt
		sha256sum $(find . -type f ! -path './data/*' ! -name tagmanifest-sha256.txt -printf '%P\n' | LC_ALL=C sort) >tagmanifest-sha256.txt`
	cmd := exec.Command("bash", "-ec", line)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// With lists that fit, what is signed still tells.
func TestForgedPackages(t *testing.T) {
	replace := func(name, old, now string) func(testing.TB, string) {
		return func(t testing.TB, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || !bytes.Contains(data, []byte(old)) {
				t.Fatal(err, string(data))
			}
			put(t, filepath.Join(dir, name), bytes.Replace(data, []byte(old), []byte(now), 1))
		}
	}
	remove := func(names ...string) func(testing.TB, string) {
		return func(t testing.TB, dir string) {
			for _, name := range names {
				if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	copyTo := func(from, to string) func(testing.TB, string) {
		return func(t testing.TB, dir string) {
			data, err := os.ReadFile(filepath.Join(dir, from))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(dir, to), data)
		}
	}
	both := func(a, b func(testing.TB, string)) func(testing.TB, string) {
		return func(t testing.TB, dir string) {
			a(t, dir)
			b(t, dir)
		}
	}
	tests := map[string]struct {
		change func(testing.TB, string)
		blames string // clip or file that must be named
	}{
		"clip":              {replace("data/dk3v9q-1/___1.MP4", "first", "First"), "dk3v9q-1"},
		"clip longer":       {replace("data/dk3v9q-1/___1.MP4", "first", "a first"), "dk3v9q-1"},
		"record":            {replace("records/dk3v9q-1.json", "MP4", "MOV"), "dk3v9q-1"},
		"record with end":   {replace("records/dk3v9q-1.json", "}}", "}}\n"), "dk3v9q-1"},
		"tag record":        {replace("records/dk3v9q-5.json", "A-17", "A-18"), "dk3v9q-1"},
		"entry":             {replace("entries/dk3v9q-1.json", `"bay":"3"`, `"bay":"4"`), "dk3v9q-1"},
		"entry with end":    {replace("entries/dk3v9q-1.json", `"v":1}`, "\"v\":1}\n"), "dk3v9q-1"},
		"statement":         {replace("entries/dk3v9q-5.json", `"synced":true`, `"synced":false`), "entries/dk3v9q-5.json"},
		"index":             {replace("proofs/dk3v9q-1.tlog-proof", "index 1", "index 2"), "dk3v9q-1"},
		"size":              {replace("proofs/dk3v9q-1.tlog-proof", "\n50\n", "\n51\n"), "dk3v9q-1"},
		"origin":            {replace("proofs/dk3v9q-1.tlog-proof", "\ndock.", "\ndick."), "dk3v9q-1"},
		"proof with more":   {replace("proofs/dk3v9q-1.tlog-proof", "index 1\n", "index 1\n"+strings.Repeat("A", 43)+"=\n"), "dk3v9q-1"},
		"proof with extra":  {replace("proofs/dk3v9q-1.tlog-proof", "index 1\n", "extra AAAA\nindex 1\n"), "dk3v9q-1"},
		"no record":         {remove("records/dk3v9q-1.json"), "dk3v9q-1"},
		"no proof":          {remove("proofs/dk3v9q-1.tlog-proof"), "dk3v9q-1"},
		"no entry":          {remove("entries/dk3v9q-1.json", "proofs/dk3v9q-1.tlog-proof", "records/dk3v9q-1.json"), "dk3v9q-1"},
		"no eraser":         {remove("entries/dk3v9q-48.json", "proofs/dk3v9q-48.tlog-proof"), "dk3v9q-3"},
		"no data":           {remove("data/dk3v9q-1"), "dk3v9q-1"},
		"second file":       {copyTo("bagit.txt", "data/dk3v9q-1/more.txt"), "dk3v9q-1"},
		"unknown clip":      {copyTo("bagit.txt", "data/dk3v9q-9/more.txt"), "dk3v9q-9"},
		"statement as clip": {copyTo("bagit.txt", "data/dk3v9q-5/more.txt"), "dk3v9q-5"},
		"unknown record":    {copyTo("bagit.txt", "records/dk3v9q-9.json"), "records/dk3v9q-9.json"},
		"record of none":    {copyTo("bagit.txt", "records/dk3v9q-4.json"), "dk3v9q-1"},
		"unknown file":      {copyTo("bagit.txt", "note.txt"), "note.txt"},
		"hidden file":       {copyTo("bagit.txt", ".note"), ".note"},
		"renamed entry":     {copyTo("entries/dk3v9q-4.json", "entries/dk3v9q-9.json"), "entries/dk3v9q-9.json"},
		"entry under another name": {both(copyTo("entries/dk3v9q-4.json", "entries/dk3v9q-9.json"),
			copyTo("proofs/dk3v9q-4.tlog-proof", "proofs/dk3v9q-9.tlog-proof")), "entries/dk3v9q-9.json"},
		"other checkpoint": {both(remove("log/checkpoint"), copyTo("log/key", "log/checkpoint")), "dk3v9q-1"},
		"no checkpoint":    {remove("log/checkpoint"), "log/checkpoint"},
		"stamp of another": {copyTo("log/key", "log/checkpoint.tsr"), "log/checkpoint.tsr"},
		"swapped proofs":   {copyTo("proofs/dk3v9q-3.tlog-proof", "proofs/dk3v9q-1.tlog-proof"), "dk3v9q-1"},
		"swapped clips":    {copyTo("data/dk3v9q-3/dk3v9q-3", "data/dk3v9q-1/___1.MP4"), "dk3v9q-1"},
	}
	l, good := pack(t)
	bin := tools(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "package")
			if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			test.change(t, dir)
			forge(t, dir)
			got, err := verifyDir(dir, l.Key)
			if !errors.Is(err, verify.ErrMismatch) || got[test.blames] == "" || got[test.blames] == verify.OK {
				t.Errorf("%q is not to blame: %v, %v", test.blames, got, err)
			}
			if out, code := script(t, bin, dir, l.Key); code != 11 || !strings.HasPrefix(out, "verify.sh: ") {
				t.Errorf("exit %d: %s", code, out)
			}
		})
	}
}

// What the log proves as well, and does not belong here, is refused.
func TestForeignEntries(t *testing.T) {
	l, dir := pack(t)
	wrongLeaf := l.About(1, "clip.viewed", manifest.Object{"leaf": strings.Repeat("ab", 32)}, nil)
	elsewhere := l.Append("record.erased", manifest.Object{"target": manifest.Object{"log": "other", "n": 1}}, nil)
	for n, blames := range map[int64]string{
		2: "dk3v9q-2", 6: "entries/dk3v9q-6.json", 7: "entries/dk3v9q-7.json", 49: "entries/dk3v9q-49.json",
		wrongLeaf: "dk3v9q-1", elsewhere: fmt.Sprintf("entries/dk3v9q-%d.json", elsewhere),
	} {
		t.Run(l.Entry(n).Name(), func(t *testing.T) {
			added := filepath.Join(t.TempDir(), "package")
			if err := os.CopyFS(added, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(added, "entries", l.Entry(n).Name()+".json"), l.Entry(n).Raw)
			put(t, filepath.Join(added, "log/checkpoint"), l.Checkpoint(l.Size()))
			for k := range l.Size() {
				if name := l.Entry(k).Name(); exists(filepath.Join(added, "entries", name+".json")) {
					put(t, filepath.Join(added, "proofs", name+".tlog-proof"), l.Proof(k))
				}
			}
			forge(t, added)
			if got, err := verifyDir(added, l.Key); !errors.Is(err, verify.ErrMismatch) || got[blames] == "" || got[blames] == verify.OK {
				t.Error(blames, got, err)
			}
			if out, code := script(t, tools(t), added, l.Key); code != 11 {
				t.Errorf("exit %d: %s", code, out)
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// An entry that contradicts its object is not proved by being signed.
func TestWrongSize(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	digest := l.Entry(l.Clip("a", "content")).Fields.Str("sha256")
	n := l.Append("clip.ingested", manifest.Object{"sha256": digest, "size": 8}, nil)
	l.Publish()
	dir := filepath.Join(t.TempDir(), "p")
	if err := bundle.Write(context.Background(), options(l, dir, []string{l.ClipName(n)})); err != nil {
		t.Fatal(err)
	}
	if got, err := verifyDir(dir, l.Key); !errors.Is(err, verify.ErrMismatch) || got[l.ClipName(n)] != verify.Mismatch {
		t.Error(got, err)
	}
	if out, code := script(t, tools(t), dir, l.Key); code != 11 {
		t.Errorf("exit %d: %s", code, out)
	}
}

// The lists have one form, so that no byte of them is free.
func TestListForm(t *testing.T) {
	l, dir := pack(t)
	path := filepath.Join(dir, "tagmanifest-sha256.txt")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSpace(string(data)), "\n")
	slices.Reverse(lines)
	lines[0] += "\n"
	lines[len(lines)-1] = strings.TrimSuffix(lines[len(lines)-1], "\n") + "\n"
	put(t, path, []byte(strings.Join(lines, "")))
	if got, err := verifyDir(dir, l.Key); !errors.Is(err, verify.ErrMismatch) || got["tagmanifest-sha256.txt"] != "problem" {
		t.Error(got, err)
	}
	if out, code := script(t, tools(t), dir, l.Key); code != 11 {
		t.Errorf("exit %d: %s", code, out)
	}
}
