package central

import (
	"testing"

	"github.com/custodock/custodock/internal/testbench"
)

// TestManyDocks: daemons with logs of their own share one prefix of a bucket.
// The same bytes from all of them are one object, and each proves its clips.
func TestManyDocks(t *testing.T) {
	t.Parallel()
	s := netBucket(t, testbench.S3Options{})
	common, shared := netClips(t, 3, 100_000, 1)
	type one struct {
		*netDock
		p, taking *testbench.Process
		files     []testbench.File
	}
	var docks []*one
	every := shared
	for i := range 3 {
		d := &one{netDock: netNew(t, testbench.Build(t), netStores(netStore("one", s.URL("evidence", "all"))), s.Env()...)}
		dir, own := netClips(t, 2, 50_000, uint64(10+i))
		d.p = d.daemon()
		docks, every = append(docks, d), append(every, own...)
		d.files = append(own, shared...)
		d.taking = d.cmd("ingest", dir, common).Start(t)
	}
	for _, d := range docks {
		if r := d.taking.WaitFor(testbench.Patience); r.Code != 0 {
			t.Fatalf("ingest ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
		}
	}
	logs := map[string]bool{}
	for _, d := range docks {
		logs[d.status().Log] = true
		d.drained()
	}
	for _, d := range docks {
		d.stop(d.p)
		d.verified(d.files...)
	}
	if len(logs) != len(docks) {
		t.Errorf("logs %v", logs)
	}
	netVersions(t, s, "evidence/all", every...)
}
