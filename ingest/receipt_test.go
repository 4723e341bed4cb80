package ingest

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/custodock/custodock/clip"
	"github.com/custodock/custodock/internal/testbench"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/store"
)

// receipt asks for one and checks that its note says what the answer says.
func receipt(t *testing.T, s *Station, which string) manifest.Receipt {
	t.Helper()
	view, err := s.Receipt(t.Context(), which)
	okay(t, err)
	v, err := manifest.ParseKey(s.vkey)
	okay(t, err)
	r, err := manifest.OpenReceipt([]byte(view.Note), v.Name(), v)
	okay(t, err)
	want := ReceiptView{
		Docking: r.Docking, Device: r.Device, Bay: r.Bay, Time: formatTime(r.Time), End: r.End,
		Clips: r.Clips, Safe: r.Safe, Central: r.Central, Confirmed: r.Confirmed, Number: view.Number, Note: view.Note,
	}
	if diff := cmp.Diff(want, view); diff != "" {
		t.Error(diff)
	}
	if r.Size > s.ledger.Size() || r.Size <= r.Docking {
		t.Errorf("it speaks of %d entries of %d", r.Size, s.ledger.Size())
	}
	return r
}

// TestReceiptSaysWhatIsTrue: of a camera that is read while the store is away, of
// the same one when it has all, and again when they were read back.
func TestReceiptSaysWhatIsTrue(t *testing.T) {
	o, here := awayAtFirst(t)
	s := openStation(t, o)
	if _, err := s.Receipt(t.Context(), ""); !errors.Is(err, ErrNoDocking) {
		t.Fatalf("without a docking: %v", err)
	}
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "one")
	write(t, filepath.Join(cam, "b.mp4"), "two")
	if _, _, err := try(t, s, cam, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	check := func(what string, r manifest.Receipt, clips, safe, central, confirmed int64) {
		t.Helper()
		if r.Clips != clips || r.Safe != safe || r.Central != central || r.Confirmed != confirmed || r.End != "complete" {
			t.Errorf("%s: %+v", what, r)
		}
	}
	first := receipt(t, s, "")
	check("the store is away", first, 2, 2, 0, 0)

	here.Store(true)
	write(t, filepath.Join(cam, "c.mp4"), "three")
	sum, results := take(t, s, cam, clip.Tags{})
	if sum.Known != 2 || sum.Stored != 1 {
		t.Fatalf("%+v", sum)
	}
	second := receipt(t, s, first.Device)
	check("two known, one new", second, 3, 3, 3, 0)
	if second.Docking <= first.Docking {
		t.Errorf("%d is not the last docking", second.Docking)
	}
	check("the first again", receipt(t, s, strconv.FormatInt(first.Docking, 10)), 2, 2, 2, 0)

	n, err := parseClip(s.log, results["a.mp4"].Clip)
	okay(t, err)
	okay(t, s.commit(t.Context(), func(tx *ledger.Tx) error {
		_, err := s.append(tx, manifest.Draft{Type: "clip.confirmed", Actor: "dock", Fields: manifest.Object{
			"clip": clipName(s.log, n), "store": s.storeNames()[0], "sha256": digestFor(t, results["a.mp4"]).String(), "size": int64(3),
		}})
		return err
	}))
	check("one read back", receipt(t, s, ""), 3, 3, 3, 1)
}

// TestReceiptOfWhatWasNotRead: files that did not make it are not called safe.
func TestReceiptOfWhatWasNotRead(t *testing.T) {
	cam, files := camera(t, func(files []testbench.File) []testbench.Fault {
		return []testbench.Fault{{Path: files[0].Name, Kind: testbench.ReadError, At: 1 << 20}}
	})
	s := openStation(t, testOptions(t))
	if _, _, err := try(t, s, cam.Mountpoint, time.Minute); err != nil {
		t.Fatal(err)
	}
	if cam.Fired(testbench.ReadError) == 0 {
		t.Error("the fault did not fire")
	}
	r := receipt(t, s, "")
	if want := int64(len(files)); r.Clips != want || r.Safe != want-1 || r.Central != want-1 {
		t.Errorf("of %d files: %+v", want, r)
	}
	if _, err := s.Receipt(t.Context(), "bay-77"); !errors.Is(err, ErrNoDocking) {
		t.Errorf("of a bay that never was: %v", err)
	}
}

// TestReceiptWhileAStoreHangs: a receipt waits for a store as long as whoever asks
// does, and is signed all the same.
func TestReceiptWhileAStoreHangs(t *testing.T) {
	o := testOptions(t)
	o.OpenStore = func(ctx context.Context, _ StoreRequest) (store.Store, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s := openStation(t, o)
	cam := t.TempDir()
	write(t, filepath.Join(cam, "a.mp4"), "one")
	if _, _, err := try(t, s, cam, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithTimeout(t.Context(), testbench.Patience)
	go func() {
		defer leave()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for s.sealed() < s.ledger.Size() && ctx.Err() == nil {
			<-tick.C
		}
	}()
	view, err := s.Receipt(ctx, "")
	if err != nil || view.Safe != 1 || view.Confirmed != 0 || view.Note == "" {
		t.Errorf("%+v, %v", view, err)
	}
	if ctx.Err() == nil {
		t.Error("it did not wait for the store")
	}
}
