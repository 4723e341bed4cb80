package verify

import (
	"context"
	"errors"
	"testing"
)

func TestOrdered(t *testing.T) {
	var got []int64
	err := ordered(context.Background(), 3, count(1000),
		func(_ context.Context, n int64) (int64, error) { return n * 2, nil },
		func(n int64) error {
			got = append(got, n)
			return nil
		})
	if err != nil || len(got) != 1000 {
		t.Fatal(err, len(got))
	}
	for i, n := range got {
		if n != int64(i)*2 {
			t.Fatalf("result %d is %d", i, n)
		}
	}
}

// Whichever part fails, all goroutines end and the error comes out.
func TestOrderedEnds(t *testing.T) {
	stop := errors.New("stop")
	fail := func(at int64) func(context.Context, int64) (int64, error) {
		return func(_ context.Context, n int64) (int64, error) {
			if n == at {
				return 0, stop
			}
			return n, nil
		}
	}
	emit := func(n int64) error {
		if n == 500 {
			return stop
		}
		return nil
	}
	for _, at := range []int64{0, 7, 1000} {
		if err := ordered(context.Background(), 4, count(1000), fail(at), emit); !errors.Is(err, stop) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := ordered(ctx, 2, count(1<<40), fail(-1), func(n int64) error {
		if n == 10 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	err = ordered(ctx, 2, count(1), fail(-1), func(int64) error {
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error("ended at the last moment:", err)
	}
}
