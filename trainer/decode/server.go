package decode

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"longlora/trainer/generate"
	"longlora/trainer/model"
)

// Server runs generations on a model, which nothing else may use meanwhile. Its methods may be
// called concurrently.
type Server struct {
	m       *model.Model
	options Options
	context int // tokens of a request at most
	done    chan struct{}

	mu     sync.Mutex
	wake   *sync.Cond  // something was submitted, or the server closes
	queue  []*sequence // submitted and not begun
	closed bool
	stats  Stats

	// What follows is the scheduler's alone.
	active    []*sequence // in the order of their beginning
	suspended []*sequence // gave up their place, and go before the queue
	steps     int
	reading   []*sequence
	cache     *model.Cache
	reader    *model.Reader
	pool      pool

	// The parts of a step, the sequences that they are of, and what became of them.
	parts  []model.Part
	of     []*sequence
	events []Event
}

// Stats counts what a Server has done.
type Stats struct {
	// Submitted and Rejected count requests, Finished those that ended by themselves, Dropped those
	// whose context ended, Failed those with an error.
	Submitted, Rejected, Finished, Dropped, Failed int64
	// Suspended counts how often a generation gave up its memory to an older one.
	Suspended int64
	// Steps counts passes over the model. Read counts tokens that were computed but the chosen ones,
	// Cached those of prompts that were not, Chosen new ones.
	Steps, Read, Cached, Chosen int64
	// Active and Waiting are numbers of generations, CacheBytes memory that they and finished ones
	// fill, now.
	Active, Waiting int
	CacheBytes      int64
}

// New starts a Server. It ends with Close.
func New(m *model.Model, o Options) (*Server, error) {
	s, err := prepare(m, o)
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	go s.run()
	return s, nil
}

// prepare makes a Server whose scheduler does not run yet.
func prepare(m *model.Model, o Options) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults(m)
	total := int(o.CacheBytes / (pageRows * m.CacheRowBytes()))
	if total == 0 {
		return nil, fmt.Errorf("a cache of %d bytes holds no tokens: %d take %d bytes",
			o.CacheBytes, pageRows, pageRows*m.CacheRowBytes())
	}
	s := &Server{m: m, options: o, done: make(chan struct{}),
		context: min(m.Options().Context, total*pageRows)}
	s.wake = sync.NewCond(&s.mu)
	var err error
	if s.cache, err = m.NewCache(total * pageRows); err == nil {
		s.reader, err = s.cache.NewReader(o.Chunk+o.Active, o.Active)
	}
	if err != nil {
		return nil, errors.Join(err, s.cache.Close())
	}
	s.pool = pool{cache: s.cache, total: total}
	return s, nil
}

// Context returns the greatest number of tokens of a prompt and its answer: the model's context, or
// less if there is no memory for it.
func (s *Server) Context() int { return s.context }

// Submit begins n generations that answer one prompt, the i-th with the seed Seed+i. It never blocks.
func (s *Server) Submit(ctx context.Context, r Request, n int) ([]*Generation, error) {
	if err := r.check(s.m, s.context); err != nil {
		return nil, err
	}
	if most := s.options.Active + s.options.Queue; n < 1 || n > most {
		return nil, fmt.Errorf("%d answers to one prompt, want 1 to %d", n, most)
	}
	var all []*sequence
	var out []*Generation
	for i := range n {
		var leader *Generation
		if i > 0 {
			leader = out[0]
		}
		q := &sequence{Generation: newGeneration(ctx, r, leader), ids: slices.Clone(r.Prompt)}
		q.request.Seed += uint64(i)
		var err error
		if q.sampler, err = generate.NewSampler(q.request.Sampling, r.Prompt); err != nil {
			return nil, err
		}
		all, out = append(all, q), append(out, q.Generation)
	}
	return out, s.enqueue(all)
}

func (s *Server) enqueue(all []*sequence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.stats.Active+s.stats.Waiting+len(all) > s.options.Active+s.options.Queue:
		s.stats.Rejected++
		return ErrBusy
	}
	s.queue = append(s.queue, all...)
	s.stats.Submitted += int64(len(all))
	s.stats.Waiting += len(all)
	s.wake.Signal()
	return nil
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Close refuses new generations, ends those there are with ErrClosed, and waits for that.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.wake.Signal()
	s.mu.Unlock()
	<-s.done
	return errors.Join(s.reader.Close(), s.cache.Close())
}

// count changes the counts.
func (s *Server) count(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
	s.stats.Active, s.stats.Waiting = len(s.active), len(s.queue)+len(s.suspended)
	s.stats.CacheBytes = int64(s.pool.used()) * pageRows * s.m.CacheRowBytes()
}

// run is the scheduler.
func (s *Server) run() {
	defer close(s.done)
	for s.admit() {
		s.step()
	}
	s.mu.Lock()
	left := slices.Concat(s.suspended, s.queue)
	s.queue, s.suspended = nil, nil
	s.mu.Unlock()
	for _, q := range slices.Clone(s.active) {
		s.end(q, Event{Err: ErrClosed})
	}
	for _, q := range left {
		s.close(q, Event{Err: ErrClosed})
	}
}

// admit begins waiting generations as far as there is room and ends those that nobody wants any more;
// with nothing to do it waits. It reports whether the server goes on.
func (s *Server) admit() bool {
	s.mu.Lock()
	for len(s.active)+len(s.suspended)+len(s.queue) == 0 && !s.closed {
		s.wake.Wait()
	}
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return false
	}
	s.dropGone()
	for len(s.active) < s.options.Active {
		q := s.next()
		if q == nil {
			break
		}
		if ok, err := s.begin(q); err != nil {
			s.take(q)
			s.close(q, Event{Err: err})
		} else if !ok {
			break
		}
	}
	return true
}

// dropGone ends all generations that nobody wants any more.
func (s *Server) dropGone() {
	for _, q := range slices.Clone(s.active) {
		if e, over := q.over(); over {
			s.end(q, e)
		}
	}
	s.mu.Lock()
	waiting := slices.Concat(s.suspended, s.queue)
	s.mu.Unlock()
	for _, q := range waiting {
		if e, over := q.over(); over {
			s.take(q)
			s.close(q, e)
		}
	}
}

// next returns the waiting generation whose turn it is; nil if there is none that may begin.
func (s *Server) next() *sequence {
	if len(s.suspended) > 0 {
		return s.suspended[0]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queue {
		if q.leader == nil || q.leader.begun {
			return q
		}
	}
	return nil
}

// take takes a generation out of those that wait.
func (s *Server) take(q *sequence) {
	other := func(x *sequence) bool { return x == q }
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspended = slices.DeleteFunc(s.suspended, other)
	s.queue = slices.DeleteFunc(s.queue, other)
}

// begin gives a generation its place and reports whether there was one. With others there must be
// room left for each of them to grow.
func (s *Server) begin(q *sequence) (bool, error) {
	tokens := q.room(len(q.ids) + 1)
	tokens = min(tokens, s.context)
	if n := len(s.active); n > 0 && s.pool.available() < pages(tokens)+n {
		return false, nil
	}
	slot, err := s.pool.take(q.ids, tokens, q.windowed())
	if slot == nil || err != nil {
		return false, err
	}
	s.take(q)
	q.slot, q.at, q.turn = slot, slot.n, s.steps-1
	s.active = append(s.active, q)
	s.count(func(c *Stats) { c.Cached += int64(q.at) })
	if !q.begun {
		q.tell(Event{Read: q.at, Cached: q.at})
	}
	return true, nil
}

// suspend takes a generation's place in the cache; it will read again what it had read.
func (s *Server) suspend(q *sequence) {
	s.leave(q)
	if i := slices.Index(s.of, q); i >= 0 {
		s.of[i] = nil
	}
	s.pool.give(q.slot, true)
	q.slot, q.at = nil, 0
	s.suspended = slices.Insert(s.suspended, 0, q)
	s.count(func(c *Stats) { c.Suspended++ })
}

func (s *Server) leave(q *sequence) {
	s.active = slices.DeleteFunc(s.active, func(x *sequence) bool { return x == q })
}

// end takes a generation out of the active ones and keeps what it read.
func (s *Server) end(q *sequence, e Event) {
	s.leave(q)
	s.pool.give(q.slot, !q.windowed())
	q.slot = nil
	s.close(q, e)
}

// close tells the end of a generation that has no place.
func (s *Server) close(q *sequence, e Event) {
	s.count(func(c *Stats) {
		switch {
		case e.Err == nil:
			c.Finished++
		case q.ctx.Err() != nil:
			c.Dropped++
		default:
			c.Failed++
		}
	})
	q.finish(e)
}
