package ptp

import (
	"context"
	"testing"
)

// SetMaxObjects lowers the bound of a listing for one test.
func SetMaxObjects(t *testing.T, n int) {
	was := maxObjects
	maxObjects = n
	t.Cleanup(func() { maxObjects = was })
}

// TryAll asks each operation without any of the rules of a session.
func TryAll(ctx context.Context, pipe Pipe, done func(op uint16, err error)) {
	w := newWire(pipe, Options{}.filled().Timeout)
	for op := range 1 << 16 {
		_, err := w.ask(ctx, question{op: operation(op), limit: maxDataset})
		done(uint16(op), err)
	}
}

// Operations are all that can be asked.
func Operations() map[uint16]bool {
	all := map[uint16]bool{}
	for op := range operations {
		all[uint16(op)] = true
	}
	return all
}

// Chunk is the size of a read.
const Chunk = chunk
