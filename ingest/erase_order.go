package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/custodock/custodock/configs"
)

// ErrNoCamera is wrapped when a camera is not in a bay where it could be erased.
var ErrNoCamera = errors.New("no such camera is docked here")

// order is what an admin asks of a docked camera.
type order struct {
	EraseOrder
	done chan<- obeyed // holds one
}

type obeyed struct {
	res EraseResult
	err error
}

// EraseDevice erases a docked camera now, as far as its files may go, and says
// what stays and why. It ends a stop that files which came back brought about;
// everything else must hold as for any erasing.
func (s *Station) EraseDevice(ctx context.Context, o EraseOrder) (EraseResult, error) {
	switch {
	case o.Reason == "":
		return EraseResult{}, errors.New("erase: say why with --reason")
	case s.conf().Erase.Mode == configs.EraseNever:
		return EraseResult{}, errors.New("erase: the configuration says never: set erase.mode first")
	}
	all := EraseResult{Left: []EraseLeft{}}
	asked := 0
	for _, e := range s.erasing.of(o.Device) {
		res, err := e.ask(ctx, o)
		if err != nil {
			return all, err
		}
		asked++
		all.Erased += res.Erased
		all.Left = append(all.Left, res.Left...)
	}
	if asked == 0 {
		return all, fmt.Errorf("erase %q: %w, or it cannot be erased: dock it and wait until it was read", o.Device, ErrNoCamera)
	}
	return all, nil
}

// of are the cameras with an id that were read and stay.
func (e *erasing) of(device string) (out []*erasure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for x := range e.docked {
		if x.d.origin.device == device {
			out = append(out, x)
		}
	}
	return out
}

func (e *erasure) ask(ctx context.Context, o EraseOrder) (EraseResult, error) {
	done := make(chan obeyed, 1)
	gone := fmt.Errorf("erase %q: it was taken out: %w", o.Device, ErrNoCamera)
	select {
	case e.orders <- order{o, done}:
	case <-e.ended:
		return EraseResult{}, gone
	case <-ctx.Done():
		return EraseResult{}, ctx.Err()
	}
	select {
	case o := <-done:
		return o.res, o.err
	case <-e.ended:
		select {
		case o := <-done:
			return o.res, o.err
		default:
			return EraseResult{}, gone
		}
	case <-ctx.Done():
		return EraseResult{}, ctx.Err()
	}
}

// obey carries an order out. What stopped the erasing in this docking is tried
// again, but for files that are known to be others.
func (e *erasure) obey(ctx context.Context, o order) error {
	e.stop = ""
	before := e.erased
	if _, err := e.look(ctx, &o.EraseOrder); err != nil {
		o.done <- obeyed{err: err}
		return err
	}
	j := e.d.judge(true)
	count := map[why]int{}
	var kinds []why
	for _, f := range e.left {
		reason := e.reason(j, f)
		if count[reason]++; count[reason] == 1 {
			kinds = append(kinds, reason)
		}
	}
	res := EraseResult{Erased: e.erased - before}
	for _, reason := range kinds {
		res.Left = append(res.Left, EraseLeft{string(reason), count[reason]})
	}
	o.done <- obeyed{res: res}
	return nil
}
