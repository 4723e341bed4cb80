package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/manifest"
	"github.com/custodock/custodock/stamp"
)

const (
	// silentAfter is how long entries wait for a time stamp before a person is
	// called.
	silentAfter = 24 * time.Hour
	// renewBefore is how long before the certificate of the last stamp ends a
	// later one is made although nothing came: it is over the log that names the
	// earlier ones, so that all of them are proved as long as it is.
	renewBefore = 90 * 24 * time.Hour
	// renewAgain is how often that is tried with an authority whose certificate
	// is still the old one.
	renewAgain = 24 * time.Hour
	// anchorLast is what a single command waits for its time stamp at most.
	anchorLast = 20 * time.Second
)

// ErrNoTSA is wrapped when the configuration has nobody who stamps or cosigns.
var ErrNoTSA = errors.New("no time-stamp authority is configured: name one under tsa")

// Asker sends a time-stamp request to an authority, both in DER, and returns what
// it answered. It takes no longer than it was told to.
type Asker interface {
	Ask(ctx context.Context, query []byte) (reply []byte, err error)
}

// AnchorView is the last anchor of the log.
type AnchorView struct {
	N      int64     `json:"n"`                // of its log.anchor
	Size   int64     `json:"size"`             // entries under the checkpoint
	TSA    string    `json:"tsa,omitempty"`    // who stamped it, "" when nobody did
	Time   time.Time `json:"time,omitzero"`    // of the stamp
	Until  time.Time `json:"until,omitzero"`   // end of the certificates it leads to
	SHA256 string    `json:"sha256"`           // of checkpoints/<size>
	TSR    string    `json:"tsr,omitempty"`    // SHA-256 of checkpoints/<size>.tsr
	Made   bool      `json:"made"`             // just now; else nothing came since
	Stores []string  `json:"stores,omitempty"` // that show its entry
}

// anchoring is what the loop shares with whoever orders a stamp.
type anchoring struct {
	turn chan struct{} // holds one token: one anchor at a time
	rung chan struct{} // a docking ended
}

func (a *anchoring) init() {
	a.turn, a.rung = make(chan struct{}, 1), make(chan struct{}, 1)
}

// anchored reports whether there is anybody to ask.
func (s *Station) anchored() bool { return len(s.conf().TSA) > 0 || s.cosigner() != nil }

// anchorAlways gives the log its time stamps until ctx ends: after each docking,
// and in the configured time when it grew. It waits for nobody but whom it asks,
// and nobody waits for it.
func (s *Station) anchorAlways(ctx context.Context) error {
	after := s.o.anchorAfter
	if after == nil {
		after = time.After
	}
	for failures := 0; ; {
		again, rung := s.reconfigured.next(), s.anchors.rung
		wait := s.conf().AnchorEvery
		if err := s.anchorDue(ctx); err != nil && ctx.Err() == nil {
			s.logger.Warn("time stamp", "stage", "anchor", "err", err)
			failures++
			rung = nil // dockings do not make an authority answer
			wait = min(wait, time.Minute<<min(failures-1, 6))
		} else {
			failures = 0
		}
		select {
		case <-rung:
		case <-after(wait):
		case <-again:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// anchorOnce is for a command that took a camera in and ends: it does what the
// daemon's loop would, and does not wait long.
func (s *Station) anchorOnce(ctx context.Context) {
	if s.o.Daemon || !s.anchored() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), anchorLast)
	defer cancel()
	if err := s.anchorDue(ctx); err != nil {
		s.logger.Warn("time stamp", "stage", "anchor", "err", err)
	}
	s.publishLast(ctx)
}

// anchorDue makes an anchor where one is due, and keeps the alarm of authorities
// that do not answer.
func (s *Station) anchorDue(ctx context.Context) error {
	if !s.anchored() {
		s.alarms.clear("tsa_silent")
		return nil
	}
	if err := lockTurn(ctx, s.anchors.turn); err != nil {
		return err
	}
	defer func() { <-s.anchors.turn }()
	since, err := s.unanchored()
	late := err == nil && since.IsZero()
	if err != nil || late && !s.uncosigned() {
		return err
	}
	_, err = s.makeAnchor(ctx, late)
	switch {
	case err == nil:
		s.alarms.clear("tsa_silent")
	case ctx.Err() == nil && !late && len(s.conf().TSA) > 0 && s.now().Sub(since) >= silentAfter:
		s.alarms.raise("tsa_silent", fmt.Errorf("the log has had no time stamp since %s: %w", formatTime(since), err), s.now())
	}
	s.change.wake()
	return err
}

// judgeAnchors tells of entries that have waited too long, where no loop has them
// stamped: a single command asks once, and says nothing of it.
func (s *Station) judgeAnchors() {
	if !s.anchored() {
		return
	}
	since, err := s.unanchored()
	if err != nil || since.IsZero() || s.now().Sub(since) < silentAfter {
		return
	}
	s.alarms.raise("tsa_silent", fmt.Errorf("the log has had no time stamp since %s: custodock log stamp says why", formatTime(since)), s.now())
}

// Anchor orders a time stamp now. Where nothing but anchors came since the last
// one, that one is what there is to know.
func (s *Station) Anchor(ctx context.Context) (AnchorView, error) {
	if !s.anchored() {
		return AnchorView{}, ErrNoTSA
	}
	if err := lockTurn(ctx, s.anchors.turn); err != nil {
		return AnchorView{}, err
	}
	defer func() { <-s.anchors.turn }()
	since, err := s.unanchored()
	if err != nil {
		return AnchorView{}, err
	}
	late := since.IsZero()
	made := !late || s.uncosigned()
	var a anchor
	if made {
		a, err = s.makeAnchor(ctx, late)
	}
	if !made || late && errors.Is(err, manifest.ErrUnwitnessed) {
		made = false
		a, err = s.lastAnchor(len(s.conf().TSA) > 0)
	}
	if err != nil {
		return AnchorView{}, err
	}
	if err := s.publishNow(ctx); err != nil {
		return AnchorView{}, err
	}
	s.alarms.clear("tsa_silent")
	v := AnchorView{N: a.N, Size: a.Size, TSA: a.TSA, Time: a.Time, Until: a.Until, SHA256: a.SHA256, TSR: a.TSR, Made: made}
	for _, c := range s.centrals() {
		if shown, err := s.ledger.Published(c.name); err == nil && shown > a.N {
			v.Stores = append(v.Stores, c.name)
		}
	}
	return v, nil
}

// unanchored is since when there is something to anchor, zero when there is
// nothing: since the first entry that is none of anchors themselves and that the
// last anchor does not cover, or since the end of its certificate came near.
func (s *Station) unanchored() (time.Time, error) {
	stamped := len(s.conf().TSA) > 0
	last, err := s.lastAnchor(stamped)
	if errors.Is(err, errNoAnchor) {
		last, err = anchor{}, nil
	}
	for n := last.Size; err == nil; {
		var raws [][]byte
		if raws, err = s.ledger.Entries(n); err != nil || len(raws) == 0 {
			break
		}
		for _, raw := range raws {
			e, err := manifest.ParseEntry(raw)
			if err != nil || e.Type != "log.anchor" {
				return e.T, err
			}
		}
		n += int64(len(raws))
	}
	near := last.Until.Add(-renewBefore)
	if err != nil || !stamped || last.Until.IsZero() || s.now().Before(near) || s.now().Sub(last.Time).Abs() < renewAgain {
		return time.Time{}, err
	}
	return near, nil
}

// stampBy has one authority stamp data, and believes it only where its chain
// leads to the configured roots at the time it says.
func (s *Station) stampBy(ctx context.Context, t configs.TSA, data []byte) (sealed, error) {
	roots, err := readRoots(t)
	if err != nil {
		return sealed{}, err
	}
	if s.o.OpenTSA == nil {
		return sealed{}, fmt.Errorf("%s: %w", t.Called(), ErrNoTSA)
	}
	request, err := stamp.NewRequest(data, t.Policy)
	if err != nil {
		return sealed{}, err
	}
	query, err := request.DER()
	if err != nil {
		return sealed{}, err
	}
	reply, err := s.o.OpenTSA(t).Ask(ctx, query)
	if err != nil {
		return sealed{}, fmt.Errorf("time stamp of %s: %w", t.Called(), err)
	}
	st, err := stamp.Parse(reply)
	if err == nil {
		err = st.Answers(request)
	}
	var until time.Time
	if err == nil {
		until, err = st.Chain(roots.roots)
	}
	if err != nil {
		return sealed{}, fmt.Errorf("time stamp of %s is refused: %w", t.Called(), err)
	}
	return sealed{reply: reply, roots: roots.text, name: t.Called(), time: st.Time, until: until, accuracy: st.Accuracy}, nil
}

// lockTurn takes the token of a one-place channel unless ctx ends first.
func lockTurn(ctx context.Context, turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
