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

// Try sends one operation without any of the rules of a session.
func Try(ctx context.Context, pipe Pipe, op uint16) error {
	_, err := newWire(pipe, Options{}.filled().Timeout).ask(ctx, question{op: operation(op), limit: maxDataset})
	return err
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
