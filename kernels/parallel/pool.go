// Package parallel runs tasks on a fixed set of goroutines.
package parallel

import (
	"runtime"
	"sync/atomic"
)

// Pool is a set of workers that live until Close. The goroutine that calls Run is one of them. A
// Pool must not be used concurrently, and tasks must not call Run.
type Pool struct {
	threads  int
	current  atomic.Pointer[job]
	helpers  []*helper
	finished chan struct{} // one a job that the caller of Run did not finish itself
}

// helper is a worker with a goroutine of its own. It looks for the next job for a while, as the
// next operator is often near, and then sleeps.
type helper struct {
	asleep atomic.Bool
	wake   chan struct{}
}

// job is one call of Run. Who takes a number below n does that task.
type job struct {
	n          int64
	next, done atomic.Int64
	f          func(worker, i int)
	finished   chan<- struct{}
}

// New returns a Pool of threads workers; 0 means GOMAXPROCS, which respects a container's limit.
func New(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads, finished: make(chan struct{}, 1)}
	for w := 1; w < threads; w++ {
		h := &helper{wake: make(chan struct{}, 1)}
		p.helpers = append(p.helpers, h)
		go h.run(p, w)
	}
	return p
}

// Threads returns the number of workers.
func (p *Pool) Threads() int { return p.threads }

func (h *helper) run(p *Pool, worker int) {
	var last *job
	for {
		j := h.wait(p, last)
		if j.f == nil { // Close
			return
		}
		j.work(worker)
		last = j
	}
}

const (
	// looks is how often a helper looks for a job before it lets others run, and rounds how often
	// it does that before it sleeps: some 30 µs.
	looks  = 50
	rounds = 200
)

// wait returns the next job after last.
func (h *helper) wait(p *Pool, last *job) *job {
	for {
		for i := range looks * rounds {
			if j := p.current.Load(); j != last {
				return j
			}
			if i%looks == looks-1 {
				runtime.Gosched()
			}
		}
		h.asleep.Store(true)
		if p.current.Load() == last || !h.asleep.CompareAndSwap(true, false) {
			<-h.wake // who finds a helper asleep wakes it
		}
	}
}

// Run calls f(worker, i) once for each i in [0, n) and returns when all calls have. Tasks are
// handed out in order of i; which worker in [0, Threads) runs one is not determined, so results
// must not depend on it. A worker that comes too late to get a task is not waited for.
func (p *Pool) Run(n int, f func(worker, i int)) {
	if n <= 0 {
		return
	}
	if len(p.helpers) == 0 || n == 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	j := &job{n: int64(n), f: f, finished: p.finished}
	p.start(j, n-1)
	j.work(0)
	for range looks * rounds {
		if j.done.Load() == j.n {
			break
		}
	}
	<-p.finished
}

// start shows a job to the helpers, and wakes up to n of those that sleep.
func (p *Pool) start(j *job, n int) {
	p.current.Store(j)
	for _, h := range p.helpers[:min(n, len(p.helpers))] {
		if h.asleep.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
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
	p.start(&job{}, len(p.helpers))
	p.helpers, p.threads = nil, 1
}
