package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Turns lets workers of a run wait for counters that other workers count up. The zero Turns is ready.
// Who waits looks for some 30 µs, as most waits are short, and then sleeps, as another worker may
// not have a processor.
type Turns struct {
	asleep atomic.Int32
	mu     sync.Mutex
	cond   sync.Cond
}

// Wait returns when counter is n. What counts it up must have begun.
func (t *Turns) Wait(counter *atomic.Int32, n int32) {
	for i := range looks * rounds {
		if counter.Load() == n {
			return
		}
		if i%looks == looks-1 {
			runtime.Gosched()
		}
	}
	t.asleep.Add(1)
	t.mu.Lock()
	t.cond.L = &t.mu
	for counter.Load() != n { // counted up after this, it finds one asleep
		t.cond.Wait()
	}
	t.mu.Unlock()
	t.asleep.Add(-1)
}

// Advance counts up, and wakes all that sleep.
func (t *Turns) Advance(counter *atomic.Int32) {
	counter.Add(1)
	if t.asleep.Load() == 0 {
		return
	}
	t.mu.Lock()
	t.cond.Broadcast()
	t.mu.Unlock()
}
