package verify_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/verify"
	"github.com/custodock/custodock/verify/verifytest"
)

// stampedLog is a log with a clip between any two of its three anchors.
type stampedLog struct {
	*verifytest.Log
	tsa   *testbench.TSA
	roots *stamp.Roots
	pem   []byte
	files verifytest.Memory
	clips []string
	sizes []int64 // that were stamped
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func at(name string) string { return manifest.LogPath(verifytest.Name, name) }

func hexOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// reply has data stamped.
func reply(t testing.TB, a *testbench.TSA, data []byte) []byte {
	t.Helper()
	r, err := stamp.NewRequest(data, "")
	if err != nil {
		t.Fatal(err)
	}
	der, err := r.DER()
	if err != nil {
		t.Fatal(err)
	}
	return a.Reply(der, "")
}

func timeOf(t testing.TB, tsr []byte) time.Time {
	t.Helper()
	s, err := stamp.Parse(tsr)
	if err != nil {
		t.Fatal(err)
	}
	return s.Time
}

func newStamped(t *testing.T) stampedLog {
	t.Helper()
	s := stampedLog{Log: verifytest.New(t, t.TempDir()), tsa: testbench.NewTSA(t, 400)}
	var err error
	if s.pem, err = os.ReadFile(s.tsa.Roots); err != nil {
		t.Fatal(err)
	}
	if s.roots, err = stamp.ParseRoots(s.pem); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", "second", "third"} {
		n := s.Clip(name, name)
		s.Stored(n)
		s.clips = append(s.clips, s.ClipName(n))
		s.anchor(t)
	}
	s.Publish()
	s.files = s.Memory()
	return s
}

// anchor has the log as it is stamped, and enters that.
func (s *stampedLog) anchor(t *testing.T) {
	t.Helper()
	size := s.Size()
	s.sizes = append(s.sizes, size)
	note := s.Checkpoint(size)
	tsr := reply(t, s.tsa, note)
	s.Write(at("checkpoints/"+itoa(size)), note)
	s.Write(at("checkpoints/"+itoa(size)+".tsr"), tsr)
	s.Write(at("tsa/"+hexOf(s.pem)+".pem"), s.pem)
	s.Append("log.anchor", manifest.Object{
		"size": size, "sha256": hexOf(note), "tsr": hexOf(tsr), "tsa": "bench", "roots": hexOf(s.pem),
		"time": timeOf(t, tsr).Format("2006-01-02T15:04:05.000Z"),
	}, nil)
}

func (s stampedLog) check(files verifytest.Memory, roots *stamp.Roots) (map[string]verify.Result, verify.Report, error) {
	got := map[string]verify.Result{}
	report, err := verify.Store(context.Background(), verify.Options{Store: files, Key: s.Key, Roots: roots}, func(r verify.Result) error {
		got[r.Clip] = r
		return nil
	})
	return got, report, err
}

// TestBetweenStamps: each clip stands between the stamps around it.
func TestBetweenStamps(t *testing.T) {
	s := newStamped(t)
	for _, roots := range []*stamp.Roots{nil, s.roots} {
		got, report, err := s.check(s.files, roots)
		if err != nil {
			t.Fatal(err)
		}
		if report.Stamps != 3 || report.Stamped != 3 || len(report.Authorities) != 1 || report.Authorities[0].Checked != (roots != nil) ||
			report.Authorities[0].Name != "Testbench time tsa" {
			t.Errorf("%+v", report)
		}
		var before time.Time
		for _, name := range s.clips {
			r := got[name]
			if before.IsZero() != r.NotBefore.IsZero() || r.NotAfter.IsZero() || r.NotBefore.After(r.NotAfter) || r.NotBefore.Before(before.Add(-3*time.Second)) ||
				r.Authority != "Testbench time tsa" || r.Until.Before(time.Now().AddDate(0, 0, 399)) {
				t.Errorf("%s: %+v", name, r)
			}
			before = r.NotAfter
		}
	}
}

// TestStampsTampered: what is put in the place of a checkpoint, a stamp or an
// anchor is named.
func TestStampsTampered(t *testing.T) {
	s := newStamped(t)
	first, second := "checkpoints/"+itoa(s.sizes[0]), "checkpoints/"+itoa(s.sizes[1])
	other := verifytest.New(t, t.TempDir())
	other.Clip("of another log", "x")
	flipped := []byte(string(s.files[at(first+".tsr")]))
	flipped[len(flipped)-3] ^= 1
	again := reply(t, s.tsa, s.files[at(first)])
	stranger := testbench.NewTSA(t, 400)
	for _, c := range []struct {
		name  string
		spoil func(verifytest.Memory)
		want  string
	}{
		{"a bit of a stamp", func(m verifytest.Memory) { m[at(first+".tsr")] = flipped }, first + ".tsr: is no time stamp over its checkpoint: its signature does not hold"},
		{"another stamp", func(m verifytest.Memory) { m[at(first+".tsr")] = m[at(second+".tsr")] }, first + ".tsr: is no time stamp over its checkpoint: it is over other bytes"},
		{"a later stamp", func(m verifytest.Memory) { m[at(first+".tsr")] = again }, first + ".tsr: has the digest " + hexOf(again)},
		{"no stamp", func(m verifytest.Memory) { delete(m, at(first+".tsr")) }, first + ".tsr: is missing, but entry "},
		{"no checkpoint", func(m verifytest.Memory) { delete(m, at(second)); delete(m, at(second+".tsr")) }, second + ": is missing, but entry "},
		{"a foreign checkpoint", func(m verifytest.Memory) { m[at(first)] = other.Checkpoint(1) }, first + ".tsr: is no time stamp over"},
		{"a foreign one with its stamp", func(m verifytest.Memory) {
			m[at(first)] = other.Checkpoint(1)
			m[at(first+".tsr")] = reply(t, s.tsa, m[at(first)])
		}, first + ": "},
		{"one of a stranger", func(m verifytest.Memory) { m[at(first+".tsr")] = reply(t, stranger, m[at(first)]) }, "which does not count: it leads to no root"},
		{"other roots", func(m verifytest.Memory) { m[at("tsa/"+hexOf(s.pem)+".pem")] = nil }, "has other bytes than its name says"},
		{"no roots", func(m verifytest.Memory) { delete(m, at("tsa/"+hexOf(s.pem)+".pem")) }, ".pem: is missing"},
	} {
		files := verifytest.Memory{}
		for name, data := range s.files {
			files[name] = data
		}
		c.spoil(files)
		_, report, err := s.check(files, s.roots)
		said := ""
		for _, p := range report.Problems {
			said += p.File + ": " + p.Problem + "\n"
		}
		if !errors.Is(err, verify.ErrMismatch) || !strings.Contains(said, c.want) {
			t.Errorf("%s: %v\n%s", c.name, err, said)
		}
	}
}

// TestAnchorLies: an anchor that names other digests, another time or a checkpoint
// that is not there is found, and its stamp does not count.
func TestAnchorLies(t *testing.T) {
	a := testbench.NewTSA(t, 400)
	zero := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		lie  func(manifest.Object)
		want string
	}{
		"checkpoint": {func(o manifest.Object) { o["sha256"] = zero }, "has the digest "},
		"stamp":      {func(o manifest.Object) { o["tsr"] = zero }, "has the digest "},
		"time":       {func(o manifest.Object) { o["time"] = "2020-01-01T00:00:00.000Z" }, `says "2020-01-01T00:00:00.000Z"`},
		"size":       {func(o manifest.Object) { o["size"] = int64(9) }, "is missing, but entry 2 (log.anchor) names it"},
		"roots":      {func(o manifest.Object) { o["roots"] = zero }, "is missing, but entry 2 (log.anchor) names it"},
	} {
		s := stampedLog{Log: verifytest.New(t, t.TempDir()), tsa: a}
		s.Stored(s.Clip("a", "a"))
		size := s.Size()
		note := s.Checkpoint(size)
		tsr := reply(t, s.tsa, note)
		s.Write(at("checkpoints/"+itoa(size)), note)
		s.Write(at("checkpoints/"+itoa(size)+".tsr"), tsr)
		fields := manifest.Object{"size": size, "sha256": hexOf(note), "tsr": hexOf(tsr)}
		c.lie(fields)
		s.Append("log.anchor", fields, nil)
		s.Publish()
		_, report, err := s.check(s.Memory(), nil)
		if !errors.Is(err, verify.ErrMismatch) || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Problem, c.want) {
			t.Errorf("%s: %v, %+v", name, err, report.Problems)
		}
	}
}
