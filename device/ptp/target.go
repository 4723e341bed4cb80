package ptp

import "context"

// Target is where a device hangs, as the kernel numbers it, and which of its
// interfaces speaks PTP.
type Target struct {
	Bus, Number int

	// Vendor takes Interface, of whatever class, in place of the first
	// still-image interface: some cameras speak PTP on one of their maker's.
	Vendor    bool
	Interface int
}

// Connect dials a device and opens a session with it.
func Connect(ctx context.Context, t Target, opts Options) (*Session, error) {
	pipe, err := Dial(t)
	if err != nil {
		return nil, err
	}
	return Open(ctx, pipe, opts)
}
