package usb

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench/qemu"
)

const (
	idleFor  = time.Minute
	idleMost = 0.001 // of a processor
	tick     = time.Second / 100
)

// idle is a dock at which nothing happens while other journeys go on elsewhere.
type idle struct {
	d     *dock
	pid   int
	since time.Time
	spent time.Duration
}

// beginIdle starts a dock of thirty bays.
func beginIdle(t *testing.T, image *qemu.Image) *idle {
	t.Helper()
	var b strings.Builder
	b.WriteString("bays:\n")
	for i := range 30 {
		fmt.Fprintf(&b, "  - {name: bay-%02d, path: \"1-%d.%d\"}\n", i+1, i/6+1, i%6+1)
	}
	i := &idle{d: newDockOf(t, image.Boot(t), b.String())}
	i.d.rest()
	i.pid = i.d.status().PID
	i.since, i.spent = i.d.m.Now(), i.d.processor(i.pid)
	return i
}

// end wants the daemon to have used next to no processor, by the accounts of the
// machine's kernel; then it has to work as before. The kernel counts as the
// daemon's what the computer kept the machine waiting, so a span that is over is
// followed by another minute, two at most.
func (i *idle) end(t *testing.T, _ *qemu.Image) {
	i.d.t = t
	share := i.measure()
	for again := 0; share >= idleMost && again < 2; again++ {
		share = i.measure()
	}
	if share >= idleMost {
		t.Errorf("an idle dock uses %.3f %% of a processor", 100*share)
	}
	dir, files := camera(t, 1, 256<<10, 70)
	i.d.m.Hub("1")
	i.d.m.Plug(qemu.Disk{Image: qemu.VFAT(t, 4, "5F3A1B2C", dir), Serial: "CAM1", Port: "1.1", ReadOnly: true})
	i.d.await("bay-01", "may be taken", func(b ingest.BayStatus) bool { return mayTake(b) && b.Done == len(files) })
}

// measure gives the share of a processor since the last time, over a minute at
// least.
func (i *idle) measure() float64 {
	i.d.t.Helper()
	since, spent := i.since, i.spent
	for part := idleFor / 2; part <= idleFor; part += idleFor / 2 { // each within our patience
		i.d.m.Await("half a minute is over", func() bool {
			i.since = i.d.m.Now()
			return i.since.Sub(since) >= part
		})
	}
	i.spent = i.d.processor(i.pid)
	over, used := i.since.Sub(since), i.spent-spent
	i.d.t.Logf("measured: %v of processor in %.0f s with 30 bays, %.3f %%", used, over.Seconds(), 100*float64(used)/float64(over))
	return float64(used) / float64(over)
}

// processor is the time that a process has run, as a program and in the kernel.
func (d *dock) processor(pid int) time.Duration {
	d.t.Helper()
	_, stat, _ := strings.Cut(string(d.m.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))), ") ")
	fields := strings.Fields(stat)
	var spent time.Duration
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		if err != nil {
			d.t.Fatalf("process %d says %q", pid, stat)
		}
		spent += time.Duration(n) * tick
	}
	return spent
}
