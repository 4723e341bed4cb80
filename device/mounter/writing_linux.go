package mounter

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/custodock/custodock/device"
)

// writing runs act while the device takes writes. act gets a mount of its own;
// the client's stays read-only throughout. Whatever fails, the file system and
// the device are read-only again when writing returns.
func (v *volume) writing(act func(private int) error) (err error) {
	if v.super.FSType == device.Ext4 && v.super.Dirty {
		return fmt.Errorf("its journal was never replayed, and writing beside it would harm the volume: %w", ErrReadOnly)
	}
	v.turn.Lock()
	defer v.turn.Unlock()
	defer func() {
		if back := v.setReadOnly(true); back != nil {
			err = then(err, fmt.Errorf("the device may still take writes: %w", back))
		}
	}()
	if err := v.setReadOnly(false); err != nil {
		return err
	}
	locked, err := v.locked()
	if err != nil {
		return err
	}
	if locked {
		return fmt.Errorf("its write lock is set: %w", ErrReadOnly)
	}
	if err := v.reconfigure("rw"); err != nil {
		return fmt.Errorf("make %s writable: %w", v.super.FSType, explainWrite(err))
	}
	defer func() {
		if back := v.backToReadOnly(); back != nil {
			err = then(err, fmt.Errorf("the file system did not go back to read-only: %w", explain(back)))
		}
	}()
	private, _, err := v.detached(v.settings, "rw", v.attrs&^unix.MOUNT_ATTR_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(private) }() // before the way back: it would count as a writer
	return act(private)
}

// then puts what failed on the way back behind what failed before it.
func then(err, back error) error {
	if err == nil {
		return back
	}
	return fmt.Errorf("%w; %w", err, back)
}

// backToReadOnly waits a moment for files that were unlinked and are still open.
func (v *volume) backToReadOnly() error {
	deadline := time.NewTimer(settle)
	defer deadline.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := v.reconfigure("ro")
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return fmt.Errorf("the erased file is still open: %w", err)
		}
	}
}

// explainWrite is explain for calls that write.
func explainWrite(err error) error {
	switch {
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the file system takes no writes: %w: %w", err, ErrReadOnly)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("the file system protects the file: %w: %w", err, ErrProtected)
	}
	return explain(err)
}
