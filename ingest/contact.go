package ingest

import (
	"context"
	"sync"
	"time"
)

// settleTime is how long a device must stay after it came back at once.
const settleTime = 2 * time.Second

// contacts keeps a loose contact from opening one docking after the other. It is
// shared by all that dock devices, each under the name of its place: a bay, a
// port, a mount point.
//
// A device that comes to a place at rest is docked at once. One that comes less
// than the settle time after the last one left has to stay that long first; and
// while the docking of the one before is still being closed, it waits for that,
// but no longer than the settle time either: a docking that hangs holds up no
// other.
type contacts struct {
	settle time.Duration
	now    func() time.Time

	mu     sync.Mutex
	places map[string]*contact
}

type contact struct {
	left  time.Time       // by the last device that was here
	gone  <-chan struct{} // closed when the last one that came has left
	ended chan struct{}   // closed when its docking is; nil when none was opened
	users int             // that stay or wait here
}

func newContacts(settle time.Duration, now func() time.Time) *contacts {
	return &contacts{settle: settle, now: now, places: map[string]*contact{}}
}

// enter returns nil when the device that came to a place may be docked, and the
// error of ctx, which ends when the device leaves, when it did not stay for so
// long. After nil, done tells that the docking is over.
func (c *contacts) enter(ctx context.Context, name string) (done func(), err error) {
	c.mu.Lock()
	c.forget()
	p := c.places[name]
	if p == nil {
		p = &contact{}
		c.places[name] = p
	}
	p.users++
	loose := !p.left.IsZero() && c.now().Sub(p.left) < c.settle ||
		p.gone != nil && closed(p.gone) && p.users > 1 // it left this moment
	p.gone = ctx.Done()
	before := p.ended
	c.mu.Unlock()
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		p.left = c.now()
		p.users--
		c.mu.Unlock()
	})
	if err := c.wait(ctx, loose, before); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	c.mu.Lock()
	p.ended = ended
	c.mu.Unlock()
	return sync.OnceFunc(func() { close(ended) }), nil
}

// wait lets the place come to rest.
func (c *contacts) wait(ctx context.Context, loose bool, before <-chan struct{}) error {
	t := time.NewTimer(c.settle)
	defer t.Stop()
	if !loose && before != nil {
		select {
		case <-before:
		case <-t.C:
		case <-ctx.Done():
		}
	}
	if loose {
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// forget drops the places that are at rest; c.mu is held.
func (c *contacts) forget() {
	for name, p := range c.places {
		if p.users == 0 && c.now().Sub(p.left) >= c.settle && (p.ended == nil || closed(p.ended)) {
			delete(c.places, name)
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
