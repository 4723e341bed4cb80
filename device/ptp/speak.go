package ptp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	tries      = 3  // of one transaction
	busyTries  = 20 // while the device says that it is busy
	smallRest  = 4 << 20
	statusAsks = 10
)

// errAnew says that a session had to be opened anew: handles of the one before
// mean nothing.
var errAnew = errors.New("the session was opened anew")

// ask runs a transaction that names no object.
func (s *Session) ask(ctx context.Context, q question) (answer, error) {
	a, _, err := s.askIn(ctx, q, -1)
	return a, err
}

// askIn runs a transaction whose parameters are of an epoch, -1 when they are of
// none, and says in which epoch it was answered.
func (s *Session) askIn(ctx context.Context, q question, epoch int) (answer, int, error) {
	var a answer
	at, err := s.speak(ctx, epoch, func(ctx context.Context) error {
		err := s.breakOff(ctx)
		if err == nil {
			a, err = s.wire.ask(ctx, q)
		}
		return err
	})
	return a, at, err
}

// speak waits for its turn and calls talk with the wire in order, a few times
// when the device breaks the protocol or does not answer: every operation here
// only reads, so asking twice does no harm. talk may not run in another epoch
// than the one given. An unplugged device ends it at once.
func (s *Session) speak(ctx context.Context, epoch int, talk func(context.Context) error) (at int, err error) {
	select {
	case <-s.turn:
	case <-s.ctx.Done():
		return epoch, errClosed
	case <-ctx.Done():
		return epoch, ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()

	busy := 0
	for try := 0; try < tries; {
		if s.ctx.Err() != nil {
			return epoch, errClosed
		}
		before := err
		err = s.ready(ctx, try)
		if err == nil && epoch >= 0 && epoch != s.now() {
			if before == nil || isAnswer(before) {
				return epoch, errAnew
			}
			return epoch, fmt.Errorf("%w: %w", errAnew, s.explain(ctx, before))
		}
		if err == nil {
			err = talk(ctx)
		}
		if err == nil {
			return s.now(), nil
		}
		if answered(err, respBusy) && busy < busyTries {
			if busy++; pause(ctx, s.opts.Quiet) == nil {
				continue
			}
		}
		if !s.again(ctx, err) {
			break
		}
		try++
	}
	return s.now(), s.explain(ctx, err)
}

// again notes what err says of the wire, and whether to ask once more.
func (s *Session) again(ctx context.Context, err error) bool {
	var response responseError
	switch {
	case isGone(err):
		s.gone = err
		return false
	case answered(err, respNotOpen):
		s.ended = true
		return true
	case answered(err, respBadTransaction), answered(err, respIncomplete), answered(err, respCancelled):
		s.lost = true
		return true
	case errors.As(err, &response), errors.As(err, &local{}):
		return false
	}
	s.lost, s.stream = true, nil
	return ctx.Err() == nil
}

// local is the end of a talk that says nothing of the wire.
type local struct{ error }

func (l local) Unwrap() error { return l.error }

// explain says what became of the last try.
func (s *Session) explain(ctx context.Context, err error) error {
	switch {
	case isGone(err):
		return err
	case s.ctx.Err() != nil:
		return errClosed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	var response responseError
	if errors.As(err, &response) || errors.As(err, &local{}) {
		return err
	}
	// A device that was pulled out may answer anything at first.
	if gone := s.pipe.Present(ctx); isGone(gone) {
		s.gone = gone
		return gone
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrHangs
	}
	return fmt.Errorf("%w: %w", ErrProtocol, err)
}

// now is the current epoch.
func (s *Session) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// ready brings the wire into order: at the first try only what is known to be
// needed, at the second the endpoints, at the third the device.
func (s *Session) ready(ctx context.Context, try int) error {
	if s.gone != nil {
		return s.gone
	}
	if s.lost && try < tries-1 {
		if err := s.calm(ctx); isGone(err) {
			return err
		}
	}
	if s.lost {
		if err := s.reset(ctx); err != nil {
			return err
		}
	}
	if s.ended {
		return s.reopen(ctx)
	}
	return nil
}

// calm ends a transaction of which nobody knows how far it came: it is
// cancelled, halted endpoints are cleared, and what still comes is thrown away.
// The session goes on.
func (s *Session) calm(ctx context.Context) error {
	// Few devices know both class requests. Of their failures only that the
	// device left matters.
	if err := s.within(ctx, func(ctx context.Context) error { return s.pipe.Cancel(ctx, s.wire.transaction) }); isGone(err) {
		return err
	}
	if err := s.within(ctx, s.pipe.ClearHalt); err != nil {
		return err
	}
	for range statusAsks {
		var code uint16
		err := s.within(ctx, func(ctx context.Context) error {
			var err error
			code, err = s.pipe.Status(ctx)
			return err
		})
		if isGone(err) {
			return err
		}
		if err != nil || code != respBusy {
			break
		}
		if err := pause(ctx, s.opts.Quiet); err != nil {
			return err
		}
	}
	if err := s.wire.drain(ctx, s.opts.Quiet); err != nil {
		return err
	}
	s.lost, s.stream = false, nil
	return nil
}

// reset begins again from nothing. The session ends with it.
func (s *Session) reset(ctx context.Context) error {
	s.ended, s.stream = true, nil
	for _, act := range []func(context.Context) error{s.pipe.Reset, s.pipe.ClearHalt} {
		if err := s.within(ctx, act); isGone(err) {
			return err
		}
	}
	if err := s.wire.drain(ctx, s.opts.Quiet); err != nil {
		return err
	}
	s.lost = false
	return nil
}

// reopen opens a session. One that is open already is another program's, or ours
// that a reset did not end: it is closed, so that nothing of it is left.
func (s *Session) reopen(ctx context.Context) error {
	open := question{op: opOpenSession, params: []uint32{1}}
	_, err := s.wire.ask(ctx, open)
	if answered(err, respAlreadyOpen) {
		if _, err := s.wire.ask(ctx, question{op: opCloseSession}); err != nil && !answered(err, respNotOpen) {
			return err
		}
		_, err = s.wire.ask(ctx, open)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = false
	s.epoch++
	return nil
}

// breakOff ends a file under way, so that something else can be asked. A small
// rest is read to its end, a large one cancelled.
func (s *Session) breakOff(ctx context.Context) error {
	if s.stream == nil {
		return nil
	}
	s.stream = nil
	if rest := s.wire.left; rest >= 0 && rest <= smallRest {
		err := s.wire.skip(ctx, rest, io.Discard)
		if err == nil {
			_, err = s.wire.finish(ctx)
		}
		var response responseError
		if err == nil || errors.As(err, &response) {
			return nil // how the file ended is not for whoever asks now
		}
	}
	s.lost = true
	return s.calm(ctx)
}

// within gives act the time of one transfer.
func (s *Session) within(ctx context.Context, act func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	return act(ctx)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
