package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify/verifytest"
)

// sitDown runs verify on a store until its clock was asked so often, 0 for to the end.
func sitDown(t *testing.T, l *verifytest.Log, stopAt int, args ...string) (code int, out, errs string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var o, e bytes.Buffer
	a := newApp(nil, &o, &e, func(string) string { return "" })
	asked := 0
	a.now = func() time.Time {
		if asked++; asked == stopAt {
			stop()
		}
		return time.Now()
	}
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
