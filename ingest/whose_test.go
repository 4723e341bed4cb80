package ingest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
)

// TestOtherPlace: a clip that is in one place is not called stored in another,
// although both were given without a name.
func TestOtherPlace(t *testing.T) {
	o := testOptions(t)
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	at := func(path string) Options {
		o := o
		o.Config.Stores = []configs.Store{{URL: "file://" + path}}
		return o
	}
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	stores := func(path string) []string {
		t.Helper()
		s := openStation(t, at(path))
		sum, results := take(t, s, cam, clip.Tags{})
		if sum.Partly() {
			t.Fatalf("summary %+v", sum)
		}
		d, err := s.Show(context.Background(), results["a.mp4"].Clip)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return d.Stores
	}
	stores(first)
	if got := stores(second); len(got) != 2 || got[0] != "central" || got[1] != "central2" {
		t.Fatalf("stored in %v", got)
	}
	objects, err := filepath.Glob(second + "/object/*/*")
	if err != nil || len(objects) != 1 {
		t.Errorf("the second place has %v, %v", objects, err)
	}
	// The same disk at another place is the same store.
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(first, moved); err != nil {
		t.Fatal(err)
	}
	s := openStation(t, at(first))
	if names, missing := s.storeNames(), s.centrals()[0].problem(); names[0] != "central" || missing == nil {
		t.Errorf("where the disk was %v is made, %v", names, missing)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStation(t, at(moved))
	if names := s.storeNames(); len(names) != 1 || names[0] != "central" {
		t.Errorf("the moved disk is called %v", names)
	}
}

// TestNameOfOtherPlace: a name that stands for one place is not taken for
// another: a bucket is refused at once, a folder stays away.
func TestNameOfOtherPlace(t *testing.T) {
	o, _, _ := vaulted(t, false)
	s := openStation(t, o)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	other := o
	other.Config.Stores = []configs.Store{{Name: "centre", URL: "s3://bucket/elsewhere"}}
	if _, err := Open(context.Background(), other); err == nil || !strings.Contains(err.Error(), "another name") {
		t.Errorf("another bucket under the name: %v", err)
	}
	other.Config.Stores[0].URL = "s3://bucket/station?endpoint=https://moved.example.org"
	if err := openStation(t, other).Close(); err != nil {
		t.Errorf("the same bucket at another endpoint: %v", err)
	}
}
