package usb

import (
	"context"
	"errors"
	"testing"
)

// guarding runs g on events that the test makes. The returned function ends it.
func guarding(t *testing.T, g *Guard) (events chan<- Event, found <-chan Finding, end func() error) {
	t.Helper()
	in, out := make(chan Event), make(chan Finding)
	g.watch = func(ctx context.Context, fn func(Event) error) error {
		for {
			select {
			case e := <-in:
				if err := fn(e); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- g.Run(ctx, func(f Finding) {
			select {
			case out <- f:
			case <-ctx.Done():
			}
		})
	}()
	return in, out, func() error { cancel(); return <-ended }
}

func added(path string) Event {
	return Event{Action: "add", Subsystem: "usb", DevType: "usb_device", DevPath: "/" + dir(path)}
}

// refused waits until it is told that something of the device at path was not
// let in. A device may be told several times.
func refused(t *testing.T, found <-chan Finding, path string) {
	t.Helper()
	for f := range found {
		if f.Err != nil {
			t.Errorf("%s: %v", f.Device.Path, f.Err)
		}
		if f.Device.Path == path && len(f.Refused()) == 1 {
			return
		}
	}
}

func TestGuardRuns(t *testing.T) {
	k, g := dock(t, Bays)
	k.come(usbHub("1-1"))
	k.come(board("1-1.1", 3))
	events, found, end := guarding(t, g)
	events <- Event{Action: Started}
	refused(t, found, "1-1.1")
	hung := make(chan struct{})
	k.come(both("1-1.2", 4))
	k.come(usbHub("1-2"))
	k.gate["1-2/authorized"] = hung // a hub that hangs
	for _, p := range []string{"1-2", "1-2", "1-1.2"} {
		events <- added(p)
	}
	refused(t, found, "1-1.2") // beside a hub that hangs
	wantState(t, k, "1-1.2", "in 08:in:usb-storage 03:out:")
	wantState(t, k, "1-2", "out")
	close(hung)
	if err := end(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantState(t, k, "1-2", "in 09:in:hub")
	if got := k.text("bus/usb/devices/usb1/authorized_default"); got != "1" {
		t.Errorf("at the end the default is %s", got)
	}
}

func TestGuardIsChangedWhileItRuns(t *testing.T) {
	k, g := dock(t, Bays)
	k.come(usbHub("1-1"))
	events, found, end := guarding(t, g)
	events <- Event{Action: Started}
	k.come(board("1-1.1", 3))
	events <- added("1-1.1")
	refused(t, found, "1-1.1")
	k.come(board("3-1", 4))
	if err := g.Change([]string{"3-1"}, Rule{}); err != nil {
		t.Error(err)
	}
	refused(t, found, "3-1")
	if err := g.Change([]string{"3-1", "x"}, Rule{}); err == nil {
		t.Error("x is no port")
	}
	if err := end(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantState(t, k, "3-1", "out")
	wantState(t, k, "1-1.1", "in 03:in:usbhid")
	if got := k.text("bus/usb/devices/usb3/authorized_default"); got != "1" {
		t.Errorf("at the end the default of the new bus is %s", got)
	}
}

// TestGuardThatFailsLeavesThePortsShut ends the watch with an error.
func TestGuardThatFailsLeavesThePortsShut(t *testing.T) {
	k, g := dock(t, Bays)
	broken := errors.New("no netlink")
	g.watch = func(context.Context, func(Event) error) error { return broken }
	if err := g.Run(t.Context(), func(Finding) {}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got := k.text("bus/usb/devices/usb1/authorized_default"); got != "0" {
		t.Errorf("the default is %s", got)
	}
}
