package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
)

// errEnded is what waits end with when QEMU went away.
var errEnded = errors.New("the machine has ended")

// event is something that QEMU tells unasked.
type event struct {
	Name string          `json:"event"`
	Data json.RawMessage `json:"data"`
}

// qmp speaks QEMU's control protocol (docs/interop/qmp-spec.txt). Its reader
// ends when the connection does; close waits for it.
type qmp struct {
	conn net.Conn
	read sync.WaitGroup

	mu      sync.Mutex
	last    int64
	waiting map[int64]chan qmpReply
	events  []event
	changed chan struct{} // closed at the next event
	ended   chan struct{}
}

type qmpReply struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	ID int64 `json:"id"`
	event
}

// newQMP takes over a connection and leaves the negotiation behind.
func newQMP(ctx context.Context, conn net.Conn) (*qmp, error) {
	q := &qmp{conn: conn, waiting: map[int64]chan qmpReply{}, changed: make(chan struct{}), ended: make(chan struct{})}
	q.read.Go(q.listen)
	return q, q.do(ctx, "qmp_capabilities", nil, nil)
}

func (q *qmp) listen() {
	defer close(q.ended)
	in := bufio.NewReader(q.conn)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var r qmpReply
		if json.Unmarshal(line, &r) != nil {
			return
		}
		q.mu.Lock()
		switch {
		case r.Name != "":
			q.events = append(q.events, r.event)
			close(q.changed)
			q.changed = make(chan struct{})
		case q.waiting[r.ID] != nil: // the greeting has no id
			q.waiting[r.ID] <- r
			delete(q.waiting, r.ID)
		}
		q.mu.Unlock()
	}
}

func (q *qmp) close() error {
	err := q.conn.Close()
	q.read.Wait()
	return err
}

// do runs one command and decodes what it returns into out, which may be nil.
func (q *qmp) do(ctx context.Context, command string, args, out any) error {
	answer := make(chan qmpReply, 1)
	q.mu.Lock()
	q.last++
	id := q.last
	q.waiting[id] = answer
	request := map[string]any{"execute": command, "id": id}
	if args != nil {
		request["arguments"] = args
	}
	b, err := json.Marshal(request)
	if err == nil {
		_, err = q.conn.Write(append(b, '\n'))
	}
	q.mu.Unlock()
	if err != nil {
		return fmt.Errorf("qmp %s: %w", command, err)
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			return fmt.Errorf("qmp %s: %s: %s", command, r.Error.Class, r.Error.Desc)
		}
		if out == nil {
			return nil
		}
		return json.Unmarshal(r.Return, out)
	case <-q.ended:
		return fmt.Errorf("qmp %s: %w", command, errEnded)
	case <-ctx.Done():
		return fmt.Errorf("qmp %s: %w", command, context.Cause(ctx))
	}
}

// await waits for an event, one told already included.
func (q *qmp) await(ctx context.Context, match func(event) bool) error {
	for seen := 0; ; {
		q.mu.Lock()
		events, changed := q.events[seen:], q.changed
		seen = len(q.events)
		q.mu.Unlock()
		for _, e := range events {
			if match(e) {
				return nil
			}
		}
		select {
		case <-changed:
		case <-q.ended:
			return errEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// accept waits for QEMU to connect.
func accept(ctx context.Context, l net.Listener, gone <-chan struct{}) (net.Conn, error) {
	type got struct {
		conn net.Conn
		err  error
	}
	came := make(chan got, 1)
	go func() {
		conn, err := l.Accept()
		came <- got{conn, err}
	}()
	var err error
	select {
	case g := <-came:
		return g.conn, g.err
	case <-gone:
		err = errEnded
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	_ = l.Close() // ends the Accept
	if g := <-came; g.err == nil {
		_ = g.conn.Close()
	}
	return nil, err
}
