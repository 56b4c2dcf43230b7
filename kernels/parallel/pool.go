// Package parallel runs tasks on a fixed set of goroutines.
package parallel

import (
	"runtime"
	"sync/atomic"
)

// Pool is a set of workers that live until Close. The goroutine that calls Run is one of them. A
// Pool must not be used concurrently, and tasks must not call Run.
type Pool struct {
	threads int
	current atomic.Pointer[job]
	wake    []chan struct{} // one a helper, which then joins the current job
}

// job is one call of Run. Who takes a number below n does that task.
type job struct {
	n          int64
	next, done atomic.Int64
	f          func(worker, i int)
	finished   chan struct{}
}

// New returns a Pool of threads workers; 0 means GOMAXPROCS, which respects a container's limit.
func New(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads}
	for w := 1; w < threads; w++ {
		c := make(chan struct{}, 1)
		p.wake = append(p.wake, c)
		go func() {
			for range c {
				p.current.Load().work(w)
			}
		}()
	}
	return p
}

// Threads returns the number of workers.
func (p *Pool) Threads() int { return p.threads }

// Run calls f(worker, i) once for each i in [0, n) and returns when all calls have. Tasks are
// handed out in order of i; which worker in [0, Threads) runs one is not determined, so results
// must not depend on it. A worker that wakes up too late to get a task is not waited for.
func (p *Pool) Run(n int, f func(worker, i int)) {
	if n <= 0 {
		return
	}
	helpers := min(len(p.wake), n-1)
	if helpers == 0 {
		for i := range n {
			f(0, i)
		}
		return
	}
	j := &job{n: int64(n), f: f, finished: make(chan struct{}, 1)}
	p.current.Store(j)
	for _, c := range p.wake[:helpers] {
		select {
		case c <- struct{}{}:
		default: // it has not yet woken up for an earlier job
		}
	}
	j.work(0)
	<-j.finished
}

func (j *job) work(worker int) {
	for {
		i := j.next.Add(1) - 1
		if i >= j.n {
			return
		}
		j.f(worker, int(i))
		if j.done.Add(1) == j.n {
			j.finished <- struct{}{}
		}
	}
}

// Close ends the workers.
func (p *Pool) Close() {
	for _, c := range p.wake {
		close(c)
	}
	p.wake, p.threads = nil, 1
}
