package central

import (
	"testing"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// TestOneCopyIsEnough: where one store of two is enough, one that is a black
// hole costs an ingest no time, whether a daemon runs or not.
func TestOneCopyIsEnough(t *testing.T) {
	s := netBucket(t, testbench.S3Options{})
	hole := testbench.Proxy(t, s.Endpoint())
	stores := netStores(netStore("one", s.URL("evidence", "one")), netStore("two", testbench.StoreURL(hole.URL, "evidence", "two")))
	d := netNew(t, testbench.Build(t), stores+"copies:\n  stored: 1\n", s.Env()...)
	took := func(seed uint64) (time.Duration, []testbench.File) {
		t.Helper()
		dir, files := netClips(t, 3, 100_000, seed)
		start := time.Now()
		d.wants(ingest.StateStored, "1m", dir, files)
		return time.Since(start), files
	}
	p := d.daemon()
	healthy, all := took(1)
	d.drained()
	hole.Stall(true)
	held, files := took(2)
	all = append(all, files...)
	d.stop(p)
	alone, files := took(3)
	all = append(all, files...)
	if hole.Fired(testbench.Stalled) == 0 {
		t.Fatal("the line was never used")
	}
	t.Logf("healthy %v, held %v, without daemon %v", healthy, held, alone)
	if most := 2*healthy + 4*time.Second; held > most || alone > most {
		t.Errorf("an ingest took %v with a daemon and %v without, at most %v is right", held, alone, most)
	}
	hole.Stall(false)
	p = d.daemon()
	d.drained()
	d.stop(p)
	d.verified(all...)
	d.once(s, "evidence/one", []string{"one", "two"}, all...)
	netVersions(t, s, "evidence/two", all...)
}
