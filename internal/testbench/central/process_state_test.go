package central

import (
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// TestOlderState: a state of the version before loads and proofs, with clips in
// its queue, is taken over: what waits is known at once and sent, and all is
// read back (fault 57).
func TestOlderState(t *testing.T) {
	t.Parallel()
	s := netBucket(t, testbench.S3Options{})
	relay := testbench.Proxy(t, s.Endpoint())
	d := netNew(t, testbench.Build(t), netStores(netStore("one", testbench.StoreURL(relay.URL, "evidence", "older"))), s.Env()...)
	dir, files := netClips(t, 2, 20_000, 1)
	d.wants(ingest.StateStored, "1m", dir, files)
	relay.Inject(testbench.WireFault{Kind: testbench.Refused, Method: http.MethodPut, Part: "/object/", Status: http.StatusForbidden})
	queued, waiting := netClips(t, 3, 30_000, 2)
	d.wants(ingest.StateRecorded, "1s", queued, waiting)
	netState(t, d.state, func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket([]byte("load")), tx.DeleteBucket([]byte("proof")), tx.Bucket([]byte("meta")).Delete([]byte("layout")))
	})
	p := d.daemon()
	if q := d.status().Queue; len(q) != 1 || q[0].Clips != len(waiting) || q[0].Bytes != 90_000 {
		t.Errorf("the queue is %+v", q)
	}
	relay.Heal()
	d.drained()
	all := slices.Concat(files, waiting)
	d.await("all is read back", func(ingest.Status) bool {
		return strings.Count(d.run("clips").Stdout, `"confirmed":["one"]`) == len(all)
	})
	d.stop(p)
	d.verified(all...)
	d.once(s, "evidence/older", []string{"one"}, all...)
}

// TestNewerState: a state that a later program has written is refused with
// words, by every command, and left as it is.
func TestNewerState(t *testing.T) {
	t.Parallel()
	d := netNew(t, testbench.Build(t), "")
	dir, files := netClips(t, 1, 20_000, 1)
	d.wants(ingest.StateStored, "1m", dir, files)
	layout := func(v string) {
		netState(t, d.state, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("layout"), []byte(v)) })
	}
	layout("3")
	for _, args := range [][]string{{"run"}, {"status"}, {"ingest", dir}, {"log", "recover"}} {
		r := d.run(args...)
		if r.Code != 1 || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 ||
			!strings.Contains(r.Stderr, "a newer version of custodock has written it: install that version again") {
			t.Errorf("%q ended with %d: %s%s", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	layout("2")
	d.verified(files...)
}

// netState changes the database of a state that nobody has open.
func netState(t *testing.T, state string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(state, "state.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}
