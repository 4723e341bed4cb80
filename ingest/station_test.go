package ingest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/dir"
)

func TestMain(m *testing.M) { testbench.Main(m) }

func openDir(_ context.Context, r StoreRequest) (store.Store, error) {
	return dir.Open(strings.TrimPrefix(r.URL, "file://"), dir.Options{ID: r.ID, FSUUID: r.FSUUID, Create: r.Create})
}

// testOptions are those of a dock in a fresh folder that retries fast.
func testOptions(t *testing.T) Options {
	t.Helper()
	cfg := configs.Default()
	cfg.Authority, cfg.Log = "test.example", "dtest1"
	cfg.Reserve = 1 << 20
	cfg.Publish = 10 * time.Millisecond
	cfg.Alarms.Disk = 0 // the machine's disk is its own affair
	return Options{State: filepath.Join(t.TempDir(), "state"), Config: cfg, Version: "test", Create: true, OpenStore: openDir}
}

func openStation(t *testing.T, o Options) *Station {
	t.Helper()
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	s.retryPause = time.Millisecond
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// take ingests a folder and returns the results by path.
func take(t *testing.T, s *Station, path string, tags clip.Tags) (Summary, map[string]FileResult) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]FileResult{}
	sum, err := s.Ingest(context.Background(), Request{
		Dir: path, Folder: f, Tags: tags, By: clip.ByOfficer, Actor: "officer", Wait: time.Minute,
	}, func(e Event) {
		if e.File != nil {
			results[e.File.Path] = *e.File
		}
	})
	if err != nil {
		t.Fatalf("ingest: %v", err)
	}
	return sum, results
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestIngestSample(t *testing.T) {
	s := openStation(t, testOptions(t))
	sample, err := filepath.Abs("../configs/sample")
	if err != nil {
		t.Fatal(err)
	}
	sum, results := take(t, s, sample, clip.Tags{Cases: []string{"A-1"}})
	if sum.Files == 0 || sum.Stored != sum.Files || sum.Partly() {
		t.Fatalf("summary %+v", sum)
	}
	for path, r := range results {
		if r.State != StateStored || r.Clip == "" || r.Error != "" {
			t.Errorf("%s: %+v", path, r)
		}
	}
	again, _ := take(t, s, sample, clip.Tags{})
	if again.Known != sum.Files || again.Stored != 0 {
		t.Errorf("second time: %+v", again)
	}
	spool, err := os.ReadDir(filepath.Join(s.state, "spool"))
	if err != nil || len(spool) != 0 {
		t.Errorf("spool still holds %d files, %v", len(spool), err)
	}
}

func TestSameBytesTwice(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "the same bytes")
	write(t, filepath.Join(cam, "b.mp4"), "the same bytes")
	write(t, filepath.Join(cam, "empty.mp4"), "")
	sum, results := take(t, s, cam, clip.Tags{})
	if sum.Stored != 3 {
		t.Fatalf("summary %+v", sum)
	}
	a, err := s.Show(context.Background(), results["a.mp4"].Clip)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Show(context.Background(), results["b.mp4"].Clip)
	if err != nil {
		t.Fatal(err)
	}
	if a.Clip == b.Clip || (a.SameAs == "") == (b.SameAs == "") {
		t.Errorf("want two clips, the later naming the earlier: %q same as %q, %q same as %q", a.Clip, a.SameAs, b.Clip, b.SameAs)
	}
	empty, err := s.Show(context.Background(), results["empty.mp4"].Clip)
	if err != nil || len(empty.Custody) != 2 || !strings.Contains(empty.Custody[0].Record, "the file is empty") {
		t.Errorf("empty clip: %+v, %v", empty, err)
	}
}

func TestCounterReset(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	name := filepath.Join(cam, "CLIP0001.MP4")
	when := time.Date(2026, 9, 2, 18, 0, 0, 0, time.UTC)
	var clips []string
	for _, content := range []string{"first night", "other night"} {
		write(t, name, content)
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
		sum, results := take(t, s, cam, clip.Tags{})
		if sum.Stored != 1 {
			t.Fatalf("%q with the name, size and time of the last: %+v", content, sum)
		}
		clips = append(clips, results["CLIP0001.MP4"].Clip)
	}
	if clips[0] == clips[1] {
		t.Errorf("both are %s", clips[0])
	}
}

func TestManySmallFiles(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	for i := range 600 {
		write(t, filepath.Join(cam, fmt.Sprintf("DCIM/%03d/C%04d.MP4", i%7, i)), fmt.Sprint("clip ", i))
	}
	sum, _ := take(t, s, cam, clip.Tags{})
	if sum.Stored != 600 {
		t.Fatalf("summary %+v", sum)
	}
}

func storeAt(url string) configs.Store { return configs.Store{Name: "archive", URL: url} }

// TestTagsOfKnownClips: tags given for clips that the dock has already are
// appended once, and only where they change something.
func TestTagsOfKnownClips(t *testing.T) {
	s := openStation(t, testOptions(t))
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	_, results := take(t, s, cam, clip.Tags{})
	name := results["a.mp4"].Clip
	for range 2 {
		take(t, s, cam, clip.Tags{Cases: []string{"A-7"}})
	}
	d, err := s.Show(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	tagged := 0
	for _, line := range d.Custody {
		if line.Type == "clip.tagged" {
			tagged++
		}
	}
	if tagged != 1 || len(d.Tags.Cases) != 1 || d.Tags.Cases[0] != "A-7" || d.Tags.Sources["cases"] != clip.ByOfficer {
		t.Errorf("%d clip.tagged entries, tags %+v", tagged, d.Tags)
	}
}

// TestTwoStores: one read feeds both; the one that is away has its alarm and
// its queue, and is shown as behind.
func TestTwoStores(t *testing.T) {
	o := testOptions(t)
	blocked := filepath.Join(t.TempDir(), "not")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Config.Stores = []configs.Store{
		{Name: "near", URL: "file://" + filepath.Join(t.TempDir(), "near")},
		{Name: "far", URL: "file://" + filepath.Join(blocked, "mounted")},
	}
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	sum, _, err := try(t, s, cam, 100*time.Millisecond)
	if err != nil || sum.Recorded != 1 {
		t.Fatalf("summary %+v, %v", sum, err)
	}
	st, err := s.Status(context.Background())
	if err != nil || st.Published != 0 || len(st.Alarms) != 1 || st.Alarms[0].Args[0] != "far" {
		t.Errorf("status %+v, %v", st, err)
	}
	if _, err := s.Checkpoint(context.Background()); err != nil {
		t.Errorf("the store that answers is enough for a proof: %v", err)
	}
}
