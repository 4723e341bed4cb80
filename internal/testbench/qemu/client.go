package qemu

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/custodock/custodock/internal/testbench/qemu/wire"
)

// client speaks with the agent in the machine. Its reader ends when the
// connection does; close waits for it.
type client struct {
	conn net.Conn
	read sync.WaitGroup

	mu    sync.Mutex
	last  int64
	calls map[int64]*call
	ended bool
}

// call is one request and what came back so far.
type call struct {
	id      int64
	mu      sync.Mutex
	stdout  bytes.Buffer
	stderr  bytes.Buffer
	lines   []Line        // of stdout, with their time
	changed chan struct{} // closed at the next answer
	done    chan struct{}
	code    int
	at      time.Time
	err     error
}

// Line is one answer of the machine with the machine's time.
type Line struct {
	At   time.Time
	Text string
}

func newClient(conn net.Conn) *client {
	c := &client{conn: conn, calls: map[int64]*call{}}
	c.read.Go(c.listen)
	return c
}

func (c *client) listen() {
	err := c.hear(bufio.NewReaderSize(c.conn, 1<<20))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for _, k := range c.calls {
		k.end(wire.Reply{Done: true, Code: -1}, fmt.Errorf("%w: %w", errEnded, err))
	}
}

func (c *client) hear(in *bufio.Reader) error {
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return err
		}
		var r wire.Reply
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("answer %q: %w", line, err)
		}
		c.mu.Lock()
		k := c.calls[r.ID]
		if r.Done {
			delete(c.calls, r.ID)
		}
		c.mu.Unlock()
		if k == nil {
			continue // of a call in a machine's earlier life
		}
		if r.Error != "" {
			err = errors.New(r.Error)
		}
		k.end(r, err)
	}
}

// end takes an answer in, which need not be the last.
func (k *call) end(r wire.Reply, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stdout.Write(r.Stdout)
	k.stderr.Write(r.Stderr)
	k.at = r.At
	if len(r.Stdout) > 0 {
		k.lines = append(k.lines, Line{r.At, string(r.Stdout)})
	}
	if r.Done {
		k.code, k.err = r.Code, err
		close(k.done)
	}
	close(k.changed)
	k.changed = make(chan struct{})
}

func (c *client) close() error {
	err := c.conn.Close()
	c.read.Wait()
	return err
}

// start sends a request.
func (c *client) start(r wire.Request) (*call, error) {
	k := &call{changed: make(chan struct{}), done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return nil, errEnded
	}
	c.last++
	r.ID, k.id = c.last, c.last
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	c.calls[r.ID] = k
	_, err = c.conn.Write(append(b, '\n'))
	return k, err
}

// do sends a request and waits for its last answer.
func (c *client) do(ctx context.Context, r wire.Request) (*call, error) {
	k, err := c.start(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s %v: %w", r.Op, r.Path, r.Args, err)
	}
	select {
	case <-k.done:
		err = k.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s %v: %w", r.Op, r.Path, r.Args, err)
	}
	return k, nil
}
