package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify/verifytest"
)

// TestStatementsAreNotBelieved: what a dock signed is looked for again, and refused
// where the log does not bear it out.
func TestStatementsAreNotBelieved(t *testing.T) {
	l := verifytest.New(t, t.TempDir())
	l.Append("log.started", manifest.Object{"key": l.Key}, nil)
	opened := l.Append("docking.opened", manifest.Object{"device": "c017"}, nil)
	for _, name := range []string{"MVI_0001.MP4", "MVI_0003.MP4"} {
		n := l.Clip("x", name)
		fields := manifest.Object{"docking": opened, "span": manifest.Object{"from": l.Entry(n).T.Format("2006-01-02T15:04:05.000Z")}}
		for _, key := range []string{"sha256", "device", "role"} {
			fields[key] = l.Entry(n).Fields.Str(key)
		}
		fields["size"] = int64(len(name))
		fields["device"] = "c018"
		l.Append("clip.ingested", fields, map[string]any{"path": "DCIM/100CANON/" + name, "profile": "dcf"})
	}
	l.Append("docking.opened", manifest.Object{"device": "c018"}, nil)
	l.Append("docking.closed", manifest.Object{"device": "c018", "docking": l.Size() - 1, "end": "complete"}, map[string]any{"before": []any{}})
	size := l.Size()
	l.Append("run.started", nil, nil)
	l.Publish()
	truth := manifest.Gaps{
		Time: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), By: "admin", Device: "c018", Result: manifest.GapsMissing,
		Lines: []string{"device c018 gaps 1 2", "count c018 0001 0003 dk3v9q-3 dk3v9q-5 2 1", "gap c018 number 1 dk3v9q-3 dk3v9q-5 - 0002 1"},
	}
	path := filepath.Join(t.TempDir(), "statement")
	check := func(g manifest.Gaps, size int64) (int, string, string) {
		t.Helper()
		if err := os.WriteFile(path, l.Gaps(g, size), 0o600); err != nil {
			t.Fatal(err)
		}
		return sitDown(t, l, 0, path)
	}
	if code, out, errs := check(truth, size); code != exitDone || !strings.Contains(out, "1 gap was found") {
		t.Errorf("the truth: %d, %s%s", code, out, errs)
	}
	for name, change := range map[string]func(*manifest.Gaps){
		"nothing is missing": func(g *manifest.Gaps) {
			g.Result, g.Lines = manifest.GapsComplete, []string{"device c018 complete 1 2", "count c018 0001 0003 dk3v9q-3 dk3v9q-5 3 0"}
		},
		"another device": func(g *manifest.Gaps) { g.Device = "c017" },
		"another number": func(g *manifest.Gaps) { g.Lines[2] = strings.Replace(g.Lines[2], "0002", "0003", 1) },
	} {
		g := truth
		g.Lines = append([]string{}, truth.Lines...)
		change(&g)
		if code, out, errs := check(g, size); code != exitMismatch || !strings.Contains(out+errs, "the log says otherwise") {
			t.Errorf("%s: %d, %s%s", name, code, out, errs)
		}
	}
	if code, _, errs := check(truth, 4); code != exitMismatch { // before the second clip
		t.Errorf("of an older log: %d, %s", code, errs)
	}
}
