package testbench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	r := Cmd{Bin: "sh", Args: []string{"-c", "cat; echo $X; pwd; echo bad >&2; exit 3"}, Env: []string{"X=env"}, Dir: "/", Stdin: "in\n"}.Start(t).Wait()
	if r.Code != 3 || r.Stdout != "in\nenv\n/\n" || r.Stderr != "bad\n" {
		t.Errorf("%+v", r)
	}
}

func TestKillWhen(t *testing.T) {
	p := Cmd{Bin: "sh", Args: []string{"-c", "echo one; echo two; exec sleep 600"}}.Start(t)
	if got := p.Await("tw."); got != "two" {
		t.Errorf("awaited %q", got)
	}
	r, alive := p.KillWhen(func(stdout, _ string) bool { return strings.Contains(stdout, "one") })
	if !alive || r.Code != -1 || r.Stdout != "one\ntwo\n" {
		t.Errorf("alive %v, %+v", alive, r)
	}
}

func TestKillTakesChildren(t *testing.T) {
	// Kill waits for the end of the output, which the child holds open for as
	// long as it lives.
	p := Cmd{Bin: "sh", Args: []string{"-c", "sleep 600 & echo started; wait"}}.Start(t)
	p.Await("started")
	if r := p.Kill(); r.Code != -1 {
		t.Errorf("%+v", r)
	}
}

func TestKillAfter(t *testing.T) {
	if r, alive := (Cmd{Bin: "sleep", Args: []string{"600"}}).Start(t).KillAfter(time.Millisecond); !alive || r.Code != -1 {
		t.Errorf("alive %v, %+v", alive, r)
	}
	if r, alive := (Cmd{Bin: "true"}).Start(t).KillAfter(Patience); alive || r.Code != 0 {
		t.Errorf("alive %v, %+v", alive, r)
	}
}

func TestInjection(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	for _, p := range []string{one, two} {
		if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name  string
		in    Injection
		args  []string
		code  int
		fired int
	}{
		{"error", Injection{Calls: "fsync", Fault: "error=EIO"}, []string{"sync", one, two}, 1, 2},
		{"second", Injection{Calls: "fsync,fdatasync", Fault: "error=EIO", When: "2"}, []string{"sync", one, two}, 1, 1},
		{"path", Injection{Calls: "fsync", Fault: "error=EIO", Path: two}, []string{"sync", one}, 0, 0},
		{"kill", Injection{Calls: "renameat2,renameat,rename", Fault: "signal=KILL"}, []string{"mv", one, two}, -1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.MayMiss = tt.fired == 0
			p := Cmd{Bin: tt.args[0], Args: tt.args[1:], Inject: []Injection{tt.in}}.Start(t)
			r := p.Wait()
			if r.Code != tt.code || len(p.Injected(tt.in)) != tt.fired {
				t.Errorf("exit %d, fired %q", r.Code, p.Injected(tt.in))
			}
		})
	}
}

// allocated is touched by the copy of this test that TestPeak starts.
var allocated []byte

func TestPeak(t *testing.T) {
	if os.Getenv("TESTBENCH_ALLOCATE") != "" {
		allocated = make([]byte, 96<<20)
		for i := range allocated {
			allocated[i] = byte(i)
		}
		select {}
	}
	p := Cmd{Bin: os.Args[0], Args: []string{"-test.run=^TestPeak$"}, Env: []string{"TESTBENCH_ALLOCATE=1"}}.Start(t)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for p.Peak() < 96<<20 {
		select {
		case <-tick.C:
		case <-p.Done():
			t.Fatalf("ended: %+v", p.Wait())
		}
	}
	// The race detector multiplies what the child takes.
	if r := p.Kill(); r.Peak < 96<<20 || r.Peak > 960<<20 || r.CPU <= 0 {
		t.Errorf("peak %d MiB, CPU %v", r.Peak>>20, r.CPU)
	}
}
