package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/custodock/custodock/store"
)

// publisher shows the log to one store: at most once in the configured time
// while entries come, and whenever someone asks. Each store has its own, so
// that one that does not answer delays no other.
type publisher struct {
	dirty chan struct{} // there are entries to publish
	asked chan struct{}
	well  chan struct{} // the store took a clip again

	mu    sync.Mutex
	asks  []chan<- error // told how the next attempt ended
	ended bool
}

func (p *publisher) init() {
	p.dirty, p.asked, p.well = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
}

// ask has done told how an attempt ended that began after this call.
func (p *publisher) ask(done chan<- error) {
	p.mu.Lock()
	ended := p.ended
	if !ended {
		p.asks = append(p.asks, done)
	}
	p.mu.Unlock()
	if ended {
		done <- context.Canceled
		return
	}
	ring(p.asked)
}

func (p *publisher) take() []chan<- error {
	p.mu.Lock()
	defer p.mu.Unlock()
	asks := p.asks
	p.asks = nil
	return asks
}

// end tells whoever still asks that there is nobody left to answer.
func (p *publisher) end() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	for _, done := range p.take() {
		done <- context.Canceled
	}
}

// markDirty says that there are entries to publish.
func (s *Station) markDirty() {
	for _, c := range s.centrals() {
		ring(c.publisher.dirty)
	}
	s.change.wake()
}

// publishing follows the log for one store until ctx ends.
func (s *Station) publishing(ctx context.Context, c *central) {
	p := &c.publisher
	defer p.end()
	for failures := 0; ctx.Err() == nil; {
		select {
		case <-p.dirty:
		case <-p.asked:
		case <-ctx.Done():
			return
		}
		asks := p.take()
		err := s.publishTo(ctx, c)
		for _, done := range asks {
			done <- err
		}
		s.change.wake()
		wait := s.conf().Publish
		if err != nil {
			failures++
			wait = max(wait, backoff(failures))
			ring(p.dirty)
		} else {
			failures = 0
		}
		p.pause(ctx, wait, s.conf().Publish)
	}
}

// pause waits before the next attempt: until someone asks, or no longer than
// soon once the store took a clip again.
func (p *publisher) pause(ctx context.Context, wait, soon time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	well := p.well
	for {
		select {
		case <-well:
			well = nil
			t.Reset(min(wait, soon))
		case <-p.asked:
			ring(p.asked)
			return
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// longestOff is how long a store that fails is left alone at most.
const longestOff = time.Minute

// backoff is how long to wait after so many failures in a row: twice as long
// each time, and by chance up to half of it less, so that docks that lost their
// store together do not come back together.
func backoff(failures int) time.Duration {
	d := min(longestOff, time.Second<<min(failures-1, 6))
	return d - time.Duration(rand.Int64N(int64(d/2)))
}

// publishNow publishes and is content when one store has it: a store that is
// away has its alarm, and gets it later.
func (s *Station) publishNow(ctx context.Context) error {
	done := s.askAll(s.centrals())
	var errs []error
	for range cap(done) {
		select {
		case err := <-done:
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

func (s *Station) askAll(stores []*central) chan error {
	s.startPublishing()
	done := make(chan error, len(stores))
	for _, c := range stores {
		c.publisher.ask(done)
	}
	return done
}

// publishTo seals what is committed and brings it to one store.
func (s *Station) publishTo(ctx context.Context, c *central) error {
	if err := s.healthy(); err != nil {
		return err
	}
	if _, err := s.ledger.Seal(ctx); err != nil {
		return fmt.Errorf("seal the log: %w", err)
	}
	err := s.ready(ctx, c)
	if err == nil {
		err = c.use(func(st store.Store) error {
			// Files of anchors that its checkpoint covers already go before the one that
			// shows their entries; what this does not get there is tried again behind it.
			_ = s.showAnchors(ctx, c, st)
			if err := s.ledger.Publish(ctx, c.name, shelf{st}); err != nil {
				return errors.Join(err, s.showEndorsements(ctx, c, st))
			}
			return errors.Join(s.showEndorsements(ctx, c, st), s.showAnchors(ctx, c, st))
		})
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err() // we end, the store may be well
		}
		c.letGo(err)
		err = fmt.Errorf("publish log %s to %s: %w", s.log, c.cfg.URL, err)
	}
	if err != nil {
		s.storeAlarm(c, err)
		return err
	}
	s.storeShown(c)
	s.erasing.news.wake() // what was read back counts once the log that says so is shown
	return nil
}

// publishLast shows the last entries before a command ends, to every store that
// answers soon; once as many have them as make a clip stored, the others have a
// moment more. What it cannot show is shown by the next command.
func (s *Station) publishLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var well []*central
	for _, c := range s.centrals() {
		if c.problem() == nil {
			well = append(well, c)
		}
	}
	done, shown := s.askAll(well), 0
	for range cap(done) {
		select {
		case err := <-done:
			if err != nil {
				s.logger.Warn("publish before ending", "stage", "publish", "err", err)
				continue
			}
			if shown++; shown == s.wanted(len(s.centrals())) {
				hurry := time.AfterFunc(otherAnswers, cancel)
				defer hurry.Stop()
			}
		case <-ctx.Done():
			return
		}
	}
}
