package ingest

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/custodock/custodock/internal/testbench"
)

// visit is a device that comes to a place and stays for a while.
type visit struct {
	opened time.Duration // after it came; -1 when no docking was opened
	done   func()
}

// come enters a place and returns when a docking may be opened or the device left.
func come(c *contacts, name string, stays time.Duration) (visit, context.CancelFunc) {
	ctx, leave := context.WithTimeout(context.Background(), stays)
	start := time.Now()
	done, err := c.enter(ctx, name)
	if err != nil {
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) || done != nil {
			panic("enter broke its word")
		}
		return visit{opened: -1}, leave
	}
	return visit{opened: time.Since(start), done: done}, leave
}

// TestFlappingContact: ten contacts in a row open two dockings: the first at
// once, the other when the device has stayed.
func TestFlappingContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContacts(settleTime, time.Now)
		opened := 0
		for i := range 10 {
			v, leave := come(c, "bay-1", 300*time.Millisecond)
			if v.opened >= 0 {
				opened++
				if i != 0 || v.opened != 0 {
					t.Errorf("contact %d was docked after %v", i, v.opened)
				}
				v.done()
				<-time.After(300 * time.Millisecond)
			}
			leave()
			<-time.After(100 * time.Millisecond)
		}
		v, leave := come(c, "bay-1", time.Hour)
		if v.opened != settleTime || opened != 1 {
			t.Errorf("%d dockings before the device stayed, then one after %v", opened, v.opened)
		}
		v.done()
		leave()
	})
}

// TestLeftThisMoment: a device that comes in the same moment in which the last
// one is known to have left does not slip through.
func TestLeftThisMoment(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			c := newContacts(settleTime, time.Now)
			v, leave := come(c, "bay-1", time.Hour)
			v.done()
			leave()
			again, leave := come(c, "bay-1", time.Hour)
			if again.opened != settleTime {
				t.Fatalf("docked after %v", again.opened)
			}
			again.done()
			leave()
		})
	}
}

// TestPlacesAtRest: other places, and a place that has been empty for long, do
// not wait; and nothing is remembered of them.
func TestPlacesAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContacts(settleTime, time.Now)
		for _, name := range []string{"bay-1", "bay-2", "bay-3"} {
			v, leave := come(c, name, time.Hour)
			if v.opened != 0 {
				t.Errorf("%s: docked after %v", name, v.opened)
			}
			v.done()
			leave()
		}
		synctest.Wait()
		<-time.After(settleTime)
		v, leave := come(c, "bay-1", time.Hour)
		if v.opened != 0 || len(c.places) != 1 {
			t.Errorf("docked after %v, %d places remembered", v.opened, len(c.places))
		}
		v.done()
		leave()
	})
}

// TestOneDockingAtAPlace: a docking that is still being closed is waited for,
// and one that hangs is not.
func TestOneDockingAtAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContacts(settleTime, time.Now)
		first, leave := come(c, "bay-1", time.Hour)
		var closing sync.WaitGroup
		closing.Go(func() {
			<-time.After(time.Second)
			first.done()
		})
		second, leave2 := come(c, "bay-1", time.Hour) // the table showed it before the first was gone
		if second.opened != time.Second {
			t.Errorf("the second docking began after %v", second.opened)
		}
		closing.Wait()
		third, leave3 := come(c, "bay-1", time.Hour) // the second never ends
		if third.opened != settleTime {
			t.Errorf("the third docking began after %v", third.opened)
		}
		second.done()
		third.done()
		for _, l := range []context.CancelFunc{leave, leave2, leave3} {
			l()
		}
	})
}

// TestFlappingMount: a card that comes and goes opens one docking when it does
// so for the first time, and one when it stays.
func TestFlappingMount(t *testing.T) {
	s, root := daemon(t, nil)
	behind := t.TempDir()
	files := testbench.Clips(t, behind, 2, 100_000, 3)
	cam := testbench.Camera(t, behind)
	point := filepath.Join(root, "bay1")
	for range 6 {
		out := putIn(t, cam, point)
		s.contacts.await(t, "mount "+point, true)
		out()
		s.contacts.await(t, "mount "+point, false)
	}
	putIn(t, cam, point)
	until(t, s, "read whole", func(st Status) bool { return bayAt(st, point).Stored == len(files) })
	if n := len(listed(t, s, "docking.opened")); n > 2 {
		t.Errorf("%d dockings were opened", n)
	}
}

// await waits until a device stays or waits at a place, or none does.
func (c *contacts) await(t *testing.T, name string, there bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(testbench.Patience); ; {
		c.mu.Lock()
		users := c.places[name] != nil && c.places[name].users > 0
		c.mu.Unlock()
		if users == there {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("a device at %s: %v", name, users)
		}
	}
}
