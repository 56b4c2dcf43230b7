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
	helpers  []*helper
	finished chan struct{} // one a run that its caller did not finish itself

	// state is the number of the run and of its next task. The others are the run's: its tasks' number
	// and what does them, and how many are done. While they change, state has a number of its own and
	// no next task. So a worker that takes a task by state has read what belongs to the same run,
	// which until then cannot have ended.
	state atomic.Uint64
	n     atomic.Int64
	task  atomic.Pointer[Task]
	done  atomic.Int64
	end   Task // that of Close
}

// Task does each of a run's tasks. It is a variable that can be used again, so that a run need not
// allocate one.
type Task struct{ Do func(worker, i int) }

// helper is a worker with a goroutine of its own. It looks for the next run for a while, as the
// next operator is often near, and then sleeps.
type helper struct {
	asleep atomic.Bool
	wake   chan struct{}
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
	for last := uint32(0); ; {
		last = h.wait(p, last)
		if p.task.Load() == &p.end {
			return
		}
		p.work(worker, last)
	}
}

const (
	// looks is how often a helper looks for a run before it lets others run, and rounds how often
	// it does that before it sleeps: some 30 µs.
	looks  = 50
	rounds = 200
)

// none is the next task where there is none.
const none = 1<<32 - 1

// number returns the number of the present run.
func (p *Pool) number() uint32 { return uint32(p.state.Load() >> 32) }

// wait returns the number of the next run after last.
func (h *helper) wait(p *Pool, last uint32) uint32 {
	for {
		for i := range looks * rounds {
			if n := p.number(); n != last {
				return n
			}
			if i%looks == looks-1 {
				runtime.Gosched()
			}
		}
		h.asleep.Store(true)
		if p.number() == last || !h.asleep.CompareAndSwap(true, false) {
			<-h.wake // who finds a helper asleep wakes it
		}
	}
}

// Run calls do(worker, i) once for each i in [0, n) and returns when all calls have. Tasks are
// handed out in order of i; which worker in [0, Threads) runs one is not determined, so results
// must not depend on it. A worker that comes too late to get a task is not waited for.
func (p *Pool) Run(n int, do func(worker, i int)) { p.RunTask(n, &Task{do}) }

// RunTask is Run without an allocation. n is below 2^32-1.
func (p *Pool) RunTask(n int, t *Task) {
	if n <= 0 {
		return
	}
	if len(p.helpers) == 0 || n == 1 {
		for i := range n {
			t.Do(0, i)
		}
		return
	}
	p.start(int64(n), t, n-1)
	p.work(0, p.number())
	for range looks * rounds {
		if p.done.Load() == int64(n) {
			break
		}
	}
	<-p.finished
}

// start shows a run to the helpers, and wakes up to helpers of those that sleep.
func (p *Pool) start(n int64, t *Task, helpers int) {
	number := p.number()
	p.state.Store(uint64(number+1)<<32 | none)
	p.n.Store(n)
	p.task.Store(t)
	p.done.Store(0)
	p.state.Store(uint64(number+2) << 32)
	for _, h := range p.helpers[:min(helpers, len(p.helpers))] {
		if h.asleep.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
}

// work does tasks of a run until none is left to take.
func (p *Pool) work(worker int, run uint32) {
	for {
		s := p.state.Load()
		n, t, i := p.n.Load(), p.task.Load(), int64(uint32(s))
		if uint32(s>>32) != run || i >= n {
			return
		}
		if !p.state.CompareAndSwap(s, s+1) {
			continue
		}
		t.Do(worker, int(i))
		if p.done.Add(1) == n {
			p.finished <- struct{}{}
		}
	}
}

// Close ends the workers.
func (p *Pool) Close() {
	p.start(0, &p.end, len(p.helpers))
	p.helpers, p.threads = nil, 1
}
