package ingest

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/internal/testbench"
)

// TestLateStore: what a store takes after a camera hung, or after its docking
// failed, makes nobody say that all is well with it.
func TestLateStore(t *testing.T) {
	s := openStation(t, testOptions(t))
	for _, c := range []struct {
		failed error
		state  string
		take   bool
	}{
		{fmt.Errorf("look again: %w", device.ErrHangs), BayHangs, false},
		{fmt.Errorf("read: %w", device.ErrGone), BayGone, false},
		{errNotOpened, BayError, true},
		{nil, BayDone, true},
	} {
		b := s.newBay("x", "x", "/x", false)
		b.central = true
		b.await(1)
		b.finish(c.failed, time.Now())
		if b.status().MayTake {
			t.Errorf("%v: may be taken before the store has its clip", c.failed)
		}
		b.clipStored(1)
		if st := b.status(); st.State != c.state || st.MayTake != c.take {
			t.Errorf("%v: bay %s, may be taken: %t", c.failed, st.State, st.MayTake)
		}
	}
}

// TestOpenedAtLast: a docking that the log could take up only at a later try says
// nothing of taking the camera before it was read to its end.
func TestOpenedAtLast(t *testing.T) {
	s := openStation(t, testOptions(t))
	s.startWork()
	cam := filmed(t, "a.mp4", "b.mp4", "c.mp4")
	b := s.newBay("mount "+cam, "bay1", cam, false)
	b.finish(errNotOpened, time.Now())
	card := openCard(t, cam)
	var early []BayStatus
	card.opened = func(path string) {
		if filepath.Base(path) != "c.mp4" {
			return
		}
		late := time.After(testbench.Patience)
		for b.status().Stored == 0 {
			next := s.change.next()
			if b.status().Stored > 0 {
				break
			}
			select {
			case <-next:
			case <-late:
				return
			}
		}
		early = append(early, b.status())
	}
	d := s.newDocking(card, b, cam, wishes{actor: "dock"})
	if err := d.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(early) == 0 || early[0].Stored == 0 || early[0].MayTake || early[0].State != BayCopying {
		t.Errorf("while it was read: %+v", early)
	}
	if st := b.status(); !st.MayTake || st.State != BayDone || st.TotalBytes == 0 {
		t.Errorf("at the end: %+v", st)
	}
}
