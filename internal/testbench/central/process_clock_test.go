package central

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/ingest"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/s3"
)

// TestClockJumps: the dock's clock jumps a year back and on, and the store takes
// nothing until it is right again. Entries keep the order in which they were
// made, every clip is locked for as long as it should be at least, and the
// object that all times share never for less than before (fault 40).
func TestClockJumps(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	s := testbench.S3(t, testbench.S3Options{Kind: testbench.MinIO})
	s.MakeBucket("evidence", true)
	relay := testbench.Proxy(t, s.Endpoint())
	d := netNew(t, testbench.Build(t), "", s.Env()...)
	at := netStore("one", testbench.StoreURL(relay.URL, "evidence", "clock"))
	d.configure(netStores(strings.Replace(at, "lock: none", "lock: governance\n    retain_days: 30", 1)))
	var ahead atomic.Int64
	station := netStation(t, d, &ahead)
	shared, err := os.ReadFile(testbench.Clips(t, t.TempDir(), 1, 20_000, 1)[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	var locked time.Time
	clips := 0
	for i, jump := range []time.Duration{0, -year, year, 0} {
		cam, files := netClips(t, 1, 20_000, uint64(10+i))
		if err := os.WriteFile(filepath.Join(cam, "shared.mp4"), shared, 0o644); err != nil {
			t.Fatal(err)
		}
		ahead.Store(int64(jump))
		if jump != 0 {
			relay.Inject(testbench.WireFault{Kind: testbench.Refused, Status: http.StatusForbidden, Code: "RequestTimeTooSkewed"})
		}
		names := netTake(t, station, cam)
		relay.Heal()
		ahead.Store(0)
		for _, path := range []string{files[0].Name, "shared.mp4"} {
			clips++
			until := netUntil(t, station, names[path])
			t.Logf("clock moved by %v: %s is locked until %v", jump, path, until)
			if until.Before(time.Now().Add(30*24*time.Hour-time.Hour)) || path == "shared.mp4" && until.Before(locked) {
				t.Errorf("clock moved by %v: %s is locked until %v, the shared one was until %v", jump, path, until, locked)
			}
			if path == "shared.mp4" {
				locked = until
			}
		}
	}
	if locked.Before(time.Now().Add(year)) || relay.Fired(testbench.Refused) == 0 {
		t.Errorf("locked until %v only, %d requests refused", locked, relay.Fired(testbench.Refused))
	}
	if err := station.Close(); err != nil {
		t.Error(err)
	}
	var order []string
	for line := range strings.Lines(d.run("clips").Stdout) {
		var c ingest.ClipView
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		order = append(order, c.Clip)
	}
	if len(order) != clips || !netInOrder(order) {
		t.Errorf("clips %q", order)
	}
	if r := d.run("verify", "--all"); r.Code != 0 {
		t.Errorf("verify ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// netStation is a dock in this process whose clock is so many nanoseconds ahead.
func netStation(t *testing.T, d *netDock, ahead *atomic.Int64) *ingest.Station {
	t.Helper()
	cfg, err := configs.Load(d.conf)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, line := range d.env {
		name, value, _ := strings.Cut(line, "=")
		keys[name] = value
	}
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	station, err := ingest.Open(t.Context(), ingest.Options{
		State: d.state, Config: cfg, ConfigFile: d.conf, Version: "test", Create: true, Now: now,
		OpenStore: func(ctx context.Context, r ingest.StoreRequest) (store.Store, error) {
			return s3.Open(ctx, s3.Options{Store: r.Store, Journal: r.Journal, Now: now, Getenv: func(name string) string { return keys[name] }})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = station.Close() })
	return station
}

// netInOrder reports whether clips stand in the order of their entries.
func netInOrder(clips []string) bool {
	last := ""
	for _, c := range clips {
		_, n, _ := strings.Cut(c, "-")
		if len(n) < len(last) || len(n) == len(last) && n <= last {
			return false
		}
		last = n
	}
	return true
}

// netTake ingests a folder and gives the clips that are safe by their paths.
func netTake(t *testing.T, s *ingest.Station, cam string) map[string]string {
	t.Helper()
	folder, err := os.Open(cam)
	if err != nil {
		t.Fatal(err)
	}
	clips := map[string]string{}
	_, err = s.Ingest(t.Context(), ingest.Request{Dir: cam, Folder: folder, Actor: "officer", By: "officer", Wait: time.Second}, func(e ingest.Event) {
		if e.File == nil {
			return
		}
		if e.File.State != ingest.StateStored && e.File.State != ingest.StateRecorded {
			t.Errorf("%+v", *e.File)
			return
		}
		clips[e.File.Path] = e.File.Clip
	})
	if err != nil {
		t.Fatal(err)
	}
	return clips
}

// netUntil waits until a clip is stored, and gives the end of the lock that the
// entry of it names.
func netUntil(t *testing.T, s *ingest.Station, clip string) time.Time {
	t.Helper()
	var entry struct{ Until time.Time }
	netAwait(t, clip+" is stored", func() bool {
		c, err := s.Show(t.Context(), clip)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.Custody {
			if e.Type != "clip.stored" {
				continue
			}
			if err := json.Unmarshal([]byte(e.Entry), &entry); err != nil {
				t.Fatal(err)
			}
			return true
		}
		return false
	})
	return entry.Until
}
