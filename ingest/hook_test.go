package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/program"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
)

// hooked is a dock with one bay whose unlock hook is a shell script; $0 of the
// script is a path of its own.
func hooked(t *testing.T, script string, change func(*Options)) (s *Station, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "told")
	o := testOptions(t)
	o.Config.Bays = []configs.Bay{{Name: "bay-01", Path: "1-1.4"}}
	o.Config.Hooks = []configs.Hook{{Profile: "gopro", Unlock: []string{"/bin/sh", "-c", script, path}, Timeout: time.Minute}}
	if change != nil {
		change(&o)
	}
	return openStation(t, o), path
}

const cameraVendor, cameraProduct = 0x2672, 0x0042

func (s *Station) unlockOne() (bool, error) {
	return s.hookUnlock(context.Background(), "1-1.4", cameraVendor, cameraProduct, "12$(reboot)\n-rf /\xff")
}

// results are what the hook.called entries say.
func results(t *testing.T, s *Station) (out []string, records []hookRecord) {
	t.Helper()
	entries, raw := entriesOf(t, s, "hook.called")
	for i, e := range entries {
		var rec hookRecord
		if err := json.Unmarshal(raw[i], &rec); err != nil {
			t.Fatal(err)
		}
		records = append(records, rec)
		out = append(out, e.Fields.Str("hook")+" "+e.Fields.Str("bay")+" "+e.Fields.Str("result"))
	}
	return out, records
}

// TestUnlock: the act is entered before it is done, and the script learns what
// the bus says of the camera, made harmless, and nothing of the dock.
func TestUnlock(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for the program")
	s, path := hooked(t, `tr '\0' '\n' <"/proc/$$/environ" >"$0"; cat >>"$0"; echo done; echo "no \033 trouble" >&2`, nil)
	called, err := s.unlockOne()
	if !called || err != nil {
		t.Fatalf("called %v, %v", called, err)
	}
	told, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "PATH=/usr/bin:/bin\nLANG=C\nCUSTODOCK_HOOK=unlock\nCUSTODOCK_PROFILE=gopro\nCUSTODOCK_BAY=bay-01\nCUSTODOCK_DEVICE=\n" +
		"CUSTODOCK_PORT=1-1.4\nCUSTODOCK_VENDOR=2672\nCUSTODOCK_PRODUCT=0042\nCUSTODOCK_SERIAL=12__reboot__-rf___\n"
	if d := cmp.Diff(want, string(told)); d != "" {
		t.Error(d)
	}
	got, records := results(t, s)
	if d := cmp.Diff([]string{"unlock bay-01 begun", "unlock bay-01 ok"}, got); d != "" {
		t.Error(d)
	}
	if r := records[1]; r.Answer != "done\n" || r.Stderr != "no \x1b trouble\n" || r.Profile != "gopro" || len(r.Command) != 4 ||
		r.USB.Vendor != "2672" || !strings.HasPrefix(r.USB.Serial, "12$(reboot)") {
		t.Errorf("record %+v", r)
	}
	entries, raw := entriesOf(t, s, "hook.called")
	if begun, _ := entries[1].Fields.Int("begun"); begun != entries[0].N || bytes.Contains(entries[0].Raw, []byte("reboot")) || bytes.ContainsRune(raw[1], '\x1b') {
		t.Errorf("entries %s, %s, record %q", entries[0].Raw, entries[1].Raw, raw[1])
	}
}

// TestUnlockIsEnteredFirst: what cannot be entered is not done.
func TestUnlockIsEnteredFirst(t *testing.T) {
	s, path := hooked(t, `: >"$0"`, nil)
	s.alarms.raise("log_forked", errors.New("another history"), s.now())
	if called, err := s.unlockOne(); !called || !errors.Is(err, manifest.ErrForked) {
		t.Errorf("called %v, %v", called, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the program ran: %v", err)
	}
	if got, _ := results(t, s); len(got) != 0 {
		t.Errorf("entered %q", got)
	}
}

// TestUnlockOfOthers: no program runs for a camera that no hook is for, nor
// where two could be meant.
func TestUnlockOfOthers(t *testing.T) {
	s, path := hooked(t, `: >"$0"`, nil)
	if called, err := s.hookUnlock(context.Background(), "1-1", 0x0603, 0x8611, ""); called || err != nil {
		t.Errorf("called %v, %v", called, err)
	}
	cfg := *s.conf()
	cfg.Hooks = nil
	s.cfg.Store(&cfg)
	if called, err := s.unlockOne(); called || err != nil {
		t.Errorf("without hooks: called %v, %v", called, err)
	}
	cfg.Hooks = []configs.Hook{{Profile: "gopro", Clock: []string{"/bin/true"}}}
	if called, err := s.unlockOne(); called || err != nil {
		t.Errorf("with a clock alone: called %v, %v", called, err)
	}
	cfg.Hooks = []configs.Hook{
		{Profile: "gopro", Unlock: []string{"/bin/touch", path}, Timeout: time.Minute},
		{Profile: "gopro", Unlock: []string{"/bin/touch", path}, Timeout: time.Minute},
	}
	if called, err := s.unlockOne(); called || err == nil || !strings.Contains(err.Error(), "both fit 2672:0042") {
		t.Errorf("two fit: called %v, %v", called, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program ran: %v", err)
	}
	if got, _ := results(t, s); len(got) != 0 {
		t.Errorf("entered %q", got)
	}
}

// TestUnlockFails: what went wrong is in the log, with the first of what the
// program said.
func TestUnlockFails(t *testing.T) {
	s, _ := hooked(t, `head -c 10000 /dev/zero | tr '\0' x >&2; exit 3`, nil)
	if called, err := s.unlockOne(); !called || err == nil || !strings.Contains(err.Error(), "exit status 3: try it by hand") {
		t.Errorf("called %v, %v", called, err)
	}
	got, records := results(t, s)
	if d := cmp.Diff([]string{"unlock bay-01 begun", "unlock bay-01 failed"}, got); d != "" || records[1].Problem != "exit status 3" || len(records[1].Stderr) != answerMost {
		t.Errorf("%s, %d bytes, %q", d, len(records[1].Stderr), records[1].Problem)
	}
}

// fifoOf makes a fifo for a script and returns when it was written to.
func fifoOf(t *testing.T, path string) (read func() *os.File) {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	both, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := both.SetReadDeadline(time.Now().Add(testbench.Patience)); err != nil {
		t.Fatal(err)
	}
	return func() *os.File {
		t.Helper()
		if _, err := io.ReadFull(both, make([]byte, 3)); err != nil {
			t.Fatalf("the program did not start: %v", err)
		}
		return both
	}
}

// TestUnlockHangs: a program that hangs is killed with its child, and another
// call in the same bay waits for that, while other bays go on.
func TestUnlockHangs(t *testing.T) {
	due := make(chan time.Time)
	s, path := hooked(t, `if [ "$CUSTODOCK_PORT" = 1-2 ]; then exit 0; fi; exec >"$0.fifo"; (echo up; exec sleep 100000) & wait`, func(o *Options) {
		o.after = func(time.Duration) <-chan time.Time { return due }
	})
	up := fifoOf(t, path+".fifo")
	ended, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.unlockOne()
		ended <- err
	}()
	held := up()
	if _, err := s.hookUnlock(context.Background(), "1-2", cameraVendor, cameraProduct, ""); err != nil {
		t.Errorf("another bay: %v", err)
	}
	go func() {
		_, err := s.unlockOne()
		second <- err
	}()
	reader, err := os.OpenFile(path+".fifo", os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	for _, end := range []chan error{ended, second} {
		due <- time.Time{}
		if err := <-end; !errors.Is(err, program.ErrTimeout) {
			t.Errorf("ended with %v", err)
		}
	}
	if b, err := io.ReadAll(reader); err != nil || strings.Trim(string(b), "up\n") != "" {
		t.Errorf("its child lives: %q, %v", b, err)
	}
	got, _ := results(t, s)
	if d := cmp.Diff([]string{
		"unlock bay-01 begun", "unlock  begun", "unlock  ok", "unlock bay-01 timeout", "unlock bay-01 begun", "unlock bay-01 timeout",
	}, got); d != "" {
		t.Error(d)
	}
}
