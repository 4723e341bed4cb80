package central

import (
	"net/http"
	"testing"
	"time"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// TestPortal: whatever page a captive portal shows, it is no store, nothing
// counts as stored, and the clips go to the store once the portal is gone
// (fault 44).
func TestPortal(t *testing.T) {
	t.Parallel()
	s := netBucket(t, testbench.S3Options{})
	for i, page := range []testbench.Page{testbench.WelcomePage, testbench.LoginPage, testbench.DeniedPage} {
		t.Run(string(page), func(t *testing.T) {
			relay := testbench.Proxy(t, s.Endpoint())
			d := netNew(t, testbench.Build(t), netStores(netStore("one", testbench.StoreURL(relay.URL, "evidence", string(page)))), s.Env()...)
			p := d.daemon()
			first, all := netClips(t, 1, 20_000, uint64(i))
			d.wants(ingest.StateStored, "1m", first, all)
			relay.Portal(page)
			dir, files := netClips(t, 2, 20_000, uint64(10+i))
			d.wants(ingest.StateRecorded, "1s", dir, files)
			d.alarmed("what answers is no store", "store_stranger")
			d.alarmed("sign in to the network", "store_stranger")
			if relay.Fired(testbench.Captured) == 0 {
				t.Fatal("the portal never answered")
			}
			relay.Portal(testbench.NoPage)
			d.drained()
			d.stop(p)
			all = append(all, files...)
			d.verified(all...)
			d.once(s, "evidence/"+string(page), []string{"one"}, all...)
		})
	}
}

// TestSkew: a server that finds the dock's clock too far off stops uploads and
// nothing else, and the dock says by how much (fault 50).
func TestSkew(t *testing.T) {
	t.Parallel()
	s := netBucket(t, testbench.S3Options{})
	relay := testbench.Proxy(t, s.Endpoint())
	d := netNew(t, testbench.Build(t), netStores(netStore("one", testbench.StoreURL(relay.URL, "evidence", "skew"))), s.Env()...)
	p := d.daemon()
	relay.ShiftDate(time.Hour)
	relay.Inject(testbench.WireFault{Kind: testbench.Refused, Method: http.MethodPut, Part: "/object/", Status: http.StatusForbidden, Code: "RequestTimeTooSkewed"})
	dir, files := netClips(t, 2, 20_000, 1)
	d.wants(ingest.StateRecorded, "1s", dir, files)
	d.alarmed("the clocks of dock and store are too far apart: by ", "store_skewed")
	d.alarmed("set the clock of the dock", "store_skewed")
	more, others := netClips(t, 1, 20_000, 2)
	d.wants(ingest.StateRecorded, "10ms", more, others)
	if relay.Fired(testbench.Refused) == 0 || relay.Fired(testbench.Shifted) == 0 {
		t.Fatal("the fault never fired")
	}
	relay.Heal()
	relay.ShiftDate(0)
	d.drained()
	d.stop(p)
	files = append(files, others...)
	d.verified(files...)
	d.once(s, "evidence/skew", []string{"one"}, files...)
}
