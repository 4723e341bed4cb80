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

func openDir(_ context.Context, url, fsuuid, id string, create bool) (store.Store, error) {
	return dir.Open(strings.TrimPrefix(url, "file://"), dir.Options{ID: id, FSUUID: fsuuid, Create: create})
}

// testOptions are those of a dock in a fresh folder that retries fast.
func testOptions(t *testing.T) Options {
	t.Helper()
	cfg := configs.Default()
	cfg.Authority, cfg.Log = "test.example", "dtest1"
	cfg.Reserve = 1 << 20
	cfg.Publish = 10 * time.Millisecond
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
