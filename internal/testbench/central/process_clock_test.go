package central

import (
	"context"
	"encoding/json"
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

// TestClockJumps: the dock's clock jumps a year on and back. Entries keep the
// order in which they were made, all is stored, and the object that all times
// share is locked longer or as long, never shorter (fault 40).
func TestClockJumps(t *testing.T) {
	s := testbench.S3(t, testbench.S3Options{Kind: testbench.MinIO})
	s.MakeBucket("evidence", true)
	t.Setenv("AWS_ACCESS_KEY_ID", s.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s.SecretKey)
	d := netNew(t, testbench.Build(t), "")
	d.configure(netStores(strings.Replace(netStore("one", s.URL("evidence", "clock")), "lock: none", "lock: governance\n    retain_days: 30", 1)))
	cfg, err := configs.Load(d.conf)
	if err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64
	station, err := ingest.Open(t.Context(), ingest.Options{
		State: d.state, Config: cfg, ConfigFile: d.conf, Version: "test", Create: true,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		OpenStore: func(ctx context.Context, r ingest.StoreRequest) (store.Store, error) {
			return s3.Open(ctx, s3.Options{Store: r.Store, Journal: r.Journal})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	const year = 365 * 24 * time.Hour
	shared, err := os.ReadFile(testbench.Clips(t, t.TempDir(), 1, 20_000, 1)[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var locked time.Time
	for i, jump := range []time.Duration{0, -year, year, 0} {
		ahead.Store(int64(jump))
		cam, files := netClips(t, 1, 20_000, uint64(10+i))
		if err := os.WriteFile(filepath.Join(cam, "shared.mp4"), shared, 0o644); err != nil {
			t.Fatal(err)
		}
		clips := netTake(t, station, cam)
		if len(clips) != 2 {
			t.Fatalf("with the clock moved by %v: %v", jump, clips)
		}
		names = append(names, clips["shared.mp4"], clips[files[0].Name])
		until := netUntil(t, station, clips["shared.mp4"])
		t.Logf("moved by %v: locked until %v", jump, until)
		if until.Before(locked) {
			t.Errorf("with the clock moved by %v the lock went from %v back to %v", jump, locked, until)
		}
		locked = until
	}
	if locked.Before(time.Now().Add(year)) {
		t.Errorf("locked until %v only", locked)
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
	if got := strings.Join(order, " "); len(order) != len(names) || !netInOrder(order) {
		t.Errorf("clips %s of %v", got, names)
	}
	if r := d.run("verify", "--all"); r.Code != 0 {
		t.Errorf("verify ended with %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
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

// netTake ingests a folder and gives the clips that were stored by their paths.
func netTake(t *testing.T, s *ingest.Station, cam string) map[string]string {
	t.Helper()
	folder, err := os.Open(cam)
	if err != nil {
		t.Fatal(err)
	}
	clips := map[string]string{}
	_, err = s.Ingest(t.Context(), ingest.Request{Dir: cam, Folder: folder, Actor: "officer", By: "officer", Wait: testbench.Patience / 3}, func(e ingest.Event) {
		if e.File == nil {
			return
		}
		if e.File.State != ingest.StateStored {
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

// netUntil is the end of the lock that the entry of a clip's storing names.
func netUntil(t *testing.T, s *ingest.Station, clip string) time.Time {
	t.Helper()
	c, err := s.Show(t.Context(), clip)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range c.Custody {
		if e.Type != "clip.stored" {
			continue
		}
		var entry struct{ Until time.Time }
		if err := json.Unmarshal([]byte(e.Entry), &entry); err != nil {
			t.Fatal(err)
		}
		return entry.Until
	}
	t.Fatalf("%s is not stored", clip)
	return time.Time{}
}
