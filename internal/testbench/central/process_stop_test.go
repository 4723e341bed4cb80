package central

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
)

// netManager listens as systemd does (sd_notify(3)) and counts messages.
type netManager struct {
	path string

	mu   sync.Mutex
	said []string
}

func netListen(t *testing.T) *netManager {
	t.Helper()
	m := &netManager{path: filepath.Join(t.TempDir(), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.said = append(m.said, string(b[:n]))
			m.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		reading.Wait()
	})
	return m
}

func (m *netManager) signs() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(m.said), func(s string) bool { return !strings.Contains(s, "WATCHDOG=1") }))
}

// TestStopped: a daemon that is held in mid-upload, until the server has given
// up on it, gives no sign of life meanwhile, and then goes on where it was
// (fault 39).
func TestStopped(t *testing.T) {
	t.Parallel()
	s := netBucket(t, testbench.S3Options{})
	relay := testbench.Proxy(t, s.Endpoint())
	d := netNew(t, testbench.Build(t), netStores(netStore("one", testbench.StoreURL(relay.URL, "evidence", "held"))), s.Env()...)
	manager := netListen(t)
	p := d.daemon("NOTIFY_SOCKET="+manager.path, "WATCHDOG_USEC=400000")
	netAwait(t, "the daemon gives signs of life", func() bool { return manager.signs() >= 2 })

	dir, files := netClips(t, 3, 300_000, 1)
	relay.Throttle(100_000)
	d.wants(ingest.StateRecorded, "10ms", dir, files)
	relay.Await(t, testbench.Slowed, 5)
	p.Signal(syscall.SIGSTOP)
	netAwait(t, "the daemon stands still", func() bool { return netStopped(t, p.PID()) })
	before, quiet := manager.signs(), time.NewTimer(3*time.Second)
	<-quiet.C // several times the interval: silence has no other sign
	if n := manager.signs(); n != before {
		t.Errorf("%d signs of life while it stood still", n-before)
	}
	if relay.Cut() == 0 {
		t.Error("nothing was under way")
	}
	p.Signal(syscall.SIGCONT)
	relay.Throttle(0)
	netAwait(t, "the daemon gives signs of life again", func() bool { return manager.signs() > before })
	d.drained()
	d.stop(p)
	d.verified(files...)
	d.once(s, "evidence/held", []string{"one"}, files...)
}

// TestNoDescriptors: a daemon that may open nothing more says so, keeps what it
// has recorded and goes on once it may (fault 38).
func TestNoDescriptors(t *testing.T) {
	t.Parallel()
	s := netBucket(t, testbench.S3Options{})
	relay := testbench.Proxy(t, s.Endpoint())
	d := netNew(t, testbench.Build(t), netStores(netStore("one", testbench.StoreURL(relay.URL, "evidence", "few"))), s.Env()...)
	p := d.daemon()
	dir, files := netClips(t, 40, 20_000, 1)
	relay.Stall(true)
	d.wants(ingest.StateRecorded, "10ms", dir, files)
	relay.Await(t, testbench.Stalled, 1)
	before := netLimit(t, p.PID(), nil)
	netLimit(t, p.PID(), &unix.Rlimit{Cur: 8, Max: before.Max})
	relay.Cut()
	relay.Stall(false)
	netAwait(t, "the daemon runs out of descriptors", func() bool {
		_, stderr := p.Output()
		return strings.Contains(stderr, "too many open files")
	})
	netLimit(t, p.PID(), &before)
	d.drained()
	d.stop(p)
	d.verified(files...)
	d.once(s, "evidence/few", []string{"one"}, files...)
}

// netLimit sets how many descriptors a process may have, if limit is given, and
// says what it was.
func netLimit(t *testing.T, pid int, limit *unix.Rlimit) (was unix.Rlimit) {
	t.Helper()
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, limit, &was); err != nil {
		t.Fatal(err)
	}
	return was
}
