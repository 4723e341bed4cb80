package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/manifest/ledger"
	"github.com/custodock/custodock/tag"
)

// ErrNoDevice is wrapped when no device of that id was ever here.
var ErrNoDevice = errors.New("no such device on this dock")

// The most that a person can say of a clock: cameras fall back to 1970 or 1980,
// and a guess that is off by a day corrects nothing.
const (
	mostOffset      = 200 * 365 * 24 * time.Hour
	mostStatedError = 24 * time.Hour
	mostReason      = 2000 // bytes
)

// ClockRequest is a person's word on how far the clock of a camera is off now.
type ClockRequest struct {
	Device   string `json:"device"`    // neutral id
	OffsetMS int64  `json:"offset_ms"` // to be added to the camera's time
	ErrorMS  int64  `json:"error_ms"`  // how far off that may be
	Reason   string `json:"reason"`
	Actor    string `json:"actor"`
}

// statedRecord says why a person was believed.
type statedRecord struct {
	Reason string `json:"reason"`
}

// StateClock enters a person's word on a camera's clock. It counts for the
// docking that is under way, for the clips still to be recorded, or for the
// next one, unless the camera itself says what time it has.
func (s *Station) StateClock(ctx context.Context, r ClockRequest) error {
	if err := r.check(); err != nil {
		return err
	}
	if !s.knowsDevice(r.Device) {
		return fmt.Errorf("state the clock of device %q: %w: take its id from its clips or from custodock device list", r.Device, ErrNoDevice)
	}
	record, err := manifest.NewRecord(statedRecord{Reason: r.Reason})
	if err != nil {
		return err
	}
	o := tag.Offset{MS: r.OffsetMS, ErrorMS: r.ErrorMS, Method: tag.Stated}
	err = s.commit(ctx, func(tx *ledger.Tx) error {
		_, err := s.append(tx, manifest.Draft{
			Type: "device.clock", Actor: r.Actor, Record: record,
			Fields: manifest.Object{"device": r.Device, "offset": manifest.Object{"ms": o.MS, "error_ms": o.ErrorMS, "method": o.Method}},
		})
		return err
	})
	if err != nil {
		return err
	}
	s.judgeCamera(r.Device, &clockRecord{clock: &tag.Clock{Point: tag.Point{Offset: o}}})
	s.markDirty()
	if !s.o.Daemon {
		if err := s.publishNow(ctx); err != nil {
			s.logger.Warn("publish", "stage", "publish", "err", err)
		}
	}
	return nil
}

func (r ClockRequest) check() error {
	switch {
	case strings.TrimSpace(r.Reason) == "" || len(r.Reason) > mostReason:
		return fmt.Errorf("state the clock of device %q: say how you know with --reason, in at most %d bytes", r.Device, mostReason)
	case r.OffsetMS > mostOffset.Milliseconds() || r.OffsetMS < -mostOffset.Milliseconds():
		return fmt.Errorf("state the clock of device %q: offset %d ms: use at most 200 years either way", r.Device, r.OffsetMS)
	case r.ErrorMS < 0 || r.ErrorMS > mostStatedError.Milliseconds():
		return fmt.Errorf("state the clock of device %q: error %d ms: use 0 to 24 hours", r.Device, r.ErrorMS)
	}
	return nil
}

// knowsDevice reports whether a registration or a docking named the device.
func (s *Station) knowsDevice(id string) bool {
	if slices.ContainsFunc(s.knownDevices(), func(k enrolled) bool { return k.ID == id }) {
		return true
	}
	var ids []string
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(sourceBucket).ForEach(func(_, v []byte) error {
			ids = append(ids, string(v))
			return nil
		})
	})
	return err == nil && slices.Contains(ids, id)
}

// judgeCamera warns of a camera whose clock was reset, or is off by more than
// it may be whatever the error of that, and ends the warning when the clock is
// known to be right. What a docking could not measure ends only the warning of
// a reset, once new clips have believable times.
func (s *Station) judgeCamera(device string, r *clockRecord) {
	defer s.change.wake()
	limit := s.conf().Alarms.CameraClock
	if r.Reset != "" {
		s.alarms.raise("camera_clock", fmt.Errorf("the clock of camera %s was reset, it shows %s: set it, and have its battery looked at", device, r.Reset),
			s.now(), device, r.Reset)
		return
	}
	if r.clock == nil {
		al, stands := s.alarms.about("camera_clock", device)
		if _, err := time.Parse(time.DateOnly, lastOf(al.Args)); stands && err == nil && r.fresh > 0 {
			s.alarms.clear("camera_clock", device)
		}
		return
	}
	off := time.Duration(r.clock.MS) * time.Millisecond
	sure := off.Abs()
	if r.clock.Method != tag.Newest { // a bound is off by as much at least
		sure -= time.Duration(r.clock.ErrorMS) * time.Millisecond
	}
	if sure <= limit {
		s.alarms.clear("camera_clock", device)
		return
	}
	text := signed(-off)
	s.alarms.raise("camera_clock", fmt.Errorf("the clock of camera %s is off by %s, more than %s: set it; its clips have corrected times beside their own", device, text, limit),
		s.now(), device, text)
}

func lastOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[len(args)-1]
}

// signed writes how far a clock is ahead (+) or behind (-).
func signed(d time.Duration) string {
	if d > 0 {
		return "+" + d.Round(time.Second).String()
	}
	return d.Round(time.Second).String()
}
