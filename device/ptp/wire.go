package ptp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	transferSize = 256 << 10 // bytes of one transfer; a multiple of every packet size
	maxStale     = 8         // answers to earlier questions that are passed over
)

// question is one operation with its parameters.
type question struct {
	op     operation
	params []uint32
	limit  int           // bytes of data taken
	into   []byte        // room for them, may be nil
	wait   time.Duration // for the first byte of the answer, 0 is the wire's
}

// answer is what came back.
type answer struct {
	data   []byte
	params []uint32
}

// wire speaks PTP through a pipe, one transaction at a time. After an error that
// is no responseError its state is unknown, and recover comes before the next
// question.
type wire struct {
	pipe    Pipe
	timeout time.Duration
	next    uint32 // the next transaction

	op          operation
	transaction uint32
	buf         []byte
	carry       []byte // what came and was not taken yet, a part of buf
	short       bool   // the last transfer ended with a packet that was not full
	left        int64  // bytes of data still to come, -1 when only a short packet tells
	split       bool   // the header came alone: no short packet is the end before the data
	end         *header
}

func newWire(pipe Pipe, timeout time.Duration) *wire {
	return &wire{pipe: pipe, timeout: timeout, next: 1, buf: make([]byte, transferSize)}
}

// ask runs a whole transaction.
func (w *wire) ask(ctx context.Context, q question) (answer, error) {
	if err := w.begin(ctx, q, -1); err != nil {
		return answer{}, err
	}
	data := q.into[:0]
	for w.left != 0 {
		part, err := w.data(ctx, transferSize)
		if err != nil {
			return answer{}, err
		}
		data = append(data, part...)
		if int64(len(data))+max(w.left, 0) > int64(q.limit) {
			return answer{}, faultf("more than %d bytes of data", q.limit)
		}
	}
	params, err := w.finish(ctx)
	return answer{data: data, params: params}, err
}

// begin asks and receives the start of the answer. Then data is called until
// left is 0, and finish. size is how long the data are where the container
// cannot say it, -1 when nobody knows.
func (w *wire) begin(ctx context.Context, q question, size int64) error {
	hasData, allowed := operations[q.op]
	if !allowed {
		return fmt.Errorf("operation %#04x is not one of those that only read", uint16(q.op))
	}
	w.op, w.transaction = q.op, w.next
	w.carry, w.left, w.split, w.short, w.end = nil, 0, false, false, nil
	switch q.op {
	case opOpenSession:
		w.transaction, w.next = 0, 1
	default:
		if w.next++; w.next == 0xFFFFFFFF {
			w.next = 1 // neither 0 nor FFFFFFFF is a transaction's
		}
	}
	if err := w.send(ctx, command(q.op, w.transaction, q.params)); err != nil {
		return err
	}
	h, err := w.header(ctx, max(q.wait, w.timeout))
	if err != nil {
		return err
	}
	if h.kind == typeResponse {
		w.end = &h
		return nil
	}
	if !hasData {
		return faultf("data for an operation that has none")
	}
	w.split = len(w.carry) == 0 && w.short
	switch {
	case h.length != endless:
		w.left = int64(h.length) - headerSize
	default:
		w.left = size
	}
	return nil
}

func (w *wire) send(ctx context.Context, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	n, err := w.pipe.Write(ctx, b)
	if err == nil && n != len(b) {
		err = faultf("it took %d of %d bytes", n, len(b))
	}
	return err
}

// receive fills carry with one transfer of at most want bytes. A transfer is
// asked for in whole packets, since a device that sends a longer packet than was
// asked for breaks the transfer.
func (w *wire) receive(ctx context.Context, want int64, wait time.Duration) error {
	packet := int64(w.pipe.PacketSize())
	size := min((want+packet-1)/packet*packet, int64(len(w.buf)))
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	n, err := w.pipe.Read(ctx, w.buf[:size])
	if err != nil {
		return err
	}
	w.carry, w.short = w.buf[:n], int64(n) < size
	return nil
}

// header receives the next header that is for this transaction.
//
// After data that fill their last packet the device should send a packet of no
// bytes, and some never do. So none is waited for: the next transfer is asked
// for, and one of no bytes is passed over.
func (w *wire) header(ctx context.Context, wait time.Duration) (header, error) {
	for range maxStale {
		if len(w.carry) == 0 {
			if err := w.receive(ctx, transferSize, wait); err != nil {
				return header{}, err
			}
			if len(w.carry) == 0 {
				continue
			}
		}
		h, err := parseHeader(w.carry)
		if err != nil {
			return header{}, err
		}
		if h.transaction == w.transaction && (h.kind == typeResponse || h.code == uint16(w.op)) {
			if h.kind == typeResponse && int(h.length) > len(w.carry) {
				return header{}, faultf("a response that is cut off")
			}
			w.carry = w.carry[headerSize:]
			return h, nil
		}
		if int64(h.length) > int64(len(w.carry)) {
			return header{}, faultf("data for transaction %d in place of %d", h.transaction, w.transaction)
		}
		w.carry = w.carry[h.length:] // the late answer to an earlier question
	}
	return header{}, faultf("only answers to other questions than transaction %d", w.transaction)
}

// data returns the next bytes of data, at most n of them and never none, valid
// until the next call.
func (w *wire) data(ctx context.Context, n int) ([]byte, error) {
	if len(w.carry) == 0 {
		if err := w.more(ctx); err != nil {
			return nil, err
		}
		if w.left == 0 {
			return nil, nil
		}
	}
	part := w.carry[:min(n, len(w.carry))]
	if w.left >= 0 {
		part = part[:min(int64(len(part)), w.left)]
		w.left -= int64(len(part))
	}
	w.carry = w.carry[len(part):]
	if w.left < 0 && len(w.carry) == 0 && w.short {
		w.left = 0
	}
	return part, nil
}

// more receives data. Before their end a packet that is not full tells of a
// device that sends less than it promised.
func (w *wire) more(ctx context.Context) error {
	if w.short && !w.split {
		if w.left < 0 {
			w.left = 0
			return nil
		}
		return faultf("data end %d bytes before their length", w.left)
	}
	w.split = false
	want := w.left
	if want < 0 {
		want = transferSize
	}
	if err := w.receive(ctx, want, w.timeout); err != nil {
		return err
	}
	if len(w.carry) > 0 {
		return nil
	}
	if w.left > 0 {
		return faultf("data end %d bytes before their length", w.left)
	}
	w.left = 0
	return nil
}

// finish receives the response. One that is not OK is a responseError.
func (w *wire) finish(ctx context.Context) ([]uint32, error) {
	h := w.end
	if h == nil {
		got, err := w.header(ctx, w.timeout)
		if err != nil {
			return nil, err
		}
		if got.kind != typeResponse {
			return nil, faultf("data after the data")
		}
		h = &got
	}
	params := make([]uint32, (h.length-headerSize)/4)
	for i := range params {
		params[i] = binary.LittleEndian.Uint32(w.carry[4*i:])
	}
	w.carry = w.carry[4*len(params):]
	if len(w.carry) > 0 {
		return nil, faultf("%d bytes after the response", len(w.carry))
	}
	if h.code != respOK {
		return nil, responseError(h.code)
	}
	return params, nil
}

// drain throws away what still comes, until nothing did for a while. It gives up
// after a few MiB: a device that is in the middle of a clip needs a reset.
func (w *wire) drain(ctx context.Context, quiet time.Duration) error {
	for range 4 << 20 / transferSize {
		err := w.receive(ctx, transferSize, quiet)
		if err == nil {
			continue
		}
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return nil
		}
		return err
	}
	return faultf("it does not stop sending")
}

// skip takes n bytes of data and shows them to seen.
func (w *wire) skip(ctx context.Context, n int64, seen io.Writer) error {
	for n > 0 {
		if w.left == 0 {
			return io.ErrUnexpectedEOF
		}
		part, err := w.data(ctx, int(min(n, transferSize)))
		if err != nil {
			return err
		}
		_, _ = seen.Write(part) // a hash, or nothing
		n -= int64(len(part))
	}
	return nil
}
