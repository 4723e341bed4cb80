package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/custodock/custodock/configs"
)

// errHeld marks a docking of which nothing was read because an admin has to say
// first whose the camera is. Nothing is entered of it.
var errHeld = errors.New("held for the admin")

// The reasons for which a camera is held, which are the codes of their alarms.
const (
	HoldSame    = "same_identity"  // it says that it is a camera that is docked already
	HoldUnknown = "device_unknown" // no device profile knows its files
)

// hold is why a camera may not be read yet.
type hold struct {
	code    string
	args    []string
	err     error
	leaving bool // the other camera is about to be gone
}

// Waiting for others, in pauses between two tries of a read.
const (
	passingWait = 10 // for a camera that is being taken out
	twinWait    = 2  // before two cameras with one identity are told
)

// admit waits until the camera may be read. It returns at once for nearly every
// one; else the bay says why, until an admin or whoever takes a camera out has
// changed that.
func (d *docking) admit(ctx context.Context) error {
	r := d.self
	if r == nil {
		return nil // a folder that a person named is nobody's twin
	}
	var shown *hold
	patient, quick := true, true
	defer func() { d.unhold(shown) }()
	for first := true; ; first = false {
		changed, configured := d.s.seats.changed.next(), d.s.reconfigured.next()
		if d.settleOwner(); !first {
			d.identify() // there may be another profile by now
		}
		h := d.s.mayRead(d, patient)
		if h == nil {
			return nil
		}
		wait := time.Duration(0)
		switch {
		case h.leaving:
			wait = passingWait * d.s.retryPause
		case h.code == HoldSame && quick && shown == nil:
			wait = twinWait * d.s.retryPause
		default:
			d.unhold(shown)
			shown = h
			d.hold(h)
		}
		over, err := await(ctx, wait, changed, configured)
		if err != nil {
			return fmt.Errorf("%w: %w", errHeld, err)
		}
		if over && h.leaving {
			patient = false // it hangs: what it still enters is its own
		} else if over {
			quick = false
		}
	}
}

// await waits for one of two things, at most d where d is not 0.
func await(ctx context.Context, d time.Duration, one, other <-chan struct{}) (over bool, err error) {
	var late <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-one:
	case <-other:
	case <-late:
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	return false, nil
}

// mayRead admits the camera of a docking, or says why it has to wait. Of two
// that come at once one is first.
func (s *Station) mayRead(d *docking, patient bool) *hold {
	s.seats.mu.Lock()
	defer s.seats.mu.Unlock()
	r := d.self
	r.self = d.stay()
	if s.stranger(d) {
		return &hold{code: HoldUnknown, args: []string{d.self.bayName()}, err: fmt.Errorf(
			"bay %s: no device profile knows this camera (%s): register it, write a profile, or set unknown: take", d.self.bayName(), d.seat().usbID())}
	}
	for other := range s.seats.all {
		if other == r || !other.admitted || other.seat.same(r.seat) {
			continue
		}
		shared := twins(other.self, r.self)
		if shared == "" {
			continue
		}
		if other.ctx.Err() != nil || s.unplugged(other.seat) {
			if other.reading && patient {
				return &hold{leaving: true}
			}
			continue
		}
		a, b := r.bayName(), other.bayName()
		return &hold{code: HoldSame, args: []string{a, b}, err: fmt.Errorf(
			"bay %s: this camera says that it is the one in bay %s (%s): take one of them out, or register this one by what it alone has", a, b, shared)}
	}
	r.admitted, r.doubt = true, d.verdict.doubt
	s.doubtful(d)
	return nil
}

// stranger reports whether a camera on USB has files that no device profile
// knows, where such a one has to wait. On an empty one there is nothing to read.
func (s *Station) stranger(d *docking) bool {
	return d.profile.Generic() && d.verdict.device == nil && d.seat().port.Path != "" &&
		len(d.files) > 0 && s.conf().Unknown == configs.UnknownHold
}

// doubtful tells of a camera that is a registered one by one source and is not
// by another.
func (s *Station) doubtful(d *docking) {
	if d.verdict.doubt == nil {
		return
	}
	name := d.self.bayName()
	s.alarms.raise("device_differs", fmt.Errorf("bay %s: %w", name, d.verdict.doubt), s.now(), name, d.verdict.suspect)
	s.change.wake()
}

func (d *docking) stay() stay {
	st := stay{told: d.told, strong: d.identities, profile: d.profile.Name, certain: d.certain()}
	st.label = d.origin.label != "" && d.profile.LabelDevice(d.origin.label) == d.origin.label
	if dev := d.verdict.device; dev != nil {
		st.device, st.registered, st.match = dev.ID, true, dev.Match
	}
	return st
}

// twins says by what the camera that came last passes for the one that is
// there, "" when it does not. One that is registered as another device was told
// apart by an admin.
func twins(there, came stay) string {
	if there.registered && came.registered && there.device == came.device {
		return "device " + came.device
	}
	if came.registered {
		return ""
	}
	var kinds []string
	for _, id := range came.strong {
		if !slices.Contains(there.strong, id) || there.registered && valueOf(there.match, id.Kind) != id.Value {
			continue
		}
		kinds = append(kinds, id.Kind)
	}
	if len(kinds) == 0 {
		return ""
	}
	return "same " + words(kinds)
}

// hold shows on the bay why its camera is not read. Who sees that finds the alarm.
func (d *docking) hold(h *hold) {
	d.s.reading.Add(-1)
	d.s.alarms.raise(h.code, h.err, d.s.now(), h.args...)
	d.bay.update(func(b *BayStatus) { b.State, b.Hold, b.Reason = BayHeld, h.code, h.err.Error() })
}

func (d *docking) unhold(h *hold) {
	if h == nil {
		return
	}
	d.s.reading.Add(1)
	d.bay.update(func(b *BayStatus) { b.State, b.Hold, b.Reason = BayScanning, "", "" })
	d.s.alarms.clear(h.code, h.args...)
	d.s.change.wake()
}
