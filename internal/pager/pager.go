// Package pager calls a person: it runs a program for each alarm that begins
// and each that ends. It tells one at a time, and the newest word of an alarm
// replaces an older one that was not told yet, so that neither a program that
// hangs nor an alarm that comes and goes holds up the dock or floods a phone.
package pager

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// The events of an alarm.
const (
	Raised  = "raised"
	Cleared = "cleared"
)

// Call is what the program is told, as one line of JSON.
type Call struct {
	Event string   `json:"event"` // Raised or Cleared
	Code  string   `json:"code"`
	Args  []string `json:"args"`
	Text  string   `json:"text"`
	Since string   `json:"since"` // when the alarm began
	Dock  string   `json:"dock"`
	Log   string   `json:"log"`
	Time  string   `json:"time"` // of the event
}

// Options are what a Pager is made with. All but Command may be left out.
type Options struct {
	Command func() []string // program and arguments in force, run without a shell; none when nobody is to be told
	Log     *slog.Logger
	Now     func() time.Time
	After   func(time.Duration) <-chan time.Time // a clock to wait by
	Outcome func(error)                          // told how each run ended
}

const (
	// Timeout is how long the program may take.
	Timeout = 30 * time.Second
	// Apart is the least time between two calls about the same thing.
	Apart = time.Minute

	waitingMost = 64              // calls that wait; the oldest give way
	linesMost   = 256             // alarms that are remembered at all
	retries     = 5               // after a run that failed, each later than the last
	farewell    = 5 * time.Second // for what waits when the dock ends
)

// line is what is known of one alarm that was told lately or waits to be.
type line struct {
	call   Call
	told   string    // the event that was told last, "" for none
	waits  bool      // call is still to be told
	turn   int64     // since when, in order of arrival
	from   time.Time // not before
	failed int       // runs of call, in a row
}

// Pager tells calls in the order in which they may be told. Run must be
// running for anything to be told.
type Pager struct {
	o    Options
	wake chan struct{}

	mu    sync.Mutex
	turns int64
	lines map[string]*line
}

// New makes a Pager.
func New(o Options) *Pager {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Outcome == nil {
		o.Outcome = func(error) {}
	}
	return &Pager{o: o, wake: make(chan struct{}, 1), lines: map[string]*line{}}
}

// Tell asks for a call about the alarm that key names. It never waits. What
// was to be told of the same alarm before is replaced; when the newest event is
// the one that was told last, nothing is left to tell.
func (p *Pager) Tell(key string, c Call) {
	p.mu.Lock()
	now := p.o.Now()
	l := p.lines[key]
	if l == nil || !l.waits && !now.Before(l.from) {
		l = &line{from: now}
		p.lines[key] = l
	}
	l.call, l.failed = c, 0
	switch wanted := l.told != c.Event; {
	case wanted && !l.waits:
		p.queue(l)
	case !wanted:
		l.waits = false
	}
	p.bound(now)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// queue puts a line behind all that wait; p.mu is held.
func (p *Pager) queue(l *line) {
	p.turns++
	l.waits, l.turn = true, p.turns
}

// bound forgets what may be told anew and gives up the oldest of too many
// calls; p.mu is held.
func (p *Pager) bound(now time.Time) {
	waiting, oldest := 0, ""
	for key, l := range p.lines {
		switch {
		case !l.waits && (!now.Before(l.from) || len(p.lines) > linesMost):
			delete(p.lines, key)
		case l.waits:
			waiting++
			if oldest == "" || l.turn < p.lines[oldest].turn {
				oldest = key
			}
		}
	}
	if waiting > waitingMost {
		c := p.lines[oldest].call
		delete(p.lines, oldest)
		p.o.Log.Warn("alarm not told, too many wait", "stage", "alarm", "code", c.Code, "event", c.Event)
	}
}

// Run tells calls until ctx ends, then for a short while what still waits: the
// alarm that ended the dock is the one a person must hear of. When it returns,
// no program of it runs.
func (p *Pager) Run(ctx context.Context) {
	life, kill := context.WithCancel(context.WithoutCancel(ctx))
	var limit sync.WaitGroup
	defer limit.Wait()
	defer kill()
	limit.Go(func() {
		select {
		case <-ctx.Done():
		case <-life.Done():
			return
		}
		select {
		case <-p.o.After(farewell):
			kill()
		case <-life.Done():
		}
	})
	for ctx.Err() == nil {
		select {
		case <-p.wake: // next sees all that came until here
		default:
		}
		key, wait := p.next(false)
		if key != "" {
			p.tell(life, key)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = p.o.After(wait)
		}
		select {
		case <-due:
		case <-p.wake:
		case <-ctx.Done():
		}
	}
	for key, _ := p.next(true); key != "" && life.Err() == nil; key, _ = p.next(true) {
		if !p.tell(life, key) {
			p.forget(key)
		}
	}
}

// next names the call that has waited longest of those that may be told now, or
// says when the next may be; 0 when none waits.
func (p *Pager) next(all bool) (key string, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Now()
	p.bound(now)
	for k, l := range p.lines {
		switch left := l.from.Sub(now); {
		case !l.waits:
		case left > 0 && !all:
			if wait == 0 || left < wait {
				wait = left
			}
		case key == "" || l.turn < p.lines[key].turn:
			key = k
		}
	}
	return key, wait
}

func (p *Pager) forget(key string) {
	p.mu.Lock()
	delete(p.lines, key)
	p.mu.Unlock()
}

// tell runs the program for one call and reports whether it took it. What
// failed is told again later, unless something newer waits by then.
func (p *Pager) tell(ctx context.Context, key string) bool {
	p.mu.Lock()
	l := p.lines[key]
	if l == nil || !l.waits { // given up, or taken back, since it was named
		p.mu.Unlock()
		return true
	}
	c := l.call
	l.waits, l.told, l.from = false, c.Event, p.o.Now().Add(Apart)
	p.mu.Unlock()
	err := p.run(ctx, c)
	p.o.Outcome(err)
	if err == nil {
		return true
	}
	p.o.Log.Warn("alarm command", "stage", "alarm", "code", c.Code, "event", c.Event, "err", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	l.told = "" // whoever asks for the same again means it
	if p.lines[key] != l || l.waits {
		return false
	}
	if l.failed++; l.failed > retries {
		p.o.Log.Error("alarm given up", "stage", "alarm", "code", c.Code, "event", c.Event, "err", err)
		return false
	}
	l.from = p.o.Now().Add(Apart << (l.failed - 1))
	p.queue(l)
	return false
}
