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
