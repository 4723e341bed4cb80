package ptpsim

import (
	"context"
	"fmt"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/ptp"
)

// transfer is what the camera sends up to a packet that is not full.
type transfer struct {
	*content
	pos    int64
	zero   bool  // a packet of no bytes ends it where the last one is full
	halt   int64 // 1 + the byte at which the endpoints halt
	unplug int64 // 1 + the byte at which the camera is pulled out
}

// Pipe is the host's end of a Camera.
type Pipe struct{ c *Camera }

var _ ptp.Pipe = Pipe{}

// Pipe plugs the camera in.
func (c *Camera) Pipe() Pipe {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Packet == 0 {
		c.Packet = 512
	}
	c.wake = make(chan struct{}, 1)
	return Pipe{c}
}

func (c *Camera) push(data *content, zero bool) {
	c.queue = append(c.queue, &transfer{content: data, zero: zero && data.size%int64(c.Packet) == 0})
	c.signal()
}

func (c *Camera) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// state is the error that a transfer ends with now.
func (c *Camera) state() error {
	switch {
	case c.gone:
		return fmt.Errorf("no device: %w", device.ErrGone)
	case c.halted:
		return ptp.ErrStall
	}
	return nil
}

// PacketSize is the camera's.
func (p Pipe) PacketSize() int { return p.c.Packet }

// Write asks a question.
func (p Pipe) Write(ctx context.Context, b []byte) (int, error) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if err := p.c.state(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if !p.c.hangs {
		p.c.command(b)
	}
	return len(b), nil
}

// Read receives one transfer, and waits for it as long as ctx allows.
func (p Pipe) Read(ctx context.Context, b []byte) (int, error) {
	for {
		n, done, err := p.c.take(b)
		if done || err != nil {
			return n, err
		}
		select {
		case <-p.c.wake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// take fills b with packets until one is not full.
func (c *Camera) take(b []byte) (n int, done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(b)%c.Packet != 0 || len(b) == 0 {
		c.bad = append(c.bad, fmt.Sprintf("a transfer of %d bytes was asked for, with packets of %d", len(b), c.Packet))
	}
	if err := c.state(); err != nil {
		return 0, true, err
	}
	if c.hangs {
		return 0, false, nil
	}
	for n < len(b) {
		if len(c.queue) == 0 {
			return n, n > 0, nil // none would come: the host waits, but for a test this is enough
		}
		t := c.queue[0]
		part := b[n:min(int64(len(b)), int64(n)+t.size-t.pos)]
		if end := t.pos + int64(len(part)); t.unplug > 0 && end >= t.unplug || t.halt > 0 && end >= t.halt {
			c.gone, c.halted = t.unplug > 0, t.halt > 0
			c.queue = nil
			return 0, true, c.state()
		}
		t.at(t.pos, part)
		n += len(part)
		t.pos += int64(len(part))
		if t.pos < t.size {
			return n, true, nil
		}
		if n == len(b) && t.zero && len(part) > 0 {
			return n, true, nil // the packet of no bytes comes with the next transfer
		}
		c.queue = c.queue[1:]
		if t.zero || t.size%int64(c.Packet) != 0 {
			return n, true, nil
		}
	}
	return n, true, nil
}

// ClearHalt clears it.
func (p Pipe) ClearHalt(context.Context) error {
	return p.request(func() { p.c.halted = false })
}

// Status says OK.
func (p Pipe) Status(context.Context) (uint16, error) { return ok, p.request(func() {}) }

// Cancel throws away what was not sent yet.
func (p Pipe) Cancel(context.Context, uint32) error {
	if p.c.NoCancel {
		return ptp.ErrStall
	}
	return p.request(func() { p.c.queue = nil })
}

// Reset ends the session and whatever hangs.
func (p Pipe) Reset(context.Context) error {
	return p.request(func() { p.c.queue, p.c.open, p.c.hangs = nil, false, false })
}

// Present tells whether the camera is plugged in.
func (p Pipe) Present(context.Context) error { return p.request(func() {}) }

func (p Pipe) request(do func()) error {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.c.gone {
		return p.c.state()
	}
	do()
	return nil
}

// Close is noted.
func (p Pipe) Close() error {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.closed = true
	return nil
}

// Closed reports whether the initiator let the camera go.
func (c *Camera) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
