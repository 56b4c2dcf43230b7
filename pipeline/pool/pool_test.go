package pool

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
)

// count yields the numbers below n, then err.
func count(n int, err error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(0, err)
		}
	}
}

func TestEachDoesEveryJob(t *testing.T) {
	for _, workers := range []int{1, 3, 50} {
		var sum, made atomic.Int64
		err := Each(context.Background(), workers, count(20, nil), func() func(context.Context, int) error {
			made.Add(1)
			return func(_ context.Context, j int) error {
				sum.Add(int64(j))
				return nil
			}
		})
		if err != nil || sum.Load() != 190 || made.Load() != int64(workers) {
			t.Errorf("%d workers: %v, sum %d, made %d", workers, err, sum.Load(), made.Load())
		}
	}
}

func TestEachStopsAtTheFirstError(t *testing.T) {
	failed := errors.New("failed")
	var done atomic.Int64
	err := Each(context.Background(), 2, count(1000, nil), func() func(context.Context, int) error {
		return func(ctx context.Context, j int) error {
			done.Add(1)
			if j == 3 {
				return failed
			}
			if j > 3 {
				<-ctx.Done() // a job sees that another failed
			}
			return nil
		}
	})
	if !errors.Is(err, failed) || done.Load() > 6 {
		t.Errorf("got %v after %d jobs", err, done.Load())
	}
	if err := Each(context.Background(), 2, count(5, failed), idle); !errors.Is(err, failed) {
		t.Errorf("an error of the jobs: got %v", err)
	}
}

func idle() func(context.Context, int) error {
	return func(context.Context, int) error { return nil }
}

func TestEachIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Each(ctx, 2, count(5, nil), idle); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
