package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
	"github.com/custodock/custodock/store/dir"
)

// reaped is a store that tells when it is rid of broken uploads.
type reaped struct {
	*dir.Store
	asked chan<- struct{}
}

func (r *reaped) Reap(context.Context) (int, error) {
	r.asked <- struct{}{}
	return 1, nil
}

// TestReap: a daemon rids its stores of broken uploads.
func TestReap(t *testing.T) {
	o := testOptions(t)
	o.Daemon = true
	o.Config.Stores = []configs.Store{{Name: "centre", URL: "file://" + t.TempDir()}}
	asked, path := make(chan struct{}, 8), t.TempDir()
	o.OpenStore = func(_ context.Context, r StoreRequest) (store.Store, error) {
		st, err := dir.Open(path, dir.Options{ID: r.ID, Create: r.Create})
		return &reaped{st, asked}, err
	}
	s := openStation(t, o)
	s.startWork()
	select {
	case <-asked:
	case <-time.After(time.Minute):
		t.Fatal("the store was not asked")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 0 {
		t.Error("asked again within the day")
	}
}
