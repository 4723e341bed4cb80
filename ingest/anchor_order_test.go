package ingest

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/store"
)

// orderly notes what a store is given of the log: names of files, and sizes of
// checkpoints.
type orderly struct {
	store.Store
	mu    *sync.Mutex
	files *[]string
	shown *[]int64 // by each of files the size of a checkpoint, -1 for what is none
}

func (o orderly) Create(ctx context.Context, name string, data []byte) (store.Info, error) {
	o.mu.Lock()
	*o.files = append(*o.files, name)
	*o.shown = append(*o.shown, -1)
	o.mu.Unlock()
	return o.Store.Create(ctx, name, data)
}

func (o orderly) Replace(ctx context.Context, name string, data []byte, old string) (store.Info, error) {
	info, err := o.Store.Replace(ctx, name, data, old)
	size := int64(-1)
	if lines := strings.Split(string(data), "\n"); err == nil && strings.HasSuffix(name, "/checkpoint") {
		size, err = strconv.ParseInt(lines[1], 10, 64)
	}
	o.mu.Lock()
	*o.files = append(*o.files, name)
	*o.shown = append(*o.shown, size)
	o.mu.Unlock()
	return info, err
}

// TestAnchorBehindItsFiles: whoever reads a store finds the files of every anchor that
// its log has.
func TestAnchorBehindItsFiles(t *testing.T) {
	o, _ := stamped(t, 400)
	var files []string
	var shown []int64
	var mu sync.Mutex
	o.OpenStore = func(ctx context.Context, r StoreRequest) (store.Store, error) {
		st, err := openDir(ctx, r)
		return orderly{st, &mu, &files, &shown}, err
	}
	s := openStation(t, o)
	cam := t.TempDir()
	for _, name := range []string{"a.mp4", "b.mp4"} {
		write(t, filepath.Join(cam, name), name)
		take(t, s, cam, clip.Tags{})
	}
	anchors := anchorsIn(t, s)
	if len(anchors) != 2 {
		t.Fatalf("%+v", anchors)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, a := range anchors {
		shows := slices.IndexFunc(shown, func(size int64) bool { return size > a.N })
		if shows < 0 {
			t.Fatalf("entry %d is shown by none of %v", a.N, shown)
		}
		for _, f := range a.files() {
			if at := slices.Index(files, manifest.LogPath(s.log, f[0])); at < 0 || at > shows {
				t.Errorf("%s came after the checkpoint of %d entries: %v", f[0], shown[shows], files)
			}
		}
	}
}
