package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"github.com/custodock/custodock/access"
	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/console"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/verify"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), 1},
		{ingest.ErrNoClip, 1},
		{ingest.ErrNoCamera, 1},
		{errKept, 3},
		{&ingest.HeldError{PID: 1}, 1},
		{console.ErrNoDaemon, 1},
		{usagef("no"), 2},
		{errPartly, 3},
		{&verify.MismatchError{Cause: "x"}, 4},
		{manifest.ErrMalformed, 4},
		{manifest.ErrUntrusted, 4},
		{manifest.ErrForked, 4},
		{access.ErrDenied, 5},
	} {
		if c.err != nil {
			c.err = errors.Join(fmt.Errorf("do it: %w", c.err))
		}
		if got := codeOf(c.err); got != c.want {
			t.Errorf("%v exits %d, want %d", c.err, got, c.want)
		}
	}
}

func TestErrorsInChinese(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&ingest.HeldError{State: "/s", PID: 7, Command: "custodock run"}, "状态目录正被另一个进程使用：open state /s: process 7 (custodock run)"},
		{ingest.ErrNoState, "该目录中还没有采集站："},
		{fmt.Errorf("write: %w", syscall.ENOSPC), "磁盘已满"},
		{fmt.Errorf("write: %w", syscall.EROFS), "磁盘只读"},
		{fmt.Errorf("read: %w", syscall.EIO), "设备无法读取"},
		{manifest.ErrUntrusted, "公钥与签署本日志的密钥不符"},
		{console.ErrNoDaemon, "服务未运行"},
		{&configs.Error{File: "c.yaml", Line: 3, Column: 1, Problem: "no"}, "配置有误：c.yaml:3:1: no"},
		{access.ErrDenied, "没有权限"},
		{errors.New("odd"), "错误：odd"},
		{context.Canceled, "已中断"},
	} {
		if got := explain(c.err, message.Chinese); !strings.Contains(got, c.want) {
			t.Errorf("%v: %q lacks %q", c.err, got, c.want)
		}
		if got := explain(c.err, message.English); strings.ContainsFunc(got, func(r rune) bool { return r > 0x2000 }) {
			t.Errorf("%v in English: %q", c.err, got)
		}
	}
}

func TestErrorsAreOneSafeLine(t *testing.T) {
	err := errors.Join(errors.New("open \"a\x1b[2J\u202e\""), errors.New("close"))
	if got, want := explain(err, message.English), `open "a\x1b[2J\u202e"; close`; got != want {
		t.Errorf("explain = %q, want %q", got, want)
	}
}

func TestStateDir(t *testing.T) {
	a := newApp(nil, nil, nil, func(string) string { return "" })
	for _, c := range []struct {
		state  string
		create bool
		want   bool
	}{{"/tmp/x", true, true}, {"/tmp/x", false, false}, {systemState, true, false}} {
		a.state = c.state
		if got := a.options(c.create).Create; got != c.want {
			t.Errorf("%s, create %v: %v, want %v", c.state, c.create, got, c.want)
		}
	}
	a.flags.state = "rel"
	dir, err := a.stateDir("status", true)
	if err != nil || !filepath.IsAbs(dir) || filepath.Base(dir) != "rel" {
		t.Errorf("stateDir = %q, %v", dir, err)
	}
	a.flags.state = ""
	if _, err := a.stateDir("status", true); !errors.Is(err, errUsage) {
		t.Errorf("an empty --state: %v, want a usage error", err)
	}
}

func TestStorePath(t *testing.T) {
	for raw, want := range map[string]string{
		"file:///srv/archive":          "/srv/archive",
		"file://localhost/srv/archive": "/srv/archive",
		"file:///srv/a%20b/":           "/srv/a b",
		"file://srv/archive":           "",
		"file:srv":                     "",
		"/srv/archive":                 "",
		"s3://bucket/x":                "",
		"file:///srv?x=1":              "",
		"file:///a%zz":                 "",
		"":                             "",
	} {
		got, err := storePath(raw)
		if got != want || (want == "") != errors.Is(err, errUsage) {
			t.Errorf("storePath(%q) = %q, %v; want %q", raw, got, err, want)
		}
	}
}

func TestOverride(t *testing.T) {
	a := newApp(nil, nil, nil, nil)
	a.state = "/st ate"
	if err := a.override(&a.cfg); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]configs.Store{{URL: "file:///st%20ate/central"}}, a.cfg.Stores); d != "" {
		t.Error(d)
	}
	a.flags.stores = []string{"file:///a", "file:///b"}
	if err := a.override(&a.cfg); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]configs.Store{{URL: "file:///a"}, {URL: "file:///b"}}, a.cfg.Stores); d != "" {
		t.Error(d)
	}
}

func TestTagFlags(t *testing.T) {
	f := tagFlags{cases: []string{"A-1"}, place: "桥下", collectors: []string{"王强:013370:三队", "Li Lei"}, proves: []string{"x"}}
	got, err := f.tags()
	want := clip.Tags{
		Cases: []string{"A-1"}, Place: &clip.Place{Text: "桥下"}, Proves: []string{"x"},
		Collectors: []clip.Collector{{Person: "王强", Badge: "013370", Unit: "三队"}, {Person: "Li Lei"}},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	for _, bad := range []tagFlags{
		{collectors: []string{"a:b:c:d"}}, {collectors: []string{""}}, {cases: []string{"A"}, noCase: "x"},
		{stage: "later"}, {place: "a\x1b[2J"},
	} {
		if _, err := bad.tags(); !errors.Is(err, errUsage) {
			t.Errorf("%+v: %v, want a usage error", bad, err)
		}
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	for s, want := range map[string]time.Time{
		"":                     {},
		"2026-11-20":           time.Date(2026, 11, 20, 0, 0, 0, 0, time.Local),
		"2026-11-20T08:30":     time.Date(2026, 11, 20, 8, 30, 0, 0, time.Local),
		"2026-11-20T08:30:00Z": time.Date(2026, 11, 20, 8, 30, 0, 0, time.UTC),
		"36h":                  now.Add(-36 * time.Hour),
		"7d":                   now.AddDate(0, 0, -7),
	} {
		got, err := parseSince(s, now)
		if err != nil || !got.Equal(want) {
			t.Errorf("parseSince(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"yesterday", "-3h", "-1d", "99999999999d", "2026-13-01"} {
		if _, err := parseSince(s, now); !errors.Is(err, errUsage) {
			t.Errorf("parseSince(%q): %v, want a usage error", s, err)
		}
	}
}

func TestTableAlignsChinese(t *testing.T) {
	tab := newTable("编号", "BYTES", "PATH").alignRight(1)
	tab.add("dk3-1", "12", "甲.mp4")
	tab.add("记录", "1234567", "b")
	lines := strings.Split(strings.TrimSuffix(tab.String(), "\n"), "\n")
	at := func(line, part string) int {
		return runewidth.StringWidth(line[:strings.Index(line, part)])
	}
	if a, b, c := at(lines[0], "PATH"), at(lines[1], "甲"), at(lines[2], "b"); a != b || b != c {
		t.Errorf("columns start at %d, %d, %d:\n%s", a, b, c, tab)
	}
}

func TestMeterIsHonest(t *testing.T) {
	now := time.Unix(0, 0)
	a := newApp(nil, nil, nil, nil)
	a.lang, a.now = message.English, func() time.Time { return now }
	m := newMeter(a, 80)
	const gb = 1_000_000_000
	for _, step := range []struct {
		after time.Duration
		p     ingest.Progress
		want  string
	}{
		{0, ingest.Progress{Listing: true, Files: 7}, "looking: 7 files so far"},
		{0, ingest.Progress{TotalBytes: 10 * gb}, "[                    ] reading   0%, 0 B of 10.0 GB"},
		{2 * time.Second, ingest.Progress{TotalBytes: 10 * gb, ReadBytes: 2 * gb}, "[====                ] reading  20%, 2.0 GB of 10.0 GB, 1.0 GB/s, about 8.0s left"},
		{3 * time.Second, ingest.Progress{TotalBytes: 10 * gb, ReadBytes: 2 * gb}, "[====                ] reading  20%, 2.0 GB of 10.0 GB, 400.0 MB/s, about 20s left"},
		{9 * time.Second, ingest.Progress{TotalBytes: 10 * gb, ReadBytes: 2 * gb}, "[====                ] reading  20%, 2.0 GB of 10.0 GB, waiting"},
		{time.Second, ingest.Progress{TotalBytes: 10 * gb, ReadBytes: 10 * gb, StoredBytes: 4 * gb}, "[========            ] storing  40%, 4.0 GB of 10.0 GB"},
		{time.Second, ingest.Progress{TotalBytes: 10 * gb, ReadBytes: 10 * gb, StoredBytes: 10 * gb}, "publishing"},
	} {
		now = now.Add(step.after)
		if got := m.line(step.p); got != step.want {
			t.Errorf("after %s: %q\nwant %q", step.after, got, step.want)
		}
	}
}

func TestMeterIsSilentInAPipe(t *testing.T) {
	var out bytes.Buffer
	a := newApp(nil, nil, &out, nil)
	m := newMeter(a, width(&out))
	m.show(ingest.Progress{Files: 1, Listing: true})
	m.clear()
	if out.Len() > 0 {
		t.Errorf("it wrote %q", out.String())
	}
}

func TestIngestEndsPartly(t *testing.T) {
	for _, c := range []struct {
		name string
		sums []ingest.Summary
		errs []error
		want int
	}{
		{"all stored", []ingest.Summary{{Files: 1, Stored: 1}}, []error{nil}, 0},
		{"links skipped", []ingest.Summary{{Skipped: 3}}, []error{nil}, 0},
		{"a store away", []ingest.Summary{{Files: 1, Recorded: 1}}, []error{nil}, 3},
		{"one failed", []ingest.Summary{{Files: 2, Stored: 1, Failed: 1}}, []error{nil}, 3},
		{"the only folder", []ingest.Summary{{}}, []error{errors.New("gone")}, 1},
		{"one folder of two", []ingest.Summary{{Files: 1, Stored: 1}, {}}, []error{nil, errors.New("gone")}, 3},
		{"denied", []ingest.Summary{{}}, []error{access.ErrDenied}, 5},
	} {
		var out, errOut bytes.Buffer
		a := newApp(nil, &out, &errOut, nil)
		a.flags.json = true
		p := a.newIngestPrinter(len(c.sums))
		for i := range c.sums {
			p.ended(i, c.sums[i], c.errs[i])
		}
		if got := codeOf(p.finish(time.Second)); got != c.want {
			t.Errorf("%s: exit %d, want %d", c.name, got, c.want)
		}
		if !strings.HasPrefix(out.String(), `{"summary":{"files":`) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: %q", c.name, out.String())
		}
	}
}

func TestBoardListensOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "dock.example:0", "127.0.0.1"} {
		if l, err := listenBoard(addr); !errors.Is(err, errUsage) {
			t.Errorf("listenBoard(%q) = %v, %v; want a usage error", addr, l, err)
		}
	}
	l, err := listenBoard("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if l, err := listenBoard(""); l != nil || err != nil {
		t.Errorf("no board: %v, %v", l, err)
	}
}

func TestVerifyMergesStores(t *testing.T) {
	var out bytes.Buffer
	a := newApp(nil, &out, nil, nil)
	a.flags.json = true
	p := a.newVerifyPrinter()
	for _, r := range []verify.Result{
		{Clip: "a-1", Result: verify.OK}, {Clip: "a-2", Result: verify.OK},
		{Clip: "a-1", Result: verify.Missing, Problem: "not there"}, {Clip: "a-2", Result: verify.OK},
	} {
		if err := p.collect(r); err != nil {
			t.Fatal(err)
		}
	}
	var total verify.Report
	if err := p.flush(&total); err != nil {
		t.Fatal(err)
	}
	if total.Clips != 2 || total.OK != 1 || total.Missing != 1 {
		t.Errorf("%+v", total)
	}
	want := `{"clip":"a-1","sha256":"","result":"missing","problem":"not there"}` + "\n" + `{"clip":"a-2","sha256":"","result":"ok","problem":""}` + "\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func TestBoardEndsWithOpenStreams(t *testing.T) {
	l, err := listenBoard("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	open := make(chan struct{})
	stream := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(open)
		<-r.Context().Done()
	})
	go func() { served <- serveBoard(ctx, l, stream, slog.New(slog.DiscardHandler)) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-open
	cancel()
	if err := <-served; err != nil {
		t.Errorf("serveBoard = %v", err)
	}
}

// statusDesk has a status that changes each time it is asked for.
type statusDesk struct {
	console.Desk
	asked int
	end   context.CancelFunc
}

func (d *statusDesk) Status(context.Context) (ingest.Status, error) {
	d.asked++
	return ingest.Status{Log: "dk3", Size: int64(d.asked), Alarms: []ingest.Alarm{{Code: "disk_full", Text: "raw"}, {Code: "new", Text: "odd\x1b thing"}}}, nil
}

func (d *statusDesk) Changed(ctx context.Context) error {
	if d.asked == 3 {
		d.end()
		return ctx.Err()
	}
	return nil
}

func TestWatchShowsEveryChangeUntilTheEnd(t *testing.T) {
	for _, json := range []bool{true, false} {
		var out bytes.Buffer
		a := newApp(nil, &out, nil, nil)
		a.lang, a.flags.json = message.English, json
		ctx, cancel := context.WithCancel(t.Context())
		if err := a.watch(ctx, &statusDesk{end: cancel}); err != nil {
			t.Errorf("watch = %v", err)
		}
		want := []string{`"size":3,`, `"bays":[],"queue":[],"alarms":[{"code":"disk_full"`}
		if !json {
			want = []string{"3 entries", "No camera is docked.", "The dock's disk is full", "Free space", `odd\x1b thing`}
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("json %v: no %q in\n%s", json, w, out.String())
			}
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Errorf("an escape reached a pipe: %q", out.String())
		}
	}
}
