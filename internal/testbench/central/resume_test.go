package central

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/verify"
)

// sitting is what the program notes of a check that goes on later.
type sitting struct {
	Next   int64         `json:"next"`
	Done   bool          `json:"done"`
	Report verify.Report `json:"report"`
}

// auditor reads a bucket with one key, and has no dock.
type auditor struct {
	*netDock
	url, key, note string
}

func (a auditor) check(args ...string) testbench.Cmd {
	return testbench.Cmd{Bin: a.bin, Env: a.env, Args: append([]string{
		"--state", filepath.Join(filepath.Dir(a.note), "none"), "--json", "verify", "--from", a.url, "--key", a.key, "--resume", a.note,
	}, args...)}
}

func (a auditor) noted() (s sitting) {
	a.t.Helper()
	text, err := os.ReadFile(a.note)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

// stalled holds every object back behind the first so many, until it is healed.
func stalled(after int) testbench.WireFault {
	return testbench.WireFault{Kind: testbench.Latency, Method: http.MethodGet, Part: "/object/", After: after, Delay: testbench.Patience}
}

// TestResumeFromABucket: a check of a bucket, or of a part of it, is broken off by the
// auditor, then by the bucket, which takes the keys no more. Neither says anything of
// a clip that was not read, and the last sitting reads those that are left, and them alone.
func TestResumeFromABucket(t *testing.T) {
	t.Parallel()
	const clips, before = 40, 20
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := netBucket(t, testbench.S3Options{Kind: kind})
			d := netNew(t, testbench.Build(t), netStores(netStore("one", s.URL("evidence", "dock"))), s.Env()...)
			dir, files := netClips(t, clips, 30_000, 1)
			d.wants(ingest.StateStored, "1m", dir, files)
			relay := testbench.Proxy(t, s.Endpoint())
			a := auditor{d, testbench.StoreURL(relay.URL, "evidence", "dock"), d.key(), filepath.Join(t.TempDir(), "note")}
			part := []string{"--range", "0-99999"}

			relay.Inject(stalled(before))
			p := a.check(part...).Start(t)
			relay.Await(t, testbench.Latency, 1)
			p.Signal(syscall.SIGINT)
			r := p.WaitFor(testbench.Patience)
			first := a.noted()
			if r.Code != 1 || first.Done || first.Report.Clips < before/2 || first.Report.Clips != first.Report.OK {
				t.Fatalf("interrupted with %d, %+v: %s", r.Code, first, r.Stderr)
			}
			relay.Heal()

			relay.Inject(testbench.WireFault{Kind: testbench.Refused, After: 30, Status: http.StatusForbidden, Code: "InvalidAccessKeyId"})
			r = a.check(part...).Start(t).WaitFor(2 * testbench.Patience)
			second := a.noted()
			if r.Code != 1 || relay.Fired(testbench.Refused) == 0 || second.Done || second.Next < first.Next || second.Report.Clips != second.Report.OK {
				t.Fatalf("refused with %d, %+v: %s%s", r.Code, second, r.Stdout, r.Stderr)
			}
			relay.Heal()

			read := relay.Passed(http.MethodGet, "/object/")
			r = a.check(part...).Start(t).WaitFor(2 * testbench.Patience)
			last := a.noted()
			if r.Code != 0 || !last.Done || last.Report.OK != clips {
				t.Fatalf("at last %d, %+v: %s%s", r.Code, last, r.Stdout, r.Stderr)
			}
			if n, left := relay.Passed(http.MethodGet, "/object/")-read, clips-second.Report.Clips; n != left {
				t.Errorf("%d objects were read in the last sitting, %d were left", n, left)
			}
		})
	}
}

func (d *netDock) key() string {
	d.t.Helper()
	r := testbench.Cmd{Bin: d.bin, Args: []string{"--state", d.state, "--config", d.conf, "key", "show"}, Env: d.env}.Start(d.t).WaitFor(testbench.Patience)
	var key string
	if _, err := fmt.Sscan(r.Stdout, &key); err != nil {
		d.t.Fatalf("%v: %s", err, r.Stderr)
	}
	return key
}
