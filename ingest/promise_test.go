package ingest

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/store"
)

// untils is a store that remembers how long each object was to be locked.
type untils struct {
	store.Store
	mu  sync.Mutex
	put []time.Time
}

func (u *untils) Put(ctx context.Context, o store.Object) (store.Info, error) {
	u.mu.Lock()
	u.put = append(u.put, o.Until)
	u.mu.Unlock()
	return u.Store.Put(ctx, o)
}

// TestCameraTimeDecidesNothing: whatever a camera's clock says, clips stand in
// the order in which they were taken in, leave in it, and are locked from then.
func TestCameraTimeDecidesNothing(t *testing.T) {
	o, hands := testOptions(t), evening()
	o.Now = hands.now
	var u *untils
	o.OpenStore = func(ctx context.Context, r StoreRequest) (store.Store, error) {
		st, err := openDir(ctx, StoreRequest{Store: configs.Store{URL: "file://" + filepath.Join(t.TempDir(), "bucket")}, ID: r.ID, Create: r.Create})
		u = &untils{Store: st}
		return u, err
	}
	o.Config.Stores = []configs.Store{{Name: "centre", URL: "s3://bucket", Lock: configs.LockGovernance, RetainDays: 200}}
	s := openStation(t, o)
	begin := hands.now()
	var order []string
	for _, camera := range []time.Time{
		begin.AddDate(1, 0, 0), begin.AddDate(-1, 0, 0), time.Date(2107, 12, 31, 23, 59, 58, 0, time.UTC), time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), begin,
	} {
		cam := t.TempDir()
		name := "A11_2222222_100234_" + camera.Format("20060102150405") + "_0001.mp4"
		write(t, filepath.Join(cam, name), name)
		aged(t, camera, filepath.Join(cam, name))
		sum, results := take(t, s, cam, clip.Tags{})
		if sum.Stored != 1 {
			t.Fatalf("%s: %+v", name, sum)
		}
		order = append(order, results[name].Clip)
		hands.move(time.Hour)
	}
	var listed []string
	err := s.Clips(context.Background(), Filter{Since: begin}, func(v ClipView) error {
		listed = append(listed, v.Clip)
		return nil
	})
	if err != nil || !slices.Equal(listed, order) {
		t.Errorf("taken in as %q, listed as %q, %v", order, listed, err)
	}
	stored, _ := entriesOf(t, s, "clip.stored")
	for i, e := range stored {
		if e.Fields.Str("clip") != order[i] {
			t.Errorf("stored as number %d: %s", i, e.Fields.Str("clip"))
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.put) != len(order) {
		t.Fatalf("%d objects were put", len(u.put))
	}
	for i, until := range u.put {
		if want := begin.Add(time.Duration(i)*time.Hour + 200*24*time.Hour); !until.Equal(want) {
			t.Errorf("clip %d is locked until %s, want %s", i, until, want)
		}
	}
}
