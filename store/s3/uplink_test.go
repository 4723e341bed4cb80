package s3

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store/storetest"
)

// ledger counts what goes out in parts, by the path and query of each.
type ledger struct {
	next http.RoundTripper

	mu     sync.Mutex
	sent   map[string]int64 // bytes
	failed map[string]int   // requests
	took   map[string]int   // requests that succeeded
}

func newLedger(next http.RoundTripper) *ledger {
	return &ledger{next: next, sent: map[string]int64{}, failed: map[string]int{}, took: map[string]int{}}
}

func (l *ledger) RoundTrip(r *http.Request) (*http.Response, error) {
	part := r.URL.RequestURI()
	if !strings.Contains(part, "partNumber=") {
		return l.next.RoundTrip(r)
	}
	counted := r.Clone(r.Context())
	counted.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(r.Body, writerFunc(func(b []byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sent[part] += int64(len(b))
	})), r.Body}
	res, err := l.next.RoundTrip(counted)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || res.StatusCode != http.StatusOK {
		l.failed[part]++
	} else {
		l.took[part]++
	}
	return res, err
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

// testUplink uploads over a slow line on which requests fail in each way, those
// of parts among them: no byte is sent twice but of a part that failed.
func testUplink(t *testing.T, b bench) {
	const clips, parts = 4, 4
	relay := testbench.Proxy(t, b.server.Endpoint())
	relay.Throttle(100_000_000 / 8)
	ways := []testbench.WireKind{testbench.Refused, testbench.ResetRequest, testbench.LostReply}
	relay.Inject(testbench.WireFault{Kind: testbench.Latency, Delay: 20 * time.Millisecond})
	for i, way := range ways {
		relay.Inject(
			testbench.WireFault{Kind: way, Method: http.MethodPut, Part: "partNumber=", After: 2 + 4*i, Times: 1},
			testbench.WireFault{Kind: way, Chance: 0.01 / float64(len(ways))},
		)
	}
	prefix := newPrefix()
	o := b.options(prefix, configs.LockGovernance)
	o.Store.URL = testbench.StoreURL(relay.URL, b.bucket, prefix)
	var l *ledger
	o.Transport = func(next http.RoundTripper) http.RoundTripper {
		l = newLedger(next)
		return l
	}
	s := open(t, o)
	g, ctx := errgroup.WithContext(t.Context())
	began := time.Now()
	for i := range clips {
		object := storetest.Object(t, storetest.Random(parts*storetest.PartSize, byte(90+i)))
		g.Go(func() error {
			_, err := s.Put(ctx, object)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began).Seconds()
	for _, way := range ways {
		if relay.Fired(way) == 0 {
			t.Errorf("no request was lost by %s", way)
		}
	}
	total, again := int64(0), int64(0)
	for part, sent := range l.sent {
		total += sent
		again += sent - storetest.PartSize
		most := int64(1+l.failed[part]) * storetest.PartSize
		if sent > most || l.failed[part] == 0 && sent != storetest.PartSize || l.took[part] != 1 {
			t.Errorf("%d bytes of %s were sent in %d requests that failed and %d that did not", sent, part, l.failed[part], l.took[part])
		}
	}
	if len(l.sent) != clips*parts || len(l.failed) < len(ways) {
		t.Errorf("%d parts were sent, %d failed", len(l.sent), len(l.failed))
	}
	if v := b.server.Versions(b.bucket, prefix); len(v) != clips || relay.Fired(testbench.Slowed) == 0 {
		t.Errorf("stored as %+v", v)
	}
	t.Logf("%.1f MB in %.1f s, %.1f MB of them again: %.2f of the line", float64(total)/1e6, took, float64(again)/1e6, float64(total)/took/12.5e6)
}
