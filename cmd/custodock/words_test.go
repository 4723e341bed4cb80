package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/message"
	"github.com/custodock/custodock/verify"
)

func TestShellQuoteReadsBack(t *testing.T) {
	for _, s := range []string{"plain/path-1.mp4", "two words", "it's", "a\nb", "\x1b[2J", "\xff'\\", "$(reboot)", "记录", "", "a+b=c"} {
		q := shellQuote(s)
		out, err := exec.CommandContext(t.Context(), "bash", "-c", "printf %s "+q).Output()
		if err != nil || string(out) != s {
			t.Errorf("%s reads %q, %v; want %q", q, out, err, s)
		}
		if strings.ContainsFunc(q, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q does not print", q)
		}
	}
}

func TestConditionsAreTrueWhenTheyFail(t *testing.T) {
	for _, c := range []struct {
		cond   ingest.Condition
		en, zh string
		not    string // what only the condition that holds may say
	}{
		{ingest.Condition{Code: "clock", Args: []string{"16000"}, Text: "the dock's clock is synchronised", Mend: "start a time service"},
			"mend  the dock's clock is not synchronised\n      start a time service", "处理  采集站时钟未同步\n      请启动", "is synchronised"},
		{ingest.Condition{Code: "drop", Args: []string{"/srv/drop"}, Text: "folder /srv/drop is there", Mend: "make"},
			"drop folder /srv/drop is not there", "投放文件夹 /srv/drop 不存在", "is there"},
		{ingest.Condition{Code: "root", Args: []string{"/run/media"}, Text: "folder /run/media is there", Mend: "make"},
			"ok    folder /run/media is not there yet", "正常  目录 /run/media 尚不存在", "is there"},
		{ingest.Condition{Code: "root", OK: true, Args: []string{"/media"}, Text: "folder /media is not there yet"},
			"ok    folder /media is not there yet", "尚不存在", "is there"},
		{ingest.Condition{Code: "disk", Args: []string{"1024", "256"}, Text: "1024 MB free", Mend: "free"},
			"the dock's disk is full: 1.1 GB free, 268.4 MB kept", "采集站磁盘已满：可用 1.1 GB", "1024 MB"},
		{ingest.Condition{Code: "disk", Text: "room on the dock's disk", Mend: "input/output error"},
			"check the disk: input/output error", "请检查磁盘：input/output error", "room on"},
		{ingest.Condition{Code: "key", Args: []string{"/s/key"}, Text: "is readable by its owner only", Mend: "chmod 600 /s/key"},
			"signing key /s/key is readable by others\n      run: chmod 600 /s/key", "请运行：chmod 600 /s/key", "owner only"},
		{ingest.Condition{Code: "key", Args: []string{"/s/key"}, Text: "is readable by its owner only", Mend: "restore it: no such file"},
			"signing key /s/key cannot be read\n      restore it from its backup", "请由备份恢复", "owner only"},
		{ingest.Condition{Code: "log", Args: []string{"dk3"}, Text: "log dk3 is the one the stores know", Mend: "x"},
			"a store holds another history of log dk3", "请停止服务后运行 custodock log recover", "is the one"},
		{ingest.Condition{Code: "store", Args: []string{"archive", "file:///a"}, Text: "store archive at file:///a answers", Mend: "not mounted"},
			"store archive at file:///a cannot be used\n      mend the cause: not mounted", "无法使用\n      请排除原因：not mounted", " answers"},
		{ingest.Condition{Code: "state", Args: []string{"/s"}, Text: "state /s", Mend: "locked"},
			"the state in /s cannot be opened\n      the cause: locked", "状态目录 /s 无法打开", ""},
		{ingest.Condition{Code: "alarm", Args: []string{"store_full"}, Text: "store_full", Mend: "no space"},
			"Central storage is full\n      Clips stay safe on the dock.", "中心存储已满", ""},
		{ingest.Condition{Code: "alarm", Args: []string{"device_error", "bay1", "2", "c017"}, Text: "device_error", Mend: "input/output error"},
			"Bay bay1: 2 clips remain on camera c017 only\n      Dock it again.", "端口 bay1：有 2 个文件仅在设备 c017 上", ""},
		{ingest.Condition{Code: "new", Text: "a thing", Mend: "do it"}, "mend  a thing\n      do it", "处理  a thing", ""},
	} {
		for lang, want := range map[string]string{message.English: c.en, message.Chinese: c.zh} {
			var out bytes.Buffer
			a := newApp(nil, &out, nil, nil)
			a.lang = lang
			err := a.printConditions([]ingest.Condition{c.cond}, nil)
			if !strings.Contains(out.String(), want) || c.not != "" && strings.Contains(out.String(), c.not) {
				t.Errorf("%s %q: %s", lang, c.cond.Text, out.String())
			}
			if wants := c.cond.Code != "root"; wants != errors.Is(err, errUnwell) {
				t.Errorf("%s: %v", c.cond.Code, err)
			}
		}
	}
	var out bytes.Buffer
	a := newApp(nil, &out, nil, nil)
	a.lang, a.flags.json = message.Chinese, true
	_ = a.printConditions([]ingest.Condition{{Code: "clock", Args: []string{"1"}, Text: "is synchronised", Mend: "m"}}, nil)
	if want := `"ok":false,"text":"the dock's clock is not synchronised","mend":"m"}`; !strings.Contains(out.String(), want) {
		t.Errorf("%s lacks %s", out.String(), want)
	}
}

func TestInterruptedIngestCountsWhatIsLeft(t *testing.T) {
	file := ingest.Event{File: &ingest.FileResult{State: ingest.StateStored, Path: "a"}}
	progress := ingest.Event{Progress: &ingest.Progress{Files: 5, TotalBytes: 500}}
	for name, sum := range map[string]ingest.Summary{
		"the engine sums up":     {Files: 5, Bytes: 500, Stored: 1},
		"the daemon was left":    {},
		"told less than settled": {Files: 5, Bytes: 500, Stored: 1, Skipped: 3},
	} {
		var out bytes.Buffer
		a := newApp(nil, &out, &out, nil)
		a.lang = message.English
		p := a.newIngestPrinter(1)
		p.event(0, progress)
		p.event(0, file)
		p.ended(0, sum, context.Canceled)
		if err := p.finish(time.Second); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range []string{"5 files, 500 B: 1 stored", "4 files were not reached\n"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in %s", name, want, out.String())
			}
		}
	}
}

func TestAReasonIsToldOnce(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		var out bytes.Buffer
		a := newApp(nil, &out, nil, nil)
		a.lang, a.flags.quiet = message.English, quiet
		p := a.newIngestPrinter(1)
		for range 3 {
			p.event(0, ingest.Event{File: &ingest.FileResult{State: ingest.StateRecorded, Path: "a", Error: "store x is away"}})
		}
		p.event(0, ingest.Event{File: &ingest.FileResult{State: ingest.StateFailed, Path: "b", Error: "torn"}})
		p.ended(0, ingest.Summary{Files: 4, Recorded: 3, Failed: 1}, nil)
		if err := p.finish(time.Second); !errors.Is(err, errPartly) {
			t.Error(err)
		}
		if strings.Count(out.String(), "store x is away") != 1 || !strings.Contains(out.String(), "b: torn") {
			t.Errorf("quiet %v: %s", quiet, out.String())
		}
	}
}

func TestCustodyNote(t *testing.T) {
	a := newApp(nil, nil, nil, nil)
	a.lang = message.English
	for _, c := range []struct{ typ, record, want string }{
		{"clip.tagged", `{"nonce":"x","tags":{"cases":["A","B"],"place":{"text":"Gate 4"},"collectors":[{"person":"Li","badge":"7"}]},"reason":"late"}`,
			"cases A + B, place Gate 4, collectors Li 7; reason: late"},
		{"clip.tagged", `{"tags":{"no_case":"training"}}`, "no case training"},
		{"clip.exported", `{"reason":"order\u001b[2J","for":"court"}`, `for: court; reason: order\x1b[2J`},
		{"clip.ingested", `{"path":"a","tags":{"cases":["A"]}}`, ""},
		{"clip.tagged", "", ""},
		{"clip.tagged", "{broken", ""},
	} {
		if got := a.custodyNote(ingest.Custody{Type: c.typ, Record: c.record}); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.typ, c.record, got, c.want)
		}
	}
}

func TestTimesOfFilesHaveSeconds(t *testing.T) {
	for _, c := range []struct {
		t    clip.Time
		want string
	}{
		{clip.Time{Raw: "2026-11-22T10:00:00.123456789Z", Field: "mtime"}, "2026-11-22T10:00:00Z"},
		{clip.Time{Raw: "2026-11-22T10:00:00.5Z", Field: "mvhd"}, "2026-11-22T10:00:00.5Z"},
		{clip.Time{Raw: "odd", Field: "mtime"}, "odd"},
	} {
		if got := rawTime(c.t); got != c.want {
			t.Errorf("%v: %s, want %s", c.t, got, c.want)
		}
	}
}

func TestVerdictNamesFiles(t *testing.T) {
	problem := func(names ...string) (out []verify.Problem) {
		for _, n := range names {
			out = append(out, verify.Problem{File: n, Problem: "differs"}, verify.Problem{File: n, Problem: "twice"})
		}
		return out
	}
	for _, c := range []struct {
		r    verify.Report
		want string
	}{
		{verify.Report{Clips: 1, OK: 1, Problems: problem("verify.sh")}, "It does NOT match: verify.sh; 1 of 1 clips are proved."},
		{verify.Report{Clips: 2, OK: 1, RecordErased: 1, Problems: problem("a", "b", "c", "d")}, "It does NOT match: a, b, c and 1 more file; 2 of 2"},
		{verify.Report{Clips: 2, OK: 1, Mismatch: 1, Problems: problem("a")}, "It does NOT match: 1 of 2 clips are proved, 0 missing, 1 different."},
		{verify.Report{}, ""},
	} {
		var out bytes.Buffer
		a := newApp(nil, &out, nil, nil)
		a.lang = message.English
		if err := a.newVerifyPrinter().summary(c.r, false); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.want) || c.want == "" && out.Len() > 0 {
			t.Errorf("%q lacks %q", out.String(), c.want)
		}
	}
}

func TestEngineIsSilentUnderShortCommands(t *testing.T) {
	for _, c := range []struct {
		verbose, daemon, want bool
	}{{false, false, false}, {true, false, true}, {false, true, true}} {
		var out bytes.Buffer
		a := newApp(nil, nil, &out, nil)
		a.flags.verbose = c.verbose
		log := a.logger()
		if c.daemon {
			log = a.daemonLogger()
		}
		log.Warn("store away")
		if got := out.Len() > 0; got != c.want {
			t.Errorf("%+v: %q", c, out.String())
		}
	}
}
