package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store/dir"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sample is a log of a few clips, published in three steps.
func sample(t testing.TB) *verifytest.Log {
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", nil, nil)
	a := l.Clip("DCIM/0001.MP4", "first clip")
	l.Stored(a)
	l.Publish()
	b := l.Clip("DCIM/0002.MP4", "second clip, longer")
	l.Stored(b)
	l.About(a, "clip.tagged", nil, map[string]any{"tags": map[string]any{"cases": []string{"A-17"}}})
	l.Publish()
	c := l.Clip("DCIM/copy.MP4", "first clip")
	l.Append("docking.closed", manifest.Object{"listed": 3}, map[string]any{"names": []string{"x", "y"}})
	l.Stored(c)
	l.Publish()
	return l
}

type outcome struct {
	results []verify.Result
	report  verify.Report
	err     error
}

// says is the results by clip, and the files with problems.
func (o outcome) says() map[string]string {
	out := map[string]string{}
	for _, r := range o.results {
		out[r.Clip] = r.Result
	}
	for _, p := range o.report.Problems {
		out[p.File] = "problem"
	}
	return out
}

func run(t testing.TB, l *verifytest.Log, change func(*verify.Options)) outcome {
	t.Helper()
	s, err := dir.OpenReader(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	o := verify.Options{Store: s, Key: l.Key}
	if change != nil {
		change(&o)
	}
	var out outcome
	out.report, out.err = verify.Store(context.Background(), o, func(r verify.Result) error {
		out.results = append(out.results, r)
		return nil
	})
	if bad := out.report.Missing+out.report.Mismatch+len(out.report.Problems) > 0; bad && !errors.Is(out.err, verify.ErrMismatch) {
		t.Errorf("problems, but error %v", out.err)
	}
	return out
}

func TestWholeStore(t *testing.T) {
	l := sample(t)
	got := run(t, l, nil)
	if got.err != nil {
		t.Fatal(got.err, got.report)
	}
	want := verify.Report{Origin: verifytest.Origin, Size: 9, Clips: 3, OK: 3, Bytes: 29}
	got.report.Seconds = 0
	if d := cmp.Diff(want, got.report); d != "" {
		t.Error(d)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("first clip")))
	first := verify.Result{Clip: "dk3v9q-1", SHA256: sum, Result: verify.OK, Bytes: 10}
	if d := cmp.Diff(first, got.results[0]); d != "" {
		t.Error(d)
	}
}

// A flipped bit in any byte of any file of the store is found, and the clip or
// the file named.
func TestEveryByte(t *testing.T) {
	l := sample(t)
	mem := l.Memory()
	check := func() (out outcome) {
		out.report, out.err = verify.Store(context.Background(), verify.Options{Store: mem, Key: l.Key, Workers: 1},
			func(r verify.Result) error {
				out.results = append(out.results, r)
				return nil
			})
		return out
	}
	flips := 0
	for name, whole := range mem {
		broken := bytes.Clone(whole)
		mem[name] = broken
		for i := range whole {
			if testing.Short() && i%3 != 0 {
				continue
			}
			// Over runs of eight bytes each bit has its turn.
			broken[i] ^= 1 << (i * 5 % 8)
			if got := check(); !errors.Is(got.err, verify.ErrMismatch) || !names(got, name) {
				t.Fatalf("bit %d of byte %d of %s: %v, %v", i*5%8, i, name, got.err, got.says())
			}
			broken[i] ^= 1 << (i * 5 % 8)
			flips++
		}
	}
	if flips < 500 {
		t.Errorf("only %d flips", flips)
	}
	if got := check(); got.err != nil {
		t.Error("after the last flip:", got.err)
	}
}

// names reports that an outcome blames a clip or the file.
func names(o outcome, file string) bool {
	for _, r := range o.results {
		if r.Result == verify.Mismatch && r.Clip != "" && r.Problem != "" {
			return true
		}
	}
	for _, p := range o.report.Problems {
		if p.File == file {
			return true
		}
	}
	// Nothing of a log is looked at when its head is not believed.
	return strings.HasSuffix(file, "/checkpoint") && strings.Contains(o.err.Error(), file)
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRemovedFiles(t *testing.T) {
	l := sample(t)
	log := func(rest string) string { return manifest.LogPath(verifytest.Name, rest) }
	tests := map[string]map[string]string{
		l.Object(3):                             {"dk3v9q-3": verify.Missing, "dk3v9q-1": verify.OK, "dk3v9q-6": verify.OK},
		manifest.RecordPath(verifytest.Name, 1): {"dk3v9q-1": verify.Mismatch, "dk3v9q-3": verify.OK, "dk3v9q-6": verify.OK},
		manifest.RecordPath(verifytest.Name, 3): {"dk3v9q-1": verify.Mismatch, "dk3v9q-3": verify.Mismatch, "dk3v9q-6": verify.OK},
		log("tile/0/000.p/9"):                   {"dk3v9q-1": verify.OK, "dk3v9q-3": verify.OK, "dk3v9q-6": verify.OK, log("tile/0/000.p/9"): "problem"},
		log("tile/entries/000.p/9"):             {log("tile/entries/000.p/9"): "problem"},
		log("checkpoint"):                       {},
		log("key"):                              {"dk3v9q-1": verify.OK, "dk3v9q-3": verify.OK, "dk3v9q-6": verify.OK, log("key"): "problem"},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(l.Dir, name)
			aside := path + "~"
			if strings.Contains(name, "/") {
				aside = filepath.Join(t.TempDir(), "aside")
			}
			if err := os.Rename(path, aside); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = os.Rename(aside, path) }()
			got := run(t, l, nil)
			if !errors.Is(got.err, verify.ErrMismatch) {
				t.Error(got.err)
			}
			if d := cmp.Diff(want, got.says()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	gone, gone2 := l.Clip("a", "gone"), l.Clip("b", "disposed but here")
	erased := l.Clip("c", "erased")
	kept := l.Clip("d", "erasure asked for, record still here")
	l.Clip("e", "not stored")
	l.About(gone, "clip.disposed", nil, nil)
	l.About(gone2, "clip.disposed", nil, nil)
	for _, n := range []int64{erased, kept} {
		l.Append("record.erased", manifest.Object{"target": manifest.Object{"log": verifytest.Name, "n": n}}, nil)
	}
	l.Publish()
	l.WriteRecords(0, map[int64]bool{erased: true})
	for _, name := range []string{l.Object(gone), l.Object(4)} {
		if err := os.Remove(filepath.Join(l.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"dk3v9q-0": verify.Disposed, "dk3v9q-1": verify.Disposed, "dk3v9q-2": verify.RecordErased,
		"dk3v9q-3": verify.OK, "dk3v9q-4": verify.Missing,
	}
	got := run(t, l, nil)
	if d := cmp.Diff(want, got.says()); d != "" {
		t.Error(d)
	}
	got.report.Seconds = 0
	if d := cmp.Diff(verify.Report{
		Origin: verifytest.Origin, Size: 9, Clips: 5, OK: 1, Disposed: 2, RecordErased: 1, Missing: 1, Bytes: 59,
	}, got.report); d != "" {
		t.Error(d)
	}
	spool := t.TempDir()
	write(t, filepath.Join(spool, filepath.Base(l.Object(4))), []byte("not stored"))
	want["dk3v9q-4"] = verify.OK
	got = run(t, l, func(o *verify.Options) { o.Spool = spool })
	if d := cmp.Diff(want, got.says()); d != "" || got.err != nil {
		t.Error(d, got.err)
	}
}

func TestSelectedClips(t *testing.T) {
	l := sample(t)
	write(t, filepath.Join(l.Dir, l.Object(3)), []byte("other"))
	got := run(t, l, func(o *verify.Options) { o.Clips = []string{"dk3v9q-6"} })
	if d := cmp.Diff(map[string]string{"dk3v9q-6": verify.OK}, got.says()); d != "" || got.err != nil {
		t.Error(d, got.err)
	}
	got = run(t, l, func(o *verify.Options) { o.Clips = []string{"dk3v9q-2", "zzz-1", "dk3v9q-3"} })
	want := map[string]string{"dk3v9q-2": verify.Missing, "zzz-1": verify.Missing, "dk3v9q-3": verify.Mismatch}
	if d := cmp.Diff(want, got.says()); d != "" {
		t.Error(d)
	}
}

func TestStrangeFiles(t *testing.T) {
	l := sample(t)
	other := "object/ab/ab" + strings.Repeat("0", 62)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("not ours")))
	l.Write("object/"+sum[:2]+"/"+sum, []byte("not ours"))
	l.Write("log/other/checkpoint", []byte("theirs"))
	l.Write("record/other/0.ndjson", []byte("theirs"))
	strange := []string{
		other, "object/readme", "log/readme", "log/dk3v9q/tile/0/1", "log/dk3v9q/tile/x/000", "log/dk3v9q/checkpoints/x",
		"record/dk3v9q/01.ndjson", "record/dk3v9q/1.json",
	}
	want := map[string]string{"dk3v9q-1": verify.OK, "dk3v9q-3": verify.OK, "dk3v9q-6": verify.OK}
	for _, name := range strange {
		l.Write(name, []byte("?"))
		want[name] = "problem"
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(l.Dir, "object/link")); err != nil {
		t.Fatal(err)
	}
	want["object/link"] = "problem"
	got := run(t, l, nil)
	if d := cmp.Diff(want, got.says()); d != "" {
		t.Error(d)
	}
	if got.report.Orphans != 1 || !cmp.Equal(got.report.Unchecked, []string{"other"}) {
		t.Error(got.report.Orphans, got.report.Unchecked)
	}
}

// What a publishing under way has written beyond the checkpoint is not wrong.
func TestPublishingUnderWay(t *testing.T) {
	l := sample(t)
	checkpoint := l.Checkpoint(l.Size())
	for i := range 300 {
		l.Append("run.started", manifest.Object{"i": i}, map[string]any{"i": i})
	}
	l.Publish()
	l.Write(manifest.CheckpointPath(verifytest.Name), checkpoint)
	for _, partial := range []string{"tile/0/000.p/9", "tile/entries/000.p/9"} {
		// Their full successors are there, so they may go.
		if err := os.Remove(filepath.Join(l.Dir, manifest.LogPath(verifytest.Name, partial))); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(t, l, nil); got.err != nil || got.report.Size != 9 || got.report.OK != 3 {
		t.Error(got.err, got.report)
	}
}

func TestWrongKey(t *testing.T) {
	l := sample(t)
	other := verifytest.New(t, t.TempDir())
	for name, key := range map[string]string{
		"another": other.Key, "empty": "", "broken": l.Key[:len(l.Key)-2], "padded": l.Key + "=",
	} {
		t.Run(name, func(t *testing.T) {
			got := run(t, l, func(o *verify.Options) { o.Key = key })
			if !errors.Is(got.err, verify.ErrMismatch) || len(got.results) != 0 {
				t.Error(got.err, got.results)
			}
		})
	}
	if got := run(t, l, func(o *verify.Options) { o.Log = "other" }); !errors.Is(got.err, verify.ErrMismatch) {
		t.Error(got.err)
	}
}

// The spool stands in for what waits for its store, not for what was stored.
func TestStoredIsNotSpooled(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	l.Stored(l.Clip("a", "lost by the store"))
	l.Publish()
	spool := t.TempDir()
	if err := os.Rename(filepath.Join(l.Dir, l.Object(0)), filepath.Join(spool, filepath.Base(l.Object(0)))); err != nil {
		t.Fatal(err)
	}
	got := run(t, l, func(o *verify.Options) { o.Spool = spool })
	if d := cmp.Diff(map[string]string{"dk3v9q-0": verify.Missing}, got.says()); d != "" {
		t.Error(d)
	}
}
