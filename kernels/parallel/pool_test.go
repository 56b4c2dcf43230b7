package parallel

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
)

func TestEachTaskRunsOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		t.Run(fmt.Sprint(threads), func(t *testing.T) {
			p := New(threads)
			defer p.Close()
			for _, n := range []int{0, 1, 2, 7, 1000} {
				counts := make([]atomic.Int32, n)
				p.Run(n, func(worker, i int) {
					if worker < 0 || worker >= threads {
						t.Errorf("worker %d of %d", worker, threads)
					}
					counts[i].Add(1)
				})
				for i := range counts {
					if got := counts[i].Load(); got != 1 {
						t.Errorf("n=%d: task %d ran %d times", n, i, got)
					}
				}
			}
		})
	}
}

// TestOneProcessor has workers that must give way to each other.
func TestOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := New(4)
	defer p.Close()
	var count atomic.Int32
	for range 200 {
		p.Run(7, func(_, _ int) { count.Add(1) })
	}
	if got := count.Load(); got != 1400 {
		t.Errorf("%d tasks ran, want 1400", got)
	}
}

// TestManyShortRuns has workers wake up late: what a run's tasks write must be there when it
// returns, and a task must never run on a worker that is still busy with another.
func TestManyShortRuns(t *testing.T) {
	p := New(4)
	defer p.Close()
	scratch := make([]int, p.Threads())
	for run := range 5000 {
		out := make([]int, 2+run%5)
		p.Run(len(out), func(worker, i int) {
			scratch[worker] = run + i
			out[i] = scratch[worker]
		})
		for i, got := range out {
			if got != run+i {
				t.Fatalf("run %d: task %d wrote %d", run, i, got)
			}
		}
	}
}

// TestLateWorkers has runs of different lengths follow each other at once, on more workers than
// processors: one that comes late must take no task of a run for one of another.
func TestLateWorkers(t *testing.T) {
	p := New(6)
	defer p.Close()
	var now, wrong atomic.Int64
	counts := make([]atomic.Int32, 64)
	for run := range int64(20000) {
		now.Store(run)
		n := 2 + int(run*7%61)
		task := &Task{func(_, i int) {
			if now.Load() != run || i >= n {
				wrong.Add(1)
				return
			}
			counts[i].Add(1)
		}}
		p.RunTask(n, task)
		for i := range counts {
			want := int32(0)
			if i < n {
				want = 1
			}
			if got := counts[i].Swap(0); got != want {
				t.Fatalf("run %d: task %d of %d ran %d times", run, i, n, got)
			}
		}
	}
	if wrong.Load() > 0 {
		t.Errorf("%d tasks ran in another run than theirs", wrong.Load())
	}
}

// TestRunTaskAllocatesNothing, however many workers there are.
func TestRunTaskAllocatesNothing(t *testing.T) {
	p := New(3)
	defer p.Close()
	var sum atomic.Int64
	task := &Task{func(_, i int) { sum.Add(int64(i)) }}
	if got := testing.AllocsPerRun(1000, func() { p.RunTask(50, task) }); got != 0 {
		t.Errorf("a run makes %g allocations", got)
	}
}
