package ingest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/internal/testbench"
)

// TestTwoDocks: the same bytes through two docks are two clips and one object.
func TestTwoDocks(t *testing.T) {
	disk := card(t, "2222222")
	archive := filepath.Join(t.TempDir(), "archive")
	for _, log := range []string{"dtest1", "dtest2"} {
		o := testOptions(t)
		o.Config.Log = log
		o.Config.Stores = []configs.Store{storeAt("file://" + archive)}
		s := openStation(t, o)
		if sum, _ := take(t, s, disk.Mountpoint, clip.Tags{}); sum.Stored != 2 {
			t.Errorf("dock %s: %+v", log, sum)
		}
		for _, c := range clips(t, s) {
			if c.SameAs != "" || len(c.Stores) != 1 {
				t.Errorf("dock %s: %+v", log, c)
			}
		}
	}
	objects, err := filepath.Glob(filepath.Join(archive, "object", "*", "*"))
	if err != nil || len(objects) != 2 {
		t.Errorf("objects %v, %v: want one for each file", objects, err)
	}
}

// TestProfilesFolder: a profile comes into force with the configuration, and one
// that is wrong leaves the old ones.
func TestProfilesFolder(t *testing.T) {
	s, root := daemon(t, nil)
	dir := t.TempDir()
	cfg := *s.conf()
	cfg.Profiles = dir
	write(t, filepath.Join(dir, "own.yaml"), "name: own\nrank: many\n")
	if err := s.Reconfigure(context.Background(), cfg, configFile(t, "bad")); err == nil || s.conf().Profiles != "" {
		t.Fatalf("a profile with a mistake: %v", err)
	}
	write(t, filepath.Join(dir, "own.yaml"), "name: own\nrank: 200\nmatch:\n  paths: ['OWN_*']\nids:\n  - file: 'ID.TXT'\n    pattern: 'id=(\\w+)'\n")
	if err := s.Reconfigure(context.Background(), cfg, configFile(t, "good")); err != nil {
		t.Fatal(err)
	}
	disk := testbench.LoopDisk(t, 32)
	write(t, filepath.Join(disk.Mountpoint, "OWN_1.MP4"), "one")
	write(t, filepath.Join(disk.Mountpoint, "ID.TXT"), "id=K77")
	point, _ := plug(t, disk, root, "a")
	until(t, s, "done", done(point))
	d := dockedAt(t, s, point)
	found := false
	for _, id := range d.Identities {
		found = found || id.Kind == "profile" && id.Value == "K77" && id.Identifies
	}
	if d.Profile != "own" || !found {
		t.Errorf("docked %+v", d)
	}
}
