package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/stall"
)

// stallLimit is how long a camera may say nothing.
func (s *Station) stallLimit() time.Duration { return s.conf().Stall }

// openCamera opens a camera whose calls end, even where the kernel's do not.
// What open looks at may be on the camera too, and hang as well.
func (s *Station) openCamera(open func() (device.Tree, error)) (device.Tree, error) {
	t, err := stall.Open(s.stallLimit, open)
	if err != nil {
		return nil, err // a nil *stall.Tree is no nil device.Tree
	}
	return t, nil
}

// able finds what a tree can do besides, in itself or behind one that only bounds
// its calls.
func able[T any](t device.Tree) (T, bool) {
	if does, can := t.(T); can {
		return does, true
	}
	if bounded, is := t.(interface{ Behind() device.Tree }); is {
		return able[T](bounded.Behind())
	}
	var none T
	return none, false
}

// forward reports whether a camera gives a file only from its start to its end,
// one at a time: looking at a part of one costs as much as reading it.
func (d *docking) forward() bool {
	t, can := able[interface{ Sequential() bool }](d.folder)
	return can && t.Sequential()
}

// lost tells the end of a docking, by a device that left or that hangs, from a
// file that cannot be read.
func (d *docking) lost(ctx context.Context, err error) error {
	if errors.Is(err, device.ErrGone) || errors.Is(err, device.ErrHangs) {
		return err
	}
	switch alive := d.folder.Alive(ctx); {
	case errors.Is(alive, device.ErrGone):
		return fmt.Errorf("%w while a clip was read: dock it again", alive)
	case errors.Is(alive, device.ErrHangs):
		return alive
	}
	return nil
}

// hangs keeps the alarm of a camera that hangs until it is taken out.
func (s *Station) hangs(ctx context.Context, bay string, err error) {
	s.alarms.raise("device_hangs", fmt.Errorf("bay %s: %w", bay, err), s.now(), bay)
	s.change.wake()
	<-ctx.Done()
	s.alarms.clear("device_hangs", bay)
	s.change.wake()
}
