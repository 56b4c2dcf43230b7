// Package parallel runs tasks on a fixed set of goroutines.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Pool is a set of workers that live until Close. The goroutine that calls Run is one of them. A
// Pool must not be used concurrently, and tasks must not call Run.
type Pool struct {
	threads int
	jobs    []chan *job
}

type job struct {
	n    int64
	next atomic.Int64
	f    func(worker, i int)
	wait sync.WaitGroup
}

// New returns a Pool of threads workers; 0 means GOMAXPROCS, which respects a container's limit.
func New(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads}
	for w := 1; w < threads; w++ {
		c := make(chan *job, 1)
		p.jobs = append(p.jobs, c)
		go func() {
			for j := range c {
				j.work(w)
				j.wait.Done()
			}
		}()
	}
	return p
}

// Threads returns the number of workers.
func (p *Pool) Threads() int { return p.threads }

// Run calls f(worker, i) once for each i in [0, n) and returns when all calls have. Tasks are handed
// out in order of i; which worker in [0, Threads) runs one is not determined, so results must not
// depend on it.
func (p *Pool) Run(n int, f func(worker, i int)) {
	if n <= 0 {
		return
	}
	helpers := min(len(p.jobs), n-1)
	if helpers == 0 {
		for i := range n {
			f(0, i)
		}
		return
	}
	j := &job{n: int64(n), f: f}
	j.wait.Add(helpers)
	for _, c := range p.jobs[:helpers] {
		c <- j
	}
	j.work(0)
	j.wait.Wait()
}

func (j *job) work(worker int) {
	for {
		i := j.next.Add(1) - 1
		if i >= j.n {
			return
		}
		j.f(worker, int(i))
	}
}

// Close ends the workers.
func (p *Pool) Close() {
	for _, c := range p.jobs {
		close(c)
	}
	p.jobs, p.threads = nil, 1
}
