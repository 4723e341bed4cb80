package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newBench is one that prints nowhere and measures no custodock.
func newBench(t *testing.T) *Bench {
	t.Helper()
	return &Bench{Dir: t.TempDir(), ctx: t.Context(), scale: 1, out: io.Discard}
}

// fakeRow has three sides that tell in which order they ran.
func fakeRow(order *[]string, fail string) Row {
	side := func(name string, seconds float64) Side {
		return Side{name, func(context.Context) (Sample, error) {
			*order = append(*order, name)
			if name == fail {
				return Sample{}, errors.New("it broke")
			}
			return Sample{Seconds: seconds, CPU: 1, Extra: map[string]float64{"parts": 3}}, nil
		}}
	}
	return Row{
		ID: "0", Title: "nothing", Rounds: 3,
		Make: func(b *Bench) (Sides, func(), error) {
			b.Note("a note")
			return Sides{side("a", 1), side("b", 2), side("c", 4)}, func() { *order = append(*order, "undone") }, nil
		},
		Bars: []Bar{{Name: "a / b", Of: wall("a", "b"), Most: 0.5}, {Name: "b / a", Of: wall("b", "a"), Least: 2.1}, {Name: "c / a", Of: wall("c", "a")}},
	}
}

func TestMeasureRotates(t *testing.T) {
	var order []string
	r, err := newBench(t).measure(fakeRow(&order, ""))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("abcbcacab undone", strings.ReplaceAll(strings.Join(order, ""), "undone", " undone")); diff != "" {
		t.Error(diff)
	}
	want := []Result{
		{Name: "a / b", spread: spread{0.5, 0.5, 0.5}, Most: 0.5, Met: true},
		{Name: "b / a", spread: spread{2, 2, 2}, Least: 2.1},
		{Name: "c / a", spread: spread{4, 4, 4}, Met: true},
	}
	if diff := cmp.Diff(want, r.Bars, cmp.AllowUnexported(Result{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a note"}, r.Notes); diff != "" {
		t.Error(diff)
	}
}

func TestMeasureFails(t *testing.T) {
	var order []string
	_, err := newBench(t).measure(fakeRow(&order, "b"))
	if err == nil || !strings.Contains(err.Error(), "b, round 1: it broke") {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "undone"}, order); diff != "" {
		t.Error(diff)
	}
}

// TestInterrupt: what is broken off kills the run under way with its children,
// undoes the row and leaves nothing.
func TestInterrupt(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.ctx = ctx
	b.Dir = filepath.Join(t.TempDir(), "bench")
	if err := os.Mkdir(b.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	started, undone := filepath.Join(b.Dir, "started"), false
	if out, err := exec.Command("mkfifo", started).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	row := Row{ID: "0", Rounds: 2, Make: func(*Bench) (Sides, func(), error) {
		return Sides{{"sleeper", func(ctx context.Context) (Sample, error) {
			s, _, err := Timed(ctx, exec.Command("sh", "-c", `sleep 600 >/dev/null 2>&1 & echo $! >"$0"; wait`, started), nil)
			return s, err
		}}}, func() { undone = true }, nil
	}}
	child := make(chan string, 1)
	go func() {
		pid, _ := os.ReadFile(started) // until the child is there
		child <- strings.TrimSpace(string(pid))
		cancel()
	}()
	if _, err := b.measure(row); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	awaitEnd(t, <-child)
	if err := b.close(); err != nil || !undone {
		t.Errorf("undone %v, %v", undone, err)
	}
	if _, err := os.Stat(b.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// awaitEnd waits until a process is no more, or only waits to be reaped.
func awaitEnd(t *testing.T, pid string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			n, err := strconv.Atoi(pid)
			if err == nil {
				err = syscall.Kill(n, syscall.SIGKILL)
			}
			t.Fatalf("child %s outlived its run (killed now: %v)", pid, err)
		}
	}
}

func TestSelected(t *testing.T) {
	all := []Row{{ID: "1 5"}, {ID: "2 minio"}, {ID: "2 versitygw"}, {ID: "8"}}
	for _, tt := range []struct {
		list          string
		want, unknown string
	}{
		{"", "1 5|2 minio|2 versitygw|8", ""},
		{"5", "1 5", ""},
		{"2, 8", "2 minio|2 versitygw|8", ""},
		{"2 minio", "2 minio", ""},
		{"minio,9,x", "2 minio", "9|x"},
	} {
		found, unknown := selected(all, tt.list)
		var ids []string
		for _, r := range found {
			ids = append(ids, r.ID)
		}
		if got := strings.Join(ids, "|"); got != tt.want || strings.Join(unknown, "|") != tt.unknown {
			t.Errorf("%q: %q, unknown %q", tt.list, got, unknown)
		}
	}
}
