package verify

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"
)

// ordered runs work on items with so many goroutines and hands the results to
// emit in the order of the items, from one goroutine. Only a few results wait
// at any time, however many items there are.
func ordered[T, R any](ctx context.Context, workers int, items iter.Seq[T],
	work func(context.Context, T) (R, error), emit func(R) error,
) error {
	type job struct {
		item T
		done chan R
	}
	g, group := errgroup.WithContext(ctx)
	jobs := make(chan job)
	queue := make(chan job, 2*workers)
	g.Go(func() error {
		defer close(jobs)
		defer close(queue)
		for item := range items {
			j := job{item, make(chan R, 1)}
			for _, c := range []chan job{queue, jobs} {
				select {
				case c <- j:
				case <-group.Done():
					return group.Err()
				}
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			for j := range jobs {
				res, err := work(group, j.item)
				if err != nil {
					return err
				}
				j.done <- res
			}
			return nil
		})
	}
	g.Go(func() error {
		for j := range queue {
			select {
			case res := <-j.done:
				if err := emit(res); err != nil {
					return err
				}
			case <-group.Done():
				return group.Err()
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err() // which may have ended too late for anyone to notice
}
