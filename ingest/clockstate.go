package ingest

import (
	"errors"
	"fmt"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/tag"
)

// clockRecord is what the record of docking.closed says of the camera's clock.
type clockRecord struct {
	MS        int64     `json:"ms"`
	ErrorMS   int64     `json:"error_ms"`
	Method    string    `json:"method"`
	N         int       `json:"n"`
	At        string    `json:"at,omitempty"`
	DriftPPM  *float64  `json:"drift_ppm,omitempty"`
	DriftSlop *float64  `json:"drift_error_ppm,omitempty"`
	DriftFrom string    `json:"drift_from,omitempty"`
	DriftTo   string    `json:"drift_to,omitempty"`
	Before    *beforeIt `json:"before,omitempty"`
	Changed   string    `json:"changed,omitempty"`
	ShiftMS   int64     `json:"mtime_shift_ms,omitempty"`
	Reset     string    `json:"reset,omitempty"`

	clock *tag.Clock
	fresh int
}

// beforeIt is the point with which a clock was compared.
type beforeIt struct {
	MS     int64  `json:"ms"`
	Method string `json:"method"`
	At     string `json:"at"`
}

// clockRecord sums up what the docking found out; nil when that is nothing.
func (d *docking) clockRecord() *clockRecord {
	c := d.clockNow()
	r := &clockRecord{Method: tag.None, ShiftMS: d.clock.shift().Milliseconds(), clock: c}
	d.clock.mu.Lock()
	r.Reset, r.fresh = d.clock.reset, d.clock.fresh
	d.clock.mu.Unlock()
	if c != nil {
		r.MS, r.ErrorMS, r.Method, r.N, r.At = c.MS, c.ErrorMS, c.Method, c.N, formatTime(c.At)
		if last := d.s.clockOf(d.origin.device).Last; last != nil {
			_, r.Changed = tag.Since(*last, c.Point)
			r.Before = &beforeIt{last.MS, last.Method, formatTime(last.At)}
		}
		if drift := c.Drift; drift != nil {
			ppm, slop := round(drift.PPM), round(drift.ErrorPPM)
			r.DriftPPM, r.DriftSlop = &ppm, &slop
			r.DriftFrom, r.DriftTo = formatTime(drift.From), formatTime(drift.To)
		}
	}
	return r
}

func round(ppm float64) float64 { return math.Round(ppm*1000) / 1000 }

// telling reports whether the record says anything.
func (r *clockRecord) telling() bool { return r.clock != nil || r.ShiftMS != 0 || r.Reset != "" }

// enter puts the offset into the public part of docking.closed, so that the
// next docking can be compared with it whatever becomes of the record.
func (r *clockRecord) enter(fields manifest.Object) {
	if r.clock != nil {
		fields["offset"] = manifest.Object{"ms": r.MS, "error_ms": r.ErrorMS, "method": r.Method, "at": r.At}
	}
}

// clockState is what the log tells of a device's clock.
type clockState struct {
	Last   *tag.Point `json:"last,omitempty"`   // as its last docking measured it
	Stated *tag.Point `json:"stated,omitempty"` // a person's word that no docking has used up
}

func (c catalog) clockState(device string) (st clockState, err error) {
	_, err = c.get(clockBucket, []byte(device), &st)
	return st, err
}

func (s *Station) clockOf(device string) (st clockState) {
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		st, err = catalog{tx}.clockState(device)
		return err
	})
	if err != nil {
		s.logger.Error("look up a camera's clock", "stage", "clock", "camera", device, "err", err)
	}
	return st
}

// applyClosed keeps the offset of a docking for the next one, and forgets the
// person's word that this one used up: a clock is stated as it is now.
func (c catalog) applyClosed(e manifest.Entry) error {
	device := e.Fields.Str("device")
	st, err := c.clockState(device)
	if err != nil {
		return err
	}
	point, measured := pointOf(e.Fields.Sub("offset"))
	if measured && point.Method != tag.Newest {
		st.Last = &point
	}
	if !measured && st.Stated == nil {
		return nil
	}
	st.Stated = nil
	return c.put(clockBucket, []byte(device), st)
}

// applyClock keeps a person's word on a clock until a docking has used it.
func (c catalog) applyClock(e manifest.Entry) error {
	device := e.Fields.Str("device")
	st, err := c.clockState(device)
	if err != nil {
		return err
	}
	point, ok := pointOf(e.Fields.Sub("offset"))
	if !ok {
		return fmt.Errorf("read entry %d: %w", e.N, errors.New("it has no offset"))
	}
	point.At, st.Stated = e.T, &point
	return c.put(clockBucket, []byte(device), st)
}

func pointOf(o manifest.Object) (p tag.Point, ok bool) {
	if o == nil {
		return p, false
	}
	ms, ok1 := o.Int("ms")
	e, ok2 := o.Int("error_ms")
	at, err := time.Parse(entryTime, o.Str("at"))
	p = tag.Point{Offset: tag.Offset{MS: ms, ErrorMS: e, Method: o.Str("method")}, At: at}
	return p, ok1 && ok2 && (err == nil || o.Str("at") == "")
}
