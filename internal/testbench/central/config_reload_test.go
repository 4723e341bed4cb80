package central

import (
	"strings"
	"syscall"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// TestReload: see reloads.
func TestReload(t *testing.T) {
	t.Parallel()
	reloads(t, testbench.Build(t))
}

// reloads: a store that comes into the file while a daemon runs gets all clips,
// also those that left the spool; a file in disorder leaves the configuration
// before it in force, which is said; a store that is taken out gets nothing
// more and is not waited for.
func reloads(t testing.TB, bin string) {
	t.Helper()
	s := netBucket(t, testbench.S3Options{})
	stores := func(names ...string) string {
		var list []string
		for _, name := range names {
			list = append(list, netStore(name, s.URL("evidence", name)))
		}
		return netStores(list...)
	}
	d := netNew(t, bin, stores("one"), s.Env()...)
	p := d.daemon()
	first, all := netClips(t, 3, 20_000, 1)
	d.wants(ingest.StateStored, "1m", first, all)

	d.configure(stores("one", "two"))
	d.await("the new store is used", func(st ingest.Status) bool { return len(st.Queue) == 2 })
	d.drained()
	netVersions(t, s, "evidence/two", all...)

	// Taken whole but for its last word.
	d.configure(stores("one", "three") + "lang: klingon\n")
	st := d.await("the bad file was read", func(st ingest.Status) bool {
		return len(st.Alarms) > 0 || len(st.Queue) != 2 || st.Queue[1].Store != "two"
	})
	if len(st.Alarms) != 1 || st.Alarms[0].Code != "config_bad" || !strings.Contains(st.Alarms[0].Text, `lang "klingon"; use en or zh`) {
		t.Errorf("a bad file brought %+v", st.Alarms)
	}
	if len(st.Queue) != 2 || st.Queue[1].Store != "two" {
		t.Fatalf("a bad file is in force: %+v", st.Queue)
	}

	d.configure(stores("two"))
	d.await("the store is gone and the file is good", func(st ingest.Status) bool { return len(st.Queue) == 1 && len(st.Alarms) == 0 })
	third, later := netClips(t, 1, 20_000, 3)
	d.wants(ingest.StateStored, "1m", third, later)
	p.Signal(syscall.SIGHUP)
	netAwait(t, "the same file was read again", func() bool {
		_, stderr := p.Output()
		return strings.Count(stderr, "configuration in force") == 3
	})
	d.drained()
	d.stop(p)
	netVersions(t, s, "evidence/one", all...)
	netVersions(t, s, "evidence/two", append(all, later...)...)
	d.verified(append(all, later...)...)
}
