package ingest

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/clip"
)

// TestVersionWhileGrowing: uploads ask for the versions of other clips while
// the database grows, and neither waits for the other for ever.
func TestVersionWhileGrowing(t *testing.T) {
	o, _, _ := vaulted(t, false)
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "bytes")
	_, results := take(t, s, cam, clip.Tags{})
	j := job{n: -1, q: queued{SHA256: digestFor(t, results["a.mp4"])}}
	c := s.centrals()[0]
	grown := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for {
				if got := s.versionIn(c, j); got != "v1" {
					t.Errorf("version %q", got)
				}
				select {
				case <-grown:
					return
				default:
				}
			}
		})
	}
	done := make(chan error, 1)
	go func() {
		defer close(grown)
		done <- s.db.Update(func(tx *bbolt.Tx) error { // each size of the map is another wait for readers
			b := tx.Bucket(metaBucket)
			for size := 1 << 16; size <= 1<<22; size *= 2 {
				if err := b.Put(fmt.Append(nil, "ballast ", size), make([]byte, size)); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the database and its readers wait for each other")
	}
	asking.Wait()
}
