// Package testbench makes the hardware and the bad days that tests need: a
// camera whose file system misbehaves on command, a disk that loses power, a
// custodock process that is killed or denied system calls, a build with a bug
// planted in it, central storage that is stopped, full or rotten. Every fault counts how often it fired, so that a test can
// tell a passed trial from one that never happened.
//
// Central storage is a real versitygw or MinIO, started by S3. Its data can be
// read and spoilt on its disk, past the server.
//
// The way there fails in two places. Wire is an http.RoundTripper for a client
// in the test, Proxy a proxy on a loopback port for a real process; both know
// the same faults, picked by method, path, count and seeded chance, and count
// what acted. Of each failure there are two truths: Refused never reached the
// server, LostReply was applied. The proxy's line can also refuse, stall, be
// cut, be slow or be a captive portal's. Netns puts a server, or a client, behind
// a line of its own that can be pulled and can lose packets one way or both.
//
// Mounting needs root, S3 servers the programs of `tools/need.sh servers`; a test
// without them fails and says so. Only tests and the
// benchmark import this package.
package testbench

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Patience bounds every wait of this package; it is generous because test
// machines are slow, and nothing passes sooner or later because of it.
const Patience = time.Minute

// Main runs a package's tests, then fails when goroutines are left over, and
// removes the binaries that Build made. A package that calls Build or Camera
// has `func TestMain(m *testing.M) { testbench.Main(m) }`.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	removeBuilds()
	os.Exit(code)
}

func needRoot(t testing.TB, what string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatalf("%s needs root: run the tests by `make test`", what)
	}
}
