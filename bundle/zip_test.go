package bundle_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/bundle"
	"github.com/custodock/custodock/verify"
)

func zipped(t testing.TB) (key, path string) {
	t.Helper()
	l, clips := sample(t)
	o := options(l, filepath.Join(t.TempDir(), "case 17"), clips)
	o.Zip = true
	if err := bundle.Write(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	return l.Key, o.Place()
}

// A zip is a package as it is, and the same package once another program has
// unpacked it.
func TestZip(t *testing.T) {
	key, path := zipped(t)
	if filepath.Base(path) != "case 17.zip" {
		t.Error(path)
	}
	got, err := verifyDir(path, key)
	if err != nil || got["dk3v9q-1"] != verify.OK || got["dk3v9q-3"] != verify.RecordErased {
		t.Error(got, err)
	}
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for _, f := range r.File {
		if !strings.HasPrefix(f.Name, "case_17/") || f.Method != zip.Store || f.Modified.UTC().Format("2006-01-02 15:04:05") != "2026-11-22 08:00:48" {
			t.Error(f.Name, f.Method, f.Modified)
		}
	}
	out := t.TempDir()
	unpack := exec.Command("python3", "-c", "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])", path, out)
	if text, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if got, err := verifyDir(filepath.Join(out, "case_17"), key); err != nil || len(got) != 2 {
		t.Error(got, err)
	}
	if text, code := script(t, tools(t), filepath.Join(out, "case_17"), key); code != 0 {
		t.Errorf("exit %d: %s", code, text)
	}
}

// The same clips, exported at the same moment, are the same bytes.
func TestZipIsRepeatable(t *testing.T) {
	l, clips := sample(t)
	var made [2][]byte
	for i := range made {
		o := options(l, filepath.Join(t.TempDir(), "p.zip"), clips)
		o.Zip = true
		if err := bundle.Write(context.Background(), o); err != nil {
			t.Fatal(err)
		}
		var err error
		if made[i], err = os.ReadFile(o.Place()); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("two zips of the same package differ")
	}
}

// A flipped byte in a file of the zip is found; in what the zip says of its
// files it is found or changes nothing that is proved.
func TestZipFlips(t *testing.T) {
	key, path := zipped(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		at, err := f.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		broken := bytes.Clone(whole)
		broken[at+int64(f.CompressedSize64)/2] ^= 4
		put(t, path, broken)
		if _, err := verifyDir(path, key); !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	for _, cut := range []int{len(whole) - 1, len(whole) / 2, 30, 4} {
		put(t, path, whole[:cut])
		if _, err := verifyDir(path, key); !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

// What cannot be a package is refused before anything in it is read.
func TestForeignZips(t *testing.T) {
	key, _ := zipped(t)
	const lists = "p/manifest-sha256.txt\np/tagmanifest-sha256.txt\n"
	for name, files := range map[string]string{
		"twice":      lists + "p/bagit.txt\np/bagit.txt",
		"two tops":   lists + "q/bagit.txt",
		"no top":     lists + "bagit.txt",
		"climbs out": lists + "p/../../bagit.txt",
		"absolute":   lists + "/bagit.txt",
	} {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		for file := range strings.SplitSeq(files, "\n") {
			if _, err := w.Create(file); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "p.zip")
		put(t, path, buf.Bytes())
		if _, err := verifyDir(path, key); !errors.Is(err, verify.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
