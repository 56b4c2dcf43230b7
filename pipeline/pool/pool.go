// Package pool runs units of work on several goroutines.
package pool

import (
	"context"
	"iter"
	"sync"
)

// Each does all jobs on a number of goroutines. newWorker is called once for each of them and returns
// what does a job there, so that it can keep working memory. The first error, of a job or of jobs,
// cancels the others' context and is returned, once all have ended.
func Each[J any](ctx context.Context, workers int, jobs iter.Seq2[J, error],
	newWorker func() func(context.Context, J) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan J)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			do := newWorker()
			for j := range queue {
				if ctx.Err() != nil {
					continue // so that no sender waits
				}
				if err := do(ctx, j); err != nil {
					cancel(err)
				}
			}
		})
	}
	for j, err := range jobs {
		if err != nil {
			cancel(err)
		}
		if ctx.Err() != nil {
			break
		}
		queue <- j
	}
	close(queue)
	running.Wait()
	return context.Cause(ctx)
}
