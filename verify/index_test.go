package verify_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// A clip whose entry was forged is told once, also where an entry before it
// speaks of it, and the clips around it stay proved.
func TestForgedEntryThatWasToldBefore(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	l.Append("clip.viewed", manifest.Object{"clip": "dk3v9q-300"}, nil)
	for l.Size() < 400 {
		l.Clip("p", "one content")
	}
	l.Publish()
	path := filepath.Join(l.Dir, manifest.LogPath(verifytest.Name, "tile/entries/001.p/144"))
	bundle, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Replace(bundle, []byte(`"bay":"3"`), []byte(`"bay":"4"`), 45)
	forged = bytes.Replace(forged, []byte(`"bay":"4"`), []byte(`"bay":"3"`), 44)
	if bytes.Equal(forged, bundle) {
		t.Fatal("nothing was forged")
	}
	write(t, path, forged)
	got := run(t, l, nil)
	if len(got.results) != 399 || got.report.OK != 398 || got.says()["dk3v9q-300"] != verify.Mismatch {
		t.Error(len(got.results), got.report, got.says()["dk3v9q-300"])
	}
	for i, r := range got.results {
		if want := l.ClipName(int64(i) + 1); r.Clip != want {
			t.Fatalf("result %d is of %s, want %s", i, r.Clip, want)
		}
	}
}

// The records of one bundle may stand in many files, and a file may hold those
// of many bundles.
func TestManyRecordFiles(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	for _, until := range []int64{1, 2, 7, 250, 260, 900, 901} {
		for l.Size() < until {
			l.Clip("p", "one content")
		}
		l.Publish()
	}
	if got := run(t, l, nil); got.err != nil || got.report.OK != 901 {
		t.Fatal(got.report, got.err)
	}
	name := manifest.RecordPath(verifytest.Name, 260)
	path := filepath.Join(l.Dir, name)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	write(t, path, bytes.Join(append(lines[:600:600], lines[601:]...), nil))
	got := run(t, l, nil)
	if got.report.OK != 900 || got.says()["dk3v9q-860"] != verify.Mismatch {
		t.Error(got.report, got.says()["dk3v9q-860"])
	}
	write(t, path, append(whole, lines[0]...))
	write(t, filepath.Join(l.Dir, manifest.RecordPath(verifytest.Name, 900)), lines[0])
	got = run(t, l, nil)
	if got.report.OK != 900 || got.says()["dk3v9q-900"] != verify.Mismatch || len(got.report.Problems) != 1 {
		t.Error(got.report, got.says()["dk3v9q-900"])
	}
}
