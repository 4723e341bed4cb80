package central

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// netFar starts a server behind a line of its own, and a daemon on this side.
// data is the folder where the server keeps its objects.
func netFar(t *testing.T, kind string) (d *netDock, n *testbench.Net, s *testbench.S3Server, data string) {
	t.Helper()
	n = testbench.Netns(t)
	data = t.TempDir()
	s = netBucket(t, testbench.S3Options{Kind: kind, Net: n, Dir: data})
	d = netNew(t, testbench.Build(t), netStores(netStore("one", s.URL("evidence", "far"))), s.Env()...)
	return d, n, s, data
}

// TestLinkDown: clips are spooled while the line is pulled, and sent by
// themselves once it is back (fault 41).
func TestLinkDown(t *testing.T) {
	t.Parallel()
	d, n, s, _ := netFar(t, testbench.VersityGW)
	p := d.daemon()
	first, all := netClips(t, 1, 50_000, 1)
	d.wants(ingest.StateStored, "1m", first, all)
	n.Link(false)
	dir, files := netClips(t, 3, 50_000, 2)
	d.wants(ingest.StateRecorded, "1s", dir, files)
	d.alarmed("check network, endpoint and proxy", "store_unreachable")
	n.Link(true)
	d.drained()
	d.stop(p)
	all = append(all, files...)
	d.verified(all...)
	d.once(s, "evidence/far", []string{"one"}, all...)
}

// TestOneWayLoss: requests arrive and no answer comes back. They time out, and
// what the server took meanwhile is not sent again (fault 42).
func TestOneWayLoss(t *testing.T) {
	t.Parallel()
	d, n, s, data := netFar(t, testbench.MinIO) // keeps connections
	p := d.daemon()
	first, all := netClips(t, 1, 5000, 1)
	d.wants(ingest.StateStored, "1m", first, all)
	n.Lose(testbench.Outof, 100)
	dir, files := netClips(t, 1, 5000, 2)
	all = append(all, files...)
	d.wants(ingest.StateRecorded, "1s", dir, files)
	netAwait(t, "the server has the clip", func() bool { return netHolds(t, data, files[0].SHA256) })
	// The new process knows of no answer either.
	p.Kill()
	p = d.daemon()
	d.alarmed("the store cannot be reached: ", "store_unreachable")
	if n.Lost(testbench.Outof) == 0 || n.Lost(testbench.Into) > 0 {
		t.Fatal("the fault never fired, or on the other way")
	}
	n.Lose(testbench.Outof, 0)
	d.drained()
	d.stop(p)
	d.verified(all...)
	d.once(s, "evidence/far", []string{"one"}, all...)
}

// netHolds reports whether an object lies under a server's folder.
func netHolds(t *testing.T, data, digest string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		found = found || filepath.Base(path) == digest && strings.Contains(path, "/object/")
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestHeavyLoss: with every fifth packet lost each way all goes on, slowly
// (fault 43).
func TestHeavyLoss(t *testing.T) {
	t.Parallel()
	d, n, s, _ := netFar(t, testbench.VersityGW)
	n.Lose(testbench.Into, 20)
	n.Lose(testbench.Outof, 20)
	p := d.daemon()
	dir, files := netClips(t, 3, 200_000, 1)
	d.wants(ingest.StateStored, "110s", dir, files)
	if n.Lost(testbench.Into) == 0 || n.Lost(testbench.Outof) == 0 {
		t.Fatal("no packet was lost")
	}
	n.Lose(testbench.Into, 0)
	n.Lose(testbench.Outof, 0)
	d.drained()
	d.stop(p)
	d.verified(files...)
	d.once(s, "evidence/far", []string{"one"}, files...)
}
