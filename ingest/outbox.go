package ingest

import "sync"

// outbox hands events to a slow reader one at a time, in order, without ever
// keeping the uploaders waiting. It holds at most one event a file.
type outbox struct {
	mu     sync.Mutex
	queue  []Event
	wake   chan struct{}
	closed bool
	ended  chan struct{}
}

func newOutbox(emit func(Event)) *outbox {
	o := &outbox{wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go o.run(emit)
	return o
}

func (o *outbox) push(e Event) {
	o.mu.Lock()
	o.queue = append(o.queue, e)
	o.mu.Unlock()
	o.ring()
}

func (o *outbox) ring() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) run(emit func(Event)) {
	defer close(o.ended)
	for {
		o.mu.Lock()
		events, closed := o.queue, o.closed
		o.queue = nil
		o.mu.Unlock()
		for _, e := range events {
			emit(e)
		}
		if len(events) > 0 {
			continue
		}
		if closed {
			return
		}
		<-o.wake
	}
}

// flush returns when everything pushed before was handed over.
func (o *outbox) flush() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.ring()
	<-o.ended
}
