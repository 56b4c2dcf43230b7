package parallel

import (
	"fmt"
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
