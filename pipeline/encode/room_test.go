package encode

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// TestRoom has many workers hold texts of all sizes: together never more than there is room for, and all
// of them come to an end.
func TestRoom(t *testing.T) {
	const most, workers = 100, 8
	r := newRoom(most)
	var held, greatest atomic.Int64
	var all sync.WaitGroup
	for seed := range uint64(workers) {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 500 {
				n := random.Int64N(2 * most)
				taken := r.take(n)
				if taken != min(n, most) {
					t.Errorf("took %d of %d", taken, n)
				}
				now := held.Add(taken)
				for old := greatest.Load(); now > old && !greatest.CompareAndSwap(old, now); old = greatest.Load() {
				}
				held.Add(-taken)
				r.give(taken)
			}
		})
	}
	all.Wait()
	if got := greatest.Load(); got > most || got < most/2 {
		t.Errorf("at most %d were held at once, want up to %d", got, most)
	}
	if r.free != most {
		t.Errorf("%d are free in the end, want %d", r.free, most)
	}
}
