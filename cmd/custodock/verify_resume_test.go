package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/verify/verifytest"
)

// sitDown runs verify on a store until its clock was asked so often, 0 for to the end.
func sitDown(t *testing.T, l *verifytest.Log, stopAt int, args ...string) (code int, out, errs string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	asked := 0
	return sitDownAt(ctx, t, l, func() time.Time {
		if asked++; asked == stopAt {
			stop()
		}
		return time.Now()
	}, args...)
}

// sitDownAt runs verify on a store by a clock.
func sitDownAt(ctx context.Context, t *testing.T, l *verifytest.Log, now func() time.Time, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := newApp(nil, &o, &e, func(string) string { return "" })
	a.now = now
	code = a.run(ctx, append([]string{"--state", filepath.Join(t.TempDir(), "none"), "verify", "--from", l.Dir, "--key", l.Key}, args...))
	return code, o.String(), e.String()
}

// shelf is a store of so many clips.
func shelf(t *testing.T, clips int) *verifytest.Log {
	t.Helper()
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", manifest.Object{"key": l.Key}, nil)
	for i := range clips {
		l.Stored(l.Clip(fmt.Sprint("p", i), fmt.Sprint("content ", i)))
	}
	l.Publish()
	return l
}

func damage(t *testing.T, l *verifytest.Log, n int64) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(l.Dir, l.Object(n)), []byte("other bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func noted(t *testing.T, path string) progress {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var p progress
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestResume: a check that was broken off goes on behind the last clip that it read,
// tells again what was wrong, and says what was read when.
func TestResume(t *testing.T) {
	const clips = 200
	l := shelf(t, clips)
	path := filepath.Join(t.TempDir(), "note")
	damage(t, l, 1)
	code, _, errs := sitDown(t, l, 40, "--resume", path)
	p := noted(t, path)
	if code != exitError || !strings.Contains(errs, "interrupted") || p.Done || p.Next < 10 || p.Next >= l.Size()-10 || len(p.Bad) != 1 {
		t.Fatalf("%d, %s, next %d of %d, %v", code, errs, p.Next, l.Size(), p.Bad)
	}
	damage(t, l, 3) // was read already, and is not again
	for name, args := range map[string][]string{
		"range": {"--range", "0-99", "--resume", path},
		"store": {"--from", l.Dir + "/", "--resume", path},
	} {
		if code, _, errs := sitDown(t, l, 0, args...); code != exitUsage || !strings.Contains(errs, "of another store, key or range") {
			t.Errorf("another %s: %d, %s", name, code, errs)
		}
	}
	l.Stored(l.Clip("later", "later"))
	l.Publish()
	code, out, errs := sitDown(t, l, 0, "--resume", path)
	if code != exitMismatch || strings.Count(out, "MISMATCH") != 1 || !strings.Contains(out, l.ClipName(1)) {
		t.Errorf("%d, %s%s", code, out, errs)
	}
	if want := fmt.Sprintf("%d of %d clips are proved, 0 missing, 1 different", clips, clips+1); !strings.Contains(out, want) {
		t.Errorf("no %q in %s", want, out[max(0, len(out)-600):])
	}
	if strings.Count(out, "were read between") != 2 || !strings.Contains(out, fmt.Sprintf("from entry %d to before", p.Next)) {
		t.Errorf("sittings: %s", out[max(0, len(out)-600):])
	}
	if q := noted(t, path); !q.Done || q.Report.Clips != clips+1 || len(q.Sittings) != 2 {
		t.Errorf("%+v", q)
	}
	if code, _, errs := sitDown(t, l, 0, "--resume", path); code != exitUsage || !strings.Contains(errs, "came to its end") {
		t.Errorf("a check that ended: %d, %s", code, errs)
	}
	if code, out, _ := sitDown(t, l, 0); code != exitMismatch || strings.Count(out, "MISMATCH") != 2 {
		t.Errorf("anew: %d, %s", code, out)
	}
}

// TestResumeOfAnotherHistory: a note does not serve for a log that was rewritten.
func TestResumeOfAnotherHistory(t *testing.T) {
	l := shelf(t, 100)
	path := filepath.Join(t.TempDir(), "note")
	if code, _, _ := sitDown(t, l, 20, "--resume", path); code != exitError {
		t.Fatal(code)
	}
	fork := l.Fork(l.Dir)
	for n := range l.Size() {
		e := l.Entry(n)
		fork.Append(e.Type, e.Fields, nil)
	}
	fork.Publish()
	if code, _, errs := sitDown(t, fork, 0, "--resume", path); code != exitMismatch || !strings.Contains(errs, "of another history") {
		t.Errorf("%d, %s", code, errs)
	}
	for _, text := range []string{"", "{}", `{"v":1,"next":-1,"sittings":[{}]}`, `{"v":1,"x":2}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := sitDown(t, l, 0, "--resume", path); code != exitError || !strings.Contains(errs, "no note of a check") {
			t.Errorf("%q: %d, %s", text, code, errs)
		}
	}
}

// TestRange: only the clips of a range are read; ranges put together are all.
func TestRange(t *testing.T) {
	l := shelf(t, 20) // entries 1, 3, 5 …
	damage(t, l, 11)
	for _, c := range []struct {
		span  string
		code  int
		clips int
	}{{"0-10", 0, 5}, {"11-11", 4, 1}, {"12-", 0, 14}, {"0-", 4, 20}, {"12-13", 0, 1}, {"9999-", 0, 0}} {
		code, out, errs := sitDown(t, l, 0, "--range", c.span)
		if got := strings.Count(out, verifytest.Name+"-"); code != c.code || got < c.clips || got > c.clips+1 {
			t.Errorf("%s: %d, %d clips, %s%s", c.span, code, got, out, errs)
		}
	}
	for _, args := range [][]string{{"--range", "5"}, {"--range", "7-5"}, {"--range", "0-5", l.ClipName(1)}} {
		if code, _, errs := sitDown(t, l, 0, args...); code != exitUsage {
			t.Errorf("%v: %d, %s", args, code, errs)
		}
	}
	if code, out, _ := sitDown(t, l, 0, "--range", "12-13"); !strings.Contains(out, "Only the clips of entries 12 to 13 were read") || code != 0 {
		t.Error(out)
	}
}

// variety is a store of clips of which each is counted as something else, with a time
// stamp over the first half, and an object that is no clip's.
func variety(t *testing.T) *verifytest.Log {
	t.Helper()
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", manifest.Object{"key": l.Key}, nil)
	var clips []int64
	for i := range 24 {
		content := fmt.Sprint("content ", i)
		n := l.ClipWith(fmt.Sprint("p", i), content, manifest.Object{"sm3": verifytest.SM3(content)})
		l.Stored(n)
		switch clips = append(clips, n); i % 6 {
		case 1:
			l.About(n, "clip.disposed", nil, nil)
		case 2:
			l.Append("record.erased", manifest.Object{"target": manifest.Object{"log": verifytest.Name, "n": n}}, nil)
		}
		if i == 11 {
			stampNow(t, l)
		}
	}
	l.Publish()
	erased := map[int64]bool{}
	for i, n := range clips {
		switch i % 6 {
		case 1, 3:
			remove(t, filepath.Join(l.Dir, l.Object(n)))
		case 2:
			erased[n] = true
		case 4:
			damage(t, l, n)
		}
	}
	l.WriteRecords(0, erased)
	const nobodys = "of no clip"
	l.Write(store.Name(clip.Digest(sha256.Sum256([]byte(nobodys)))), []byte(nobodys))
	return l
}

// stampNow has the log stamped as it is.
func stampNow(t *testing.T, l *verifytest.Log) {
	t.Helper()
	note := l.Checkpoint(l.Size())
	request, err := stamp.NewRequest(note, "")
	if err != nil {
		t.Fatal(err)
	}
	query, err := request.DER()
	if err != nil {
		t.Fatal(err)
	}
	name := manifest.LogPath(verifytest.Name, fmt.Sprint("checkpoints/", l.Size()))
	l.Write(name, note)
	l.Write(name+".tsr", testbench.NewTSA(t, 400).Reply(query, ""))
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// counted is the summary of a check without how long it took.
func counted(t *testing.T, out string) string {
	t.Helper()
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, `{"summary"`) {
			var all map[string]map[string]any
			if err := json.Unmarshal([]byte(line), &all); err != nil {
				t.Fatal(err)
			}
			delete(all["summary"], "seconds")
			b, err := json.Marshal(all["summary"])
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	t.Fatal(out)
	return ""
}

// TestResumeCounts: whenever a check was stopped or killed, what it tells in the end is
// what one tells that ran through.
func TestResumeCounts(t *testing.T) {
	l := variety(t)
	code, out, errs := sitDown(t, l, 0, "--json")
	want := counted(t, out)
	for _, count := range []string{`"clips":24`, `"ok":8`, `"disposed":4`, `"record_erased":4`, `"missing":4`, `"mismatch":4`, `"orphans":1`, `"stamped":12`, `"sm3":12`} {
		if !strings.Contains(want, count) || code != exitMismatch {
			t.Fatalf("no %s: %d, %s%s", count, code, want, errs)
		}
	}
	dir := t.TempDir()
	for ended, sit := range map[string]func(path string, at int) bool{
		"stopped": func(path string, at int) bool {
			sitDown(t, l, at, "--json", "--resume", path)
			return !noted(t, path).Done
		},
		// Each clip is noted at once, and what is there then is what is left.
		"killed": func(path string, at int) bool {
			asked, live := 0, path+".live"
			sitDownAt(t.Context(), t, l, func() time.Time {
				if asked++; asked == at {
					if err := os.Link(live, path); err != nil {
						t.Error(err)
					}
				}
				return time.Unix(0, 0).Add(time.Duration(asked) * noteEvery)
			}, "--json", "--resume", live)
			return asked >= at && !noted(t, path).Done
		},
	} {
		broke := 0
		for at := 4; ; at++ {
			path := filepath.Join(dir, fmt.Sprint(ended, at))
			if !sit(path, at) {
				break
			}
			if p := noted(t, path); p.Next > 0 && p.Next < l.Size() {
				broke++
			}
			_, out, _ := sitDown(t, l, 0, "--json", "--resume", path)
			if diff := cmp.Diff(want, counted(t, out)); diff != "" {
				t.Fatalf("%s at %d: %s", ended, at, diff)
			}
		}
		if broke < 20 {
			t.Errorf("%s at %d places", ended, broke)
		}
	}
}
