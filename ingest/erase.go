package ingest

import (
	"context"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/custodock/custodock/configs"
	"github.com/custodock/custodock/device"
)

// Erasing is the last part of a docking, after everything was read and entered:
// the camera stays in its bay, and as clips are proved to be safe elsewhere
// their files go. Who takes the camera out meanwhile loses nothing. Read on in
// erase_may (which file), erase_act (the act and its entries), erase_back (what
// a later docking finds) and erase_order (an admin asks).

// eraser is a Tree that can remove a file. When Erase returns nil the file is
// gone from the device, durably, and its bytes were hashed right before;
// device.ErrChanged, device.ErrProtected and device.ErrReadOnly say that it was
// not touched. After any other error nobody knows before the device was listed
// again.
type eraser interface {
	Erase(ctx context.Context, r device.EraseRequest) error
}

const (
	eraseBatch = 200             // files under one erase.begun
	eraseLook  = time.Hour       // between two looks when nothing was heard
	eraseRest  = 10              // times as long as a look took, before the next
	eraseSoon  = 1 * time.Second // at least between the end of the days and the look
)

// erasing is what a station needs to erase.
type erasing struct {
	certain func(*docking) bool // two independent sources agree whose camera it is
	news    broadcast           // a file may go that might not before

	mu     sync.Mutex
	docked map[*erasure]bool
}

func (e *erasing) init() {
	e.certain = (*docking).certain
	e.docked = map[*erasure]bool{}
}

// claim notes a file that may be erased once it is proved; d.mu is held.
func (d *docking) claim(f *file, n int64, g got) {
	if d.want.oneshot || d.want.drop {
		return // these folders are nobody's to clear
	}
	c := claim{path: f.Path, n: n, size: f.Size}
	if !g.unread {
		c.size = g.sum.Size
	}
	if d.claims == nil {
		d.claims = map[string]claim{}
	}
	d.claims[f.Path] = c
}

// erasure is a docked camera whose files may go.
type erasure struct {
	d      *docking
	tree   eraser
	orders chan order
	ended  chan struct{}

	left   []claim
	erased int
	stop   why // nothing more is tried in this docking
}

// linger keeps a camera that was read to its end until it is taken out or the
// dock stops, and erases what may go. What earlier dockings asked of the camera
// is settled first, whatever the configuration says by now.
func (d *docking) linger(ctx context.Context) {
	d.complete = !d.incomplete
	if err := d.reconcile(ctx); err != nil && ctx.Err() == nil {
		d.s.logger.Error("look for what was erased", "stage", "erase", "camera", d.origin.device, "err", err)
		return
	}
	tree, can := able[eraser](d.folder)
	if !can {
		d.cannot()
		return
	}
	e := &erasure{d: d, tree: tree, orders: make(chan order), ended: make(chan struct{})}
	for _, f := range d.files {
		if c, ok := d.claims[f.Path]; ok {
			e.left = append(e.left, c)
		}
	}
	s := &d.s.erasing
	s.mu.Lock()
	s.docked[e] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.docked, e)
		s.mu.Unlock()
		close(e.ended)
	}()
	if err := e.run(ctx); err != nil && ctx.Err() == nil {
		d.s.logger.Error("erase", "stage", "erase", "camera", d.origin.device, "err", err)
	}
}

// cannot says so of a camera that would be erased if that were possible.
func (d *docking) cannot() {
	if d.s.conf().Erase.Mode == configs.EraseNever || len(d.claims) == 0 {
		return
	}
	d.bay.update(func(b *BayStatus) { b.Erase = &EraseStatus{Left: len(d.claims), Reason: string(whyUnable)} })
}

// run looks which files may go whenever something happened that could make one,
// until the camera or the dock goes. What the log does not take ends it: the
// next docking finds out.
func (e *erasure) run(ctx context.Context) error {
	for ctx.Err() == nil {
		news, changed := e.d.s.erasing.news.next(), e.d.s.reconfigured.next()
		began := time.Now()
		next, err := e.look(ctx, nil)
		if err != nil {
			return err
		}
		// Many clips are proved one after another: a camera with many files
		// must not spend the dock on looking at them.
		if e.d.s.pause(ctx, eraseRest*time.Since(began)) != nil {
			break
		}
		t := time.NewTimer(next)
		select {
		case <-news:
		case <-changed:
		case <-t.C:
		case o := <-e.orders:
			err = e.obey(ctx, o)
		case <-ctx.Done():
		}
		t.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// look erases what may go and says how long nothing will by time alone. o is
// the order of an admin, nil when nobody gave one.
func (e *erasure) look(ctx context.Context, o *EraseOrder) (next time.Duration, err error) {
	j := e.d.judge(o != nil)
	var may []claim
	for _, f := range e.left {
		if e.stop == "" && j.mayErase(f) == "" {
			may = append(may, f)
		}
	}
	for len(may) > 0 && e.stop == "" && ctx.Err() == nil && err == nil {
		batch := may[:min(len(may), eraseBatch)]
		may = may[len(batch):]
		err = e.act(ctx, batch, o)
	}
	if err != nil {
		e.stop = whyFailed
	}
	e.show(e.d.judge(false))
	return e.next(j), err
}

// next is how long until the days of a file are over.
func (e *erasure) next(j judgement) time.Duration {
	next := eraseLook
	if j.cfg.Erase.Mode != configs.EraseAfterDays {
		return next
	}
	_ = e.d.s.db.View(func(tx *bbolt.Tx) error {
		for _, f := range e.left {
			r, err := catalog{tx}.clip(f.n)
			if due := j.due(r).Sub(j.now); err == nil && due > 0 {
				next = min(next, due+eraseSoon)
			}
		}
		return nil
	})
	return next
}

// reason is why a file stays that was not erased.
func (e *erasure) reason(j judgement, f claim) why {
	if e.stop != "" && f.stay == "" && j.whole == "" {
		return e.stop
	}
	return j.mayErase(f)
}

// show puts on the bay how far it is.
func (e *erasure) show(j judgement) {
	st := &EraseStatus{Erased: e.erased, Left: len(e.left)}
	if len(e.left) > 0 {
		st.Reason = string(e.reason(j, e.left[0]))
	}
	if j.whole == whyOff && e.erased == 0 {
		st = nil
	}
	if was := e.d.bay.status().Erase; st == was || st != nil && was != nil && *st == *was {
		return // nobody needs to look
	}
	e.d.bay.update(func(b *BayStatus) { b.Erase = st })
}
