package verify_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// A forged entry whose tile of leaf hashes was made to fit is found by the
// tiles above it.
func TestForgedEntry(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	for i := range 600 {
		l.Clip("p", "clip "+strconv.Itoa(i%50))
	}
	l.Publish()
	path := filepath.Join(l.Dir, manifest.LogPath(verifytest.Name, "tile/entries/001"))
	bundle, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raws, err := manifest.DecodeBundle(bundle, 256)
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Replace(raws[44], []byte(`"bay":"3"`), []byte(`"bay":"4"`), 1)
	old, now := manifest.LeafHash(raws[44]), manifest.LeafHash(forged)
	raws[44] = forged
	write(t, path, manifest.EncodeBundle(raws))

	got := run(t, l, nil)
	if got.report.OK != 599 || got.report.Mismatch != 1 || got.says()["dk3v9q-300"] != verify.Mismatch {
		t.Error(got.report, got.says()["dk3v9q-300"])
	}

	tile := filepath.Join(l.Dir, manifest.LogPath(verifytest.Name, "tile/0/001"))
	data, err := os.ReadFile(tile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, tile, bytes.Replace(data, old[:], now[:], 1))
	got = run(t, l, nil)
	if got.report.OK != 344 || got.report.Mismatch != 256 {
		t.Error(got.report.OK, got.report.Mismatch, got.err)
	}
}

// A bundle that is gone is named, and so are the clips that later entries
// speak of; all others stay proved.
func TestLostBundle(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	for i := range 256 {
		l.Clip("p", "clip "+strconv.Itoa(i))
	}
	l.Stored(7)
	l.Clip("q", "last")
	l.Publish()
	name := manifest.LogPath(verifytest.Name, "tile/entries/000")
	if err := os.Remove(filepath.Join(l.Dir, name)); err != nil {
		t.Fatal(err)
	}
	got := run(t, l, nil)
	want := map[string]string{name: "problem", "dk3v9q-7": verify.Mismatch, "dk3v9q-257": verify.OK}
	if d := cmp.Diff(want, got.says()); d != "" {
		t.Error(d)
	}
}

func TestOlderCheckpoints(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	for range 700 {
		l.Append("run.started", nil, nil)
	}
	at := func(n int64) string {
		return manifest.LogPath(verifytest.Name, "checkpoints/"+strconv.FormatInt(n, 10))
	}
	for _, n := range []int64{0, 1, 256, 300, 512, 700} {
		l.Write(at(n), l.Checkpoint(n))
	}
	l.Write(at(300)+".tsr", reply(t, testbench.NewTSA(t, 30), l.Checkpoint(300)))
	l.Publish()
	if got := run(t, l, nil); got.err != nil {
		t.Fatal(got.err)
	}
	fork := l.Fork(t.TempDir())
	for range 299 {
		fork.Append("run.started", nil, nil)
	}
	l.Write(at(299), fork.Checkpoint(299))
	l.Write(at(511), l.Checkpoint(512))
	l.Write(at(300)+".tsr", []byte("of something else"))
	l.Write(at(256)+".tsr", nil)
	l.Write(at(255)+".tsr", nil)
	short := l.Checkpoint(700)
	l.Append("run.started", nil, nil)
	l.Write(at(701), l.Checkpoint(701))
	l.Write(manifest.CheckpointPath(verifytest.Name), short)
	got := map[string]string{}
	for _, p := range run(t, l, nil).report.Problems {
		got[strings.TrimPrefix(p.File, "log/dk3v9q/checkpoints/")], _, _ = strings.Cut(p.Problem, ": it is no RFC 3161")
	}
	want := map[string]string{
		"299":     "is signed, but the log had another history: it is forked",
		"511":     "is a checkpoint of 512 entries",
		"300.tsr": "is no time stamp over its checkpoint",
		"256.tsr": "is no time stamp over its checkpoint",
		"255":     "is missing, but its time stamp is there",
		"701":     "is signed and has 701 entries, the newest checkpoint only 700: the log was cut short",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Tiles of every level, and the older ones beside them, are compared.
func TestEveryTile(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	for _, size := range []int64{300, 513, 700} {
		for l.Size() < size {
			l.Append("run.started", nil, nil)
		}
		l.Publish()
	}
	mem := l.Memory()
	names := slices.Sorted(maps.Keys(mem))
	levels := map[string]int{}
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, manifest.LogPath(verifytest.Name, "tile/"))
		if !ok {
			continue
		}
		levels[rest[:strings.IndexByte(rest, '/')]]++
		for _, gone := range []bool{false, true} {
			whole := mem[name]
			mem[name] = bytes.Clone(whole)
			mem[name][len(whole)/2] ^= 4
			if gone {
				delete(mem, name)
			}
			report, err := verify.Store(context.Background(), verify.Options{Store: mem, Key: l.Key}, nil)
			mem[name] = whole
			// Partial tiles may go once a wider one has taken their place.
			if old := strings.Contains(name, ".p/") && !strings.HasSuffix(name, "/188") && name != "log/dk3v9q/tile/1/000.p/2"; gone && old {
				if err != nil {
					t.Errorf("%s is gone: %v", name, err)
				}
				continue
			}
			if len(report.Problems) == 0 || slices.ContainsFunc(report.Problems, func(p verify.Problem) bool { return p.File != name }) {
				t.Errorf("%s, gone %v: %v, %v", name, gone, report.Problems, err)
			}
		}
	}
	if d := cmp.Diff(map[string]int{"0": 5, "1": 2, "entries": 5}, levels); d != "" {
		t.Error(d)
	}
}

// Every line of a record file is the record of an entry, to its end.
func TestRecordFiles(t *testing.T) {
	l := sample(t)
	mem := l.Memory()
	name := manifest.RecordPath(verifytest.Name, 6)
	whole := mem[name]
	first := bytes.IndexByte(whole, '\n') + 1
	for what, test := range map[string]struct {
		data     []byte
		problems int
		clip     string
	}{
		"whole":          {whole, 0, verify.OK},
		"line twice":     {append(bytes.Clone(whole), whole[:first]...), 0, verify.OK},
		"another line":   {append(bytes.Clone(whole), "{}\n"...), 1, verify.OK},
		"empty line":     {append(bytes.Clone(whole), '\n'), 1, verify.OK},
		"no end":         {append(bytes.Clone(whole), '{'), 1, verify.OK},
		"long":           {append(bytes.Clone(whole), bytes.Repeat([]byte("x"), 200_000)...), 1, verify.OK},
		"cut short":      {whole[:len(whole)-1], 2, verify.OK},
		"first is gone":  {whole[first:], 0, verify.Mismatch},
		"second is gone": {whole[:first], 1, verify.OK},
		"empty":          {nil, 1, verify.Mismatch},
	} {
		mem[name] = test.data
		clip := ""
		report, _ := verify.Store(context.Background(), verify.Options{Store: mem, Key: l.Key}, func(r verify.Result) error {
			if r.Clip == "dk3v9q-6" {
				clip = r.Result
			}
			return nil
		})
		if len(report.Problems) != test.problems || clip != test.clip {
			t.Errorf("%s: %s, %v", what, clip, report.Problems)
		}
	}
}

// An entry whose size is not that of the object contradicts itself.
func TestWrongSize(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	digest := l.Entry(l.Clip("a", "content")).Fields.Str("sha256")
	l.Append("clip.ingested", manifest.Object{"sha256": digest, "size": 8}, nil)
	l.Append("clip.ingested", manifest.Object{"sha256": digest}, nil)
	l.Append("clip.ingested", manifest.Object{"sha256": "none", "size": 7}, nil)
	l.Publish()
	want := map[string]string{
		"dk3v9q-0": verify.OK, "dk3v9q-1": verify.Mismatch, "dk3v9q-2": verify.Mismatch, "dk3v9q-3": verify.Mismatch,
	}
	if d := cmp.Diff(want, run(t, l, nil).says()); d != "" {
		t.Error(d)
	}
}

// Statements must be about what they say they are about.
func TestStatements(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	a := l.Clip("a", "one")
	b := l.Clip("b", "two")
	c := l.Clip("c", "three")
	l.About(a, "clip.viewed", manifest.Object{"leaf": strings.Repeat("ab", 32)}, nil)
	other := l.Append("clip.viewed", manifest.Object{"clip": "dk3v9q-3"}, nil)
	l.Append("clip.viewed", manifest.Object{"clip": "other-3"}, nil)
	// An erasure excuses records of entries before it, not of those to come.
	l.Append("record.erased", manifest.Object{"target": manifest.Object{"log": verifytest.Name, "n": 8}}, nil)
	l.Append("record.erased", manifest.Object{"target": manifest.Object{"log": "other", "n": b}}, nil)
	l.About(c, "clip.tagged", nil, map[string]any{})
	l.Publish()
	l.WriteRecords(0, map[int64]bool{8: true, b: true})
	got := run(t, l, nil)
	want := map[string]string{
		"dk3v9q-0": verify.Mismatch, "dk3v9q-1": verify.Mismatch, "dk3v9q-2": verify.Mismatch,
		manifest.LogPath(verifytest.Name, "tile/entries/000.p/9"): "problem",
	}
	if d := cmp.Diff(want, got.says()); d != "" {
		t.Error(d, got.results)
	}
	for _, p := range got.report.Problems {
		if !strings.Contains(p.Problem, l.ClipName(other)) {
			t.Error(p)
		}
	}
}

// TestSeen: what reads a log alone shows all its entries in order, whoever takes them.
func TestSeen(t *testing.T) {
	l := sample(t)
	for what, read := range map[string]func(verify.Options) error{
		"log": func(o verify.Options) error { _, err := verify.Log(t.Context(), o, nil); return err },
		"log each": func(o verify.Options) error {
			_, err := verify.Log(t.Context(), o, func(manifest.Entry) error { return nil })
			return err
		},
		"read":   func(o verify.Options) error { _, err := readPaths(t, o); return err },
		"sample": func(o verify.Options) error { _, _, _, err := verify.Sample(t.Context(), o, "x", 1, 0); return err },
	} {
		next := int64(0)
		err := read(verify.Options{Store: l.Memory(), Key: l.Key, Seen: func(e manifest.Entry) {
			if e.N == next {
				next++
			}
		}})
		if err != nil || next != l.Size() {
			t.Errorf("%s: %d of %d entries, %v", what, next, l.Size(), err)
		}
	}
}
