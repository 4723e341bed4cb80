package pager

import (
	"context"
	"fmt"
	"testing"
)

// TestGoneBeforeItIsTold: a call that was chosen and is given up, or taken back,
// before its turn is no call any more.
func TestGoneBeforeItIsTold(t *testing.T) {
	runs := 0
	p := New(Options{
		Command: func() []string { return []string{"/bin/true"} },
		Outcome: func(error) { runs++ },
	})
	p.Tell("first", Call{Event: Raised})
	key, _ := p.next(false)
	for i := range waitingMost {
		p.Tell(fmt.Sprint(i), Call{Event: Raised})
	}
	if !p.tell(context.Background(), key) || runs != 0 {
		t.Errorf("a call that was given up was told %d times", runs)
	}
	key, _ = p.next(false)
	p.tell(context.Background(), key)
	p.Tell(key, Call{Event: Cleared})
	p.Tell(key, Call{Event: Raised})
	if !p.tell(context.Background(), key) || runs != 1 {
		t.Errorf("a call that was taken back was told: %d runs", runs)
	}
}
