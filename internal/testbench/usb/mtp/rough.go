//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/custodock/custodock/device"
	"github.com/custodock/custodock/device/ptp"
)

// rough does to the camera what a program does that ends in the middle of a
// clip, and says what the requests that bring it back to order answer.
func rough(ctx context.Context, t ptp.Target, f device.File) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	pipe, err := ptp.Dial(t)
	if err != nil {
		return err
	}
	b := make([]byte, pipe.PacketSize())
	if err := ask(ctx, pipe, b, 0x1002, 0, 1); err != nil {
		return err
	}
	// Handles are of this session: the first entry of each folder on the way.
	handle := uint32(0xFFFFFFFF)
	for level := range uint32(strings.Count(f.Path, "/") + 1) {
		if err := ask(ctx, pipe, b, 0x1007, 1+level, 0x00010001, 0, handle); err != nil {
			return err
		}
		handle = binary.LittleEndian.Uint32(b[16:])
		if _, err := pipe.Read(ctx, b); err != nil { // the response
			return err
		}
	}
	if err := ask(ctx, pipe, b, 0x1009, 9, handle); err != nil {
		return err
	}
	if got := binary.LittleEndian.Uint32(b); int64(got) != f.Size+12 {
		return fmt.Errorf("a container of %d bytes for a file of %d", got, f.Size)
	}
	halt := pipe.ClearHalt(ctx)
	_, status := pipe.Status(ctx)
	if err := pipe.Present(ctx); err != nil {
		return err
	}
	err = say(map[string]any{"ClearHalt": fmt.Sprint(halt), "Status": fmt.Sprint(status), "Rough": true})
	return errors.Join(err, pipe.Close())
}

// ask sends one question and receives a single packet of the answer.
func ask(ctx context.Context, pipe ptp.Pipe, b []byte, op uint16, transaction uint32, params ...uint32) error {
	le := binary.LittleEndian
	q := le.AppendUint32(nil, uint32(12+4*len(params)))
	q = le.AppendUint16(le.AppendUint16(q, 1), op)
	q = le.AppendUint32(q, transaction)
	for _, p := range params {
		q = le.AppendUint32(q, p)
	}
	if _, err := pipe.Write(ctx, q); err != nil {
		return err
	}
	_, err := pipe.Read(ctx, b)
	return err
}
