package usb

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/custodock/custodock/device"
)

// Finding is what a Guard did about one device.
type Finding struct {
	Device   Device
	Verdicts []Verdict // none for a device outside the bays
	Err      error
}

// Refused lists the verdicts that let something not through.
func (f Finding) Refused() []Verdict {
	var out []Verdict
	for _, v := range f.Verdicts {
		if !v.Allowed {
			out = append(out, v)
		}
	}
	return out
}

// parting is how long Run waits at its end for a device that hangs.
const parting = 5 * time.Second

// Run guards until ctx ends and then puts the kernel's defaults back. After a
// failure they stay as they are, so that nothing slips in before the next guard.
//
// It judges what is there, then what comes, and tells each device of a guarded
// port, and each failure, to report, one at a time; the same device may be told
// again. Each device is written to by a goroutine of its own, so that one that
// hangs holds up no other.
func (g *Guard) Run(ctx context.Context, report func(Finding)) error {
	if err := g.Start(); err != nil {
		return err
	}
	if g.Mode == Off {
		<-ctx.Done()
		return ctx.Err()
	}
	l := &lanes{busy: map[string]*lane{}}
	var told sync.Mutex
	judge := func(name string) {
		if f, ok := g.look(name); ok && ctx.Err() == nil {
			told.Lock()
			defer told.Unlock()
			report(f)
		}
	}
	g.running(func() error { return g.all(l, judge) })
	err := g.follow(ctx, l, judge)
	g.running(nil)
	l.wait(parting)
	if ctx.Err() == nil {
		return err
	}
	if failed := g.Restore(); failed != nil {
		return failed
	}
	return err
}

// Change puts other ports and another rule in force, also while Run is under
// way: everything is then judged anew. What a port that is no longer a bay was
// refused, it is given.
func (g *Guard) Change(ports []string, rule Rule) error {
	if err := checkPorts(ports); err != nil {
		return err
	}
	g.mu.Lock()
	g.Ports, g.Rule = slices.Clone(ports), Rule{Video: rule.Video, Vendor: slices.Clone(rule.Vendor)}
	sweep := g.sweep
	g.mu.Unlock()
	if sweep == nil {
		return nil
	}
	return sweep()
}

func (g *Guard) running(sweep func() error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep = sweep
}

// follow judges what the kernel's events speak of.
func (g *Guard) follow(ctx context.Context, l *lanes, judge func(string)) error {
	watch := g.watch
	if watch == nil {
		watch = Watch
	}
	return watch(ctx, func(e Event) error {
		name := path.Base(e.DevPath)
		switch {
		case e.Rescan():
			return g.all(l, judge)
		case e.Action != "add" || e.DevType != "usb_device":
		case IsRoot(name):
			return g.Start()
		case IsPort(name):
			l.do(name, judge)
		}
		return nil
	})
}

// all has everything judged, on buses that have come unseen too.
func (g *Guard) all(l *lanes, judge func(string)) error {
	if err := g.Start(); err != nil {
		return err
	}
	names, _, err := g.Sysfs.names()
	if err != nil {
		return fmt.Errorf("list USB devices: %w", err)
	}
	for _, name := range names {
		l.do(name, judge)
	}
	return nil
}

// look judges the device called name; ok is false when there is nothing to tell.
func (g *Guard) look(name string) (f Finding, ok bool) {
	d, ok, err := g.Sysfs.Device(name)
	if err != nil {
		return Finding{Device: Device{Path: name}, Err: err}, true
	}
	if !ok {
		return Finding{}, false
	}
	v, err := g.Apply(d)
	if errors.Is(err, device.ErrGone) {
		return Finding{}, false
	}
	return Finding{Device: d, Verdicts: v, Err: err}, len(v) > 0 || err != nil
}

// lanes runs work by name: side by side for different names, one after another
// for the same. Work that is asked for while the same is under way is done once
// more, however often it was asked for.
type lanes struct {
	mu   sync.Mutex
	busy map[string]*lane
	shut bool // no more is taken
	all  sync.WaitGroup
}

type lane struct{ again bool }

func (l *lanes) do(name string, work func(string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut {
		return
	}
	if b := l.busy[name]; b != nil {
		b.again = true
		return
	}
	b := &lane{}
	l.busy[name] = b
	l.all.Go(func() {
		for more := true; more; {
			work(name)
			l.mu.Lock()
			if more, b.again = b.again, false; !more {
				delete(l.busy, name)
			}
			l.mu.Unlock()
		}
	})
}

// wait takes no more and returns when all work is done, or after patience. Work that hangs in the
// kernel is left behind; it writes what was decided and no more.
func (l *lanes) wait(patience time.Duration) {
	l.mu.Lock()
	l.shut = true
	l.mu.Unlock()
	done := make(chan struct{})
	go func() {
		l.all.Wait()
		close(done)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
