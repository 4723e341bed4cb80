package central

import (
	"sync"
	"testing"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// clock notes when something happened.
type clock struct {
	mu sync.Mutex
	at []time.Time
}

func (c *clock) note() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = append(c.at, time.Now())
}

// bySecond counts the notes of each second since the first, until now.
func (c *clock) bySecond() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.at) == 0 {
		return nil
	}
	counts := make([]int, 1+int(time.Since(c.at[0])/time.Second))
	for _, at := range c.at {
		counts[int(at.Sub(c.at[0])/time.Second)]++
	}
	return counts
}

// TestStorm: a store that refuses everything with 503 is asked less and less,
// not by all uploads at once, while cameras are taken in as ever; then the
// queue drains (fault 45).
func TestStorm(t *testing.T) {
	const clips = 20
	c := newCentre(t, testbench.S3Options{}, false)
	d := newDock(t, testbench.Build(t), c.Env(), "", storeText("centre", c.url(), unlocked))
	p := d.daemon()
	d.awaitQuiet()
	var asked clock
	c.line.Inject(testbench.WireFault{Kind: testbench.Refused, Do: asked.note})
	cam, files := camera(t, clips, 50_000, 1)
	if err := d.ingest("1s", cam).kept(clips); err != nil {
		t.Fatal(err)
	}
	if err := d.awaitAlarm("store_unreachable", "status 503"); err != nil {
		t.Error(err)
	}
	// In the end there is a knock now and then.
	await(t, "the store is left alone", func() bool {
		counts := asked.bySecond()
		n := len(counts) - 1 // the last one goes on
		return n >= 8 && counts[n-1]+counts[n-2]+counts[n-3]+counts[n-4] <= 8
	})
	counts := asked.bySecond()
	c.line.Heal()
	t.Logf("%d requests refused, by second: %v", c.line.Fired(testbench.Refused), counts)
	for i, n := range counts {
		if i >= 2 && n > clips { // a herd: all come back in one second
			t.Errorf("%d requests in second %d", n, i)
		}
	}
	await(t, "the queue is empty", func() bool { return d.waiting("") == 0 })
	d.awaitQuiet()
	if err := d.settled(c, files...); err != nil {
		t.Error(err)
	}
	d.end(p)
}
