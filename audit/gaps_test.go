package audit

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device/profile"
	"github.com/custodock/custodock/manifest"
)

// bench makes the entries of one camera and gives them to an audit.
type bench struct {
	t       testing.TB
	g       *Gaps
	profile string
	n       int64
	docking int64
	seen    []map[string]any
	clips   map[string]string // names of clips by path
}

func newBench(t testing.TB, name string) *bench {
	t.Helper()
	profiles, err := profile.Load(configs.Devices(), "")
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, g: NewGaps(profiles, ""), profile: name, clips: map[string]string{}}
}

func (b *bench) take(typ string, fields manifest.Object, record any) manifest.Entry {
	b.t.Helper()
	fields["device"] = "c017"
	e := manifest.Entry{Log: "dk3v9q", N: b.n, Type: typ, Fields: fields}
	b.n++
	var raw []byte
	if record != nil {
		var err error
		if raw, err = json.Marshal(record); err != nil {
			b.t.Fatal(err)
		}
	}
	if b.g.Wants(e) {
		b.g.Take(e, raw)
	}
	return e
}

// dock docks the camera with these files. A word behind a name says what became of
// it, when that is not that it was taken; a time in front when it began.
func (b *bench) dock(end string, files ...string) {
	b.t.Helper()
	b.docking = b.take("docking.opened", manifest.Object{}, nil).N
	b.seen = nil
	for i, f := range files {
		at := time.Date(2026, 9, 2, 8, 0, i, 0, time.UTC).AddDate(0, 0, int(b.docking))
		if when, rest, ok := strings.Cut(f, " @ "); ok {
			at, _ = time.Parse("2006-01-02T15:04:05", when)
			f = rest
		}
		name, outcome, _ := strings.Cut(f, " ")
		if outcome == "" {
			outcome = "recorded"
			b.file(name, at)
		}
		b.seen = append(b.seen, map[string]any{"path": name, "outcome": outcome})
	}
	if end != "" {
		b.take("docking.closed", manifest.Object{"docking": b.docking, "end": end}, map[string]any{"before": b.seen})
	}
}

func (b *bench) file(name string, at time.Time) {
	role := clip.Main
	switch strings.ToLower(path.Ext(name)) {
	case ".thm", ".srt":
		role = clip.Sidecar
	case ".lrv", ".lrf":
		role = clip.Proxy
	case ".jpg":
		role = clip.Still
	case ".txt":
		role = clip.Log
	}
	sum := clip.Digest(sha256.Sum256([]byte(name)))
	fields := manifest.Object{"docking": b.docking, "role": string(role), "sha256": sum.String(), "size": int64(len(name))}
	if !at.IsZero() {
		fields["span"] = manifest.Object{"from": at.UTC().Format("2006-01-02T15:04:05.000Z")}
	}
	e := b.take("clip.ingested", fields, map[string]any{"path": name, "profile": b.profile})
	b.clips[name] = e.Name()
}

// says is what was found in short: kind and what of each gap, then each doubt.
func (b *bench) says() (out []string) {
	f := b.g.Findings()
	for _, g := range f.Gaps {
		line := g.Kind + " " + g.What
		for _, at := range []struct{ word, name string }{{"after", g.Before}, {"before", g.After}, {"by", g.From}} {
			for file, name := range b.clips {
				if name == at.name {
					line += " " + at.word + " " + path.Base(file)
				}
			}
		}
		out = append(out, line)
	}
	for _, d := range f.Devices {
		for _, u := range d.Unknown {
			out = append(out, fmt.Sprintf("%s %d", u.Code, u.Count))
		}
	}
	return append(out, f.Result)
}

func dcf(n ...int) (files []string) {
	for _, i := range n {
		files = append(files, fmt.Sprintf("DCIM/100CANON/MVI_%04d.MP4", i))
	}
	return files
}

func a11(day, clock string, n int) string {
	return fmt.Sprintf("2026-09-%sT%s @ A11_2222222_100234_202609%s%s_%04d.mp4", day, clock, day, strings.ReplaceAll(clock, ":", ""), n)
}

func TestGaps(t *testing.T) {
	for _, c := range []struct {
		name, profile string
		dock          func(*bench)
		want          []string
	}{
		{"whole", "dcf", func(b *bench) { b.dock("complete", dcf(7, 8, 9)...); b.dock("complete", dcf(10, 11)...) }, []string{"complete"}},
		{"two numbers", "dcf", func(b *bench) { b.dock("complete", dcf(1, 2, 5)...) },
			[]string{"number 0003-0004 after MVI_0002.MP4 before MVI_0005.MP4", "gaps"}},
		{"between dockings", "dcf", func(b *bench) { b.dock("complete", dcf(1, 2)...); b.dock("complete", dcf(4)...) },
			[]string{"number 0003 after MVI_0002.MP4 before MVI_0004.MP4", "gaps"}},
		{"found at a later docking", "dcf", func(b *bench) {
			b.dock("complete", "2026-09-02T08:00:01 @ DCIM/100CANON/MVI_0001.MP4", "2026-09-02T08:00:03 @ DCIM/100CANON/MVI_0003.MP4")
			b.dock("complete", "2026-09-02T08:00:02 @ DCIM/100CANON/MVI_0002.MP4")
		}, []string{"complete"}},
		{"the clock was set back an hour", "dcf", func(b *bench) {
			b.dock("complete", "2026-09-02T08:00:00 @ DCIM/100CANON/MVI_0001.MP4", "2026-09-02T08:10:00 @ DCIM/100CANON/MVI_0002.MP4",
				"2026-09-02T07:20:00 @ DCIM/100CANON/MVI_0003.MP4", "2026-09-02T08:15:00 @ DCIM/100CANON/MVI_0004.MP4")
		}, []string{"complete"}},
		{"the clock was ahead for one film", "dcf", func(b *bench) {
			b.dock("complete", "2026-09-02T08:00:00 @ DCIM/100CANON/MVI_0001.MP4", "2026-09-02T08:50:00 @ DCIM/100CANON/MVI_0002.MP4",
				"2026-09-02T08:20:00 @ DCIM/100CANON/MVI_0003.MP4", "2026-09-02T09:00:00 @ DCIM/100CANON/MVI_0004.MP4")
		}, []string{"complete"}},
		{"it wraps", "dcf", func(b *bench) { b.dock("complete", dcf(9998, 9999)...); b.dock("complete", dcf(1, 2)...) }, []string{"complete"}},
		{"it begins anew", "dcf", func(b *bench) { b.dock("complete", dcf(41, 42)...); b.dock("complete", dcf(1, 2)...) }, []string{"anew 1", "unknown"}},
		{"it begins anew with a gap", "a11", func(b *bench) {
			b.dock("complete", a11("02", "08:00:00", 1), a11("02", "09:00:00", 2), a11("03", "08:00:00", 1), a11("03", "09:00:00", 3))
		}, []string{"number 0002 after A11_2222222_100234_20260903080000_0001.mp4 before A11_2222222_100234_20260903090000_0003.mp4", "anew 1", "gaps"}},
		{"pictures are counted with films", "dcf", func(b *bench) {
			b.dock("complete", "DCIM/100CANON/IMG_0006.JPG", "DCIM/100CANON/MVI_0007.AVI", "DCIM/100CANON/MVI_0007.THM", "DCIM/100CANON/IMG_0008.JPG")
		}, []string{"complete"}},
		{"two devices in one folder", "a11", func(b *bench) {
			b.dock("complete", "A11_2222222_100234_20260902080000_0001.mp4", "A11_3333333_100234_20260902080000_0007.mp4", "A11_2222222_100234_20260902080002_0002.mp4")
		}, []string{"complete"}},
		{"no numbers", "transcend", func(b *bench) { b.dock("complete", "DPB30/a.MP4", "DPB30/b.MP4") }, []string{"no_numbers 2", "unknown"}},
		{"a profile nobody has", "gone", func(b *bench) { b.dock("complete", "a.MP4") }, []string{"no_numbers 1", "unknown"}},
		{"nothing at all", "dcf", func(b *bench) { b.dock("complete") }, []string{"no_numbers 0", "unknown"}},
		{"no time", "dcf", func(b *bench) {
			b.dock("complete", append(dcf(1, 3), "2000-01-01T00:00:00 @ DCIM/100CANON/MVI_0002.MP4")...)
		}, []string{"no_time 1", "unknown"}},
		{"a part", "gopro", func(b *bench) { b.dock("complete", "DCIM/100GOPRO/GX010042.MP4", "DCIM/100GOPRO/GX030042.MP4") },
			[]string{"chapter 0042/2 after GX010042.MP4 before GX030042.MP4", "gaps"}},
		{"the first parts", "gopro", func(b *bench) { b.dock("complete", "DCIM/100GOPRO/GX030042.MP4") }, []string{"chapter 0042/1-2 before GX030042.MP4", "gaps"}},
		{"all parts", "gopro", func(b *bench) {
			b.dock("complete", "DCIM/100GOPRO/GX010042.MP4", "DCIM/100GOPRO/GX020042.MP4", "DCIM/100GOPRO/GL010042.LRV", "DCIM/100GOPRO/GX010042.THM")
		}, []string{"complete"}},
		{"a sidecar alone", "gopro", func(b *bench) { b.dock("complete", "DCIM/100GOPRO/GX010042.MP4", "DCIM/100GOPRO/GX010043.THM") },
			[]string{"recording .thm by GX010043.THM", "gaps"}},
		{"no sidecar", "dcf", func(b *bench) {
			b.dock("complete", append(dcf(1, 2, 3), "DCIM/100CANON/MVI_0001.THM", "DCIM/100CANON/MVI_0003.THM")...)
		}, []string{"sidecar .thm after MVI_0001.MP4 before MVI_0003.MP4 by MVI_0002.MP4", "gaps"}},
		{"sidecars from some day on", "dcf", func(b *bench) { b.dock("complete", append(dcf(1, 2, 3), "DCIM/100CANON/MVI_0003.THM")...) }, []string{"complete"}},
		{"seen and not taken", "dcf", func(b *bench) {
			b.dock("complete", append(dcf(1, 2), "DCIM/100CANON/MVI_0003.MP4 failed", "x.tmp ignored")...)
		}, []string{"listed #3", "gaps"}},
		{"taken later", "dcf", func(b *bench) {
			b.dock("complete", append(dcf(1, 2), "DCIM/100CANON/MVI_0003.MP4 unstable")...)
			b.dock("complete", dcf(3)...)
		}, []string{"complete"}},
		{"taken by a docking that has no end", "dcf", func(b *bench) {
			b.dock("complete", append(dcf(1, 2), "DCIM/100CANON/MVI_0003.MP4 unstable")...)
			b.dock("", dcf(3)...)
		}, []string{"unfinished 1", "unknown"}},
		{"taken out too early", "dcf", func(b *bench) { b.dock("complete", dcf(1)...); b.dock("gone", dcf(2)...) }, []string{"unfinished 1", "unknown"}},
		{"docked again", "dcf", func(b *bench) { b.dock("gone", dcf(1)...); b.dock("complete", dcf(2)...) }, []string{"complete"}},
		{"still docked", "dcf", func(b *bench) { b.dock("", dcf(1)...) }, []string{"unfinished 1", "unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.profile)
			c.dock(b)
			if diff := cmp.Diff(c.want, b.says()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCounts: of each count it is said from where to where it was looked through.
func TestCounts(t *testing.T) {
	b := newBench(t, "dcf")
	b.dock("complete", dcf(7, 8, 11)...)
	got := b.g.Findings().Devices[0]
	want := Device{Device: "c017", Result: Missing, Dockings: 1, Clips: 3, Unknown: []Doubt{}, Counts: []Count{
		{First: "0007", Last: "0011", From: "dk3v9q-1", To: "dk3v9q-3", Here: 3, Missing: 2},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	lines := []string{
		"device c017 gaps 1 3", "count c017 0007 0011 dk3v9q-1 dk3v9q-3 3 2", "gap c017 number 0 dk3v9q-2 dk3v9q-3 - 0009-0010 2",
	}
	if diff := cmp.Diff(lines, b.g.Findings().Lines()); diff != "" {
		t.Error(diff)
	}
}

// TestOwnLog: what the device says that it recorded is here, or is missing.
func TestOwnLog(t *testing.T) {
	b := newBench(t, "a11")
	b.dock("complete", a11("02", "18:01:18", 1), a11("02", "18:02:40", 2), "LOG/20260902.txt")
	logs := b.g.DeviceLogs()
	if len(logs) != 1 || logs[0].Clip != b.clips["LOG/20260902.txt"] {
		t.Fatal(logs)
	}
	text := "2026-09-02 18:00:51 #ID:2222222 power on\r\n2026-09-02 18:01:18 #ID:2222222 record start 0001\r\n2026-09-02 18:02:40 #ID:2222222 record start 0002\n"
	b.g.ReadLog(logs[0], []byte(text))
	if diff := cmp.Diff([]string{"complete"}, b.says()); diff != "" {
		t.Error(diff)
	}
	b.g.ReadLog(logs[0], []byte(text+"2026-09-02 18:02:55 #ID:2222222 photo 0003\n2026-09-01 18:01:18 #ID:2222222 record start 0001"))
	if diff := cmp.Diff([]string{"logged 1 by 20260902.txt", "logged 3 by 20260902.txt", "gaps"}, b.says()); diff != "" {
		t.Error(diff)
	}
	b.g.Unread(logs[0])
	if got := b.says(); !slices.Contains(got, "log_unread 1") {
		t.Error(got)
	}
}

// TestErasedRecords: where names are gone nothing is claimed.
func TestErasedRecords(t *testing.T) {
	b := newBench(t, "dcf")
	b.dock("complete", dcf(1, 2)...)
	b.take("clip.ingested", manifest.Object{"docking": b.docking, "role": "main"}, nil)
	if diff := cmp.Diff([]string{"record_erased 1", "unknown"}, b.says()); diff != "" {
		t.Error(diff)
	}
	if got := NewGaps(profile.Set{}, "").Findings().Result; got != Unknown {
		t.Errorf("of an empty log: %s", got)
	}
}

// TestWord: what a device wrote is shown as plain letters.
func TestWord(t *testing.T) {
	for in, want := range map[string]string{
		".thm": ".thm", ".t\x1b[2J x": ".t%1b%5b2J%20x", "0042": "0042", "é\u202e": "%c3%a9%e2%80%ae",
		strings.Repeat("a", 100): strings.Repeat("a", maxWord),
	} {
		if got := word(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

// FuzzTake: whatever a camera calls its files and writes into its log, what is said
// is words of plain letters.
func FuzzTake(f *testing.F) {
	f.Add("DCIM/100CANON/MVI_0001.MP4", "DCIM/100CANON/MVI_0003.T\x1b[2J", "2026-09-02 18:01:18 #ID:1 record start 0001")
	f.Add("G\xffX010042.MP4", "GX990042.MP4", "record start 99999999999999999999")
	f.Add("A11_2222222_100234_20269999999999_0001.mp4", "A11_0000000_000000_20260902080000_999999999.mp4", "")
	f.Fuzz(func(t *testing.T, one, two, line string) {
		for _, p := range []string{"a11", "gopro", "dcf", "zoom"} {
			b := newBench(t, p)
			b.dock("complete")
			for i, name := range []string{one, two, one + ".thm", "LOG/1.txt"} {
				b.file(name, time.Date(2026, 9, 2, i, 0, 0, 0, time.UTC))
			}
			b.take("docking.closed", manifest.Object{"docking": b.docking, "end": "gone"}, map[string]any{"before": []map[string]any{{"path": two, "outcome": "failed"}}})
			for _, l := range b.g.DeviceLogs() {
				b.g.ReadLog(l, []byte(line))
			}
			found := b.g.Findings()
			g := manifest.Gaps{Origin: "a/dk3v9q", By: "admin", Size: b.n, Result: found.Result, Lines: found.Lines()}
			skey, _, err := manifest.NewKey("a/dk3v9q")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := g.Sign(signer(t, skey)); err != nil {
				t.Fatalf("%v: %q", err, g.Text())
			}
		}
	})
}
