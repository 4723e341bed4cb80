package central

import (
	"testing"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// TestBandwidth: inside its hours a limit holds for the whole store, however
// many clips are on their way; outside it costs nothing.
func TestBandwidth(t *testing.T) {
	t.Parallel()
	const (
		rate  = 256 << 10 // bytes a second
		clips = 4
		size  = 300_000
	)
	s := netBucket(t, testbench.S3Options{})
	took := func(name string, from, to time.Duration, seed uint64) time.Duration {
		t.Helper()
		at := func(d time.Duration) string { return `"` + time.Now().Add(d).Format("15:04") + `"` }
		d := netNew(t, testbench.Build(t), netStores(netStore("one", s.URL("evidence", name),
			"bandwidth:", "  - from: "+at(from), "    to: "+at(to), "    rate: 256KiB")), s.Env()...)
		dir, files := netClips(t, clips, size, seed)
		p := d.daemon()
		start := time.Now()
		d.wants(ingest.StateStored, "1m", dir, files)
		took := time.Since(start)
		d.drained()
		d.stop(p)
		d.once(s, "evidence/"+name, []string{"one"}, files...)
		return took
	}
	free := took("free", 2*time.Hour, 3*time.Hour, 1)
	held := took("held", -time.Hour, time.Hour, 2)
	t.Logf("%d bytes in %v with a limit of %d a second, in %v without", clips*size, held, rate, free)
	least := time.Duration(clips*size) * time.Second / rate * 9 / 10
	if held < least || held < free {
		t.Errorf("%d bytes went in %v, at least %v is right", clips*size, held, least)
	}
	if free > least+5*time.Second {
		t.Errorf("without a limit %d bytes took %v", clips*size, free)
	}
}
