package parallel

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestTurns has more workers than processors take turns, many times each, some of them slowly.
func TestTurns(t *testing.T) {
	const workers, rounds = 17, 50
	var turns Turns
	var counter atomic.Int32
	var order []int32 // guarded by the turns
	var wait sync.WaitGroup
	for w := range int32(workers) {
		wait.Go(func() {
			for r := range int32(rounds) {
				turn := r*workers + w
				turns.Wait(&counter, turn)
				order = append(order, turn)
				if turn%100 == 0 {
					time.Sleep(time.Millisecond)
				}
				turns.Advance(&counter)
			}
		})
	}
	wait.Wait()
	for i, turn := range order {
		if turn != int32(i) {
			t.Fatalf("turn %d comes as number %d", turn, i)
		}
	}
	if len(order) != workers*rounds {
		t.Errorf("%d turns, want %d", len(order), workers*rounds)
	}
}

// TestTurnsSleep: a long wait is slept through.
func TestTurnsSleep(t *testing.T) {
	var turns Turns
	var counter atomic.Int32
	done := make(chan struct{})
	go func() {
		turns.Wait(&counter, 1)
		close(done)
	}()
	for turns.asleep.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	turns.Advance(&counter)
	<-done
	if n := turns.asleep.Load(); n != 0 {
		t.Errorf("%d still asleep", n)
	}
}
