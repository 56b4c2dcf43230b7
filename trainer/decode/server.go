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
	queue   chan *Generation
	done    chan struct{}

	mu     sync.Mutex
	closed bool
	stats  Stats

	// What follows is the scheduler's alone.
	active []*sequence
	held   *Generation // taken from the queue, and waiting for memory
	cache  cache
}

// Stats counts what a Server has done.
type Stats struct {
	// Submitted and Rejected count requests, Finished those that ended by themselves, Dropped those
	// whose context ended, Failed those with an error.
	Submitted, Rejected, Finished, Dropped, Failed int64
	// Read counts tokens of prompts that were computed, Cached those that were not, Chosen new ones.
	Read, Cached, Chosen int64
	// Active and Waiting are numbers of generations, CacheBytes memory in use, now.
	Active, Waiting int
	CacheBytes      int64
}

// sequence is an active generation.
type sequence struct {
	*Generation
	slot    *slot
	sampler *generate.Sampler
	at      int // prompt tokens read
	chosen  int
	next    int32
}

// New starts a Server. It ends with Close.
func New(m *model.Model, o Options) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	o = o.withDefaults()
	s := &Server{m: m, options: o, queue: make(chan *Generation, o.Queue), done: make(chan struct{})}
	s.cache = cache{m: m, chunk: o.Chunk, limit: o.CacheBytes}
	go s.run()
	return s, nil
}

// Submit begins a generation. It never blocks.
func (s *Server) Submit(ctx context.Context, r Request) (*Generation, error) {
	capacity, err := r.capacity(s.m)
	if err == nil {
		err = r.Validate()
	}
	if err != nil {
		return nil, err
	}
	reads := (len(r.Prompt)+s.options.Chunk-1)/s.options.Chunk + 1
	g := &Generation{request: r, capacity: capacity, ctx: ctx,
		events: make(chan Event, reads+r.MaxNew+1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	select {
	case s.queue <- g:
		s.stats.Submitted++
		return g, nil
	default:
		s.stats.Rejected++
		return nil, ErrBusy
	}
}

// Stats returns the counts.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.stats
	out.Waiting += len(s.queue)
	return out
}

// Close refuses new generations, ends those there are with ErrClosed, and waits for that.
func (s *Server) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if !closed {
		close(s.queue)
	}
	<-s.done
	return nil
}

// count changes the counts.
func (s *Server) count(change func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
	s.stats.Active, s.stats.CacheBytes, s.stats.Waiting = len(s.active), s.cache.bytes, 0
	if s.held != nil {
		s.stats.Waiting = 1
	}
}

func (s *Server) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// run is the scheduler.
func (s *Server) run() {
	defer close(s.done)
	defer s.cache.close()
	for s.admit() {
		for _, q := range slices.Clone(s.active) {
			s.turn(q)
		}
	}
	for _, q := range slices.Clone(s.active) {
		s.end(q, Event{Err: ErrClosed})
	}
	if s.held != nil {
		s.held.finish(Event{Err: ErrClosed})
	}
	for g := range s.queue {
		g.finish(Event{Err: ErrClosed})
	}
}

// admit takes waiting generations as far as there is room; with nothing to do it waits for one. It
// reports whether the server goes on.
func (s *Server) admit() bool {
	for len(s.active) < s.options.Active {
		g, ok := s.waiting()
		if !ok {
			return false
		}
		if g == nil {
			break
		}
		if s.closing() {
			g.finish(Event{Err: ErrClosed})
			continue
		}
		if len(s.active) > 0 && !s.cache.fits(g.capacity) && g.ctx.Err() == nil {
			s.held = g
			break
		}
		s.begin(g)
	}
	return !s.closing()
}

// waiting returns the generation whose turn it is to begin, nil if there is none now; false if
// there will be none.
func (s *Server) waiting() (*Generation, bool) {
	if g := s.held; g != nil {
		s.held = nil
		return g, true
	}
	if len(s.active) == 0 {
		g, ok := <-s.queue
		return g, ok
	}
	select {
	case g, ok := <-s.queue:
		return g, ok
	default:
		return nil, true
	}
}

func (g *Generation) finish(e Event) {
	e.End = true
	g.events <- e
	close(g.events)
}

// begin gives a generation its cache.
func (s *Server) begin(g *Generation) {
	if g.ctx.Err() != nil {
		s.count(func(c *Stats) { c.Dropped++ })
		g.finish(Event{Err: g.ctx.Err()})
		return
	}
	sampler, err := generate.NewSampler(g.request.Sampling)
	var taken *slot
	if err == nil {
		taken, err = s.cache.take(g.request.Prompt, g.capacity, g.request.Window != 0, s.slots())
	}
	if err != nil {
		s.count(func(c *Stats) { c.Failed++ })
		g.finish(Event{Err: err})
		return
	}
	q := &sequence{Generation: g, slot: taken, sampler: sampler, at: taken.decoder.Len()}
	s.active = append(s.active, q)
	s.count(func(c *Stats) { c.Cached += int64(q.at) })
	g.events <- Event{Read: q.at, Cached: q.at}
}

// slots returns those that are in use.
func (s *Server) slots() []*slot {
	var all []*slot
	for _, q := range s.active {
		all = append(all, q.slot)
	}
	return all
}

// turn lets a generation read a part of its prompt or choose a token.
func (s *Server) turn(q *sequence) {
	if err := q.ctx.Err(); err != nil {
		s.end(q, Event{Err: err})
		return
	}
	var logits []float32
	var err error
	if prompt := q.request.Prompt; q.at < len(prompt) {
		part := prompt[q.at:min(q.at+s.options.Chunk, len(prompt))]
		logits, err = q.read(part...)
		q.at += len(part)
		s.count(func(c *Stats) { c.Read += int64(len(part)) })
		if err == nil {
			q.events <- Event{Read: q.at}
		}
	} else {
		logits, err = q.read(q.next)
	}
	if err != nil {
		s.end(q, Event{Err: err})
		return
	}
	if q.at == len(q.request.Prompt) {
		s.choose(q, logits)
	}
}

// choose picks the next token.
func (s *Server) choose(q *sequence, logits []float32) {
	q.next = q.sampler.Pick(logits)
	q.chosen++
	q.events <- Event{ID: q.next, Token: true}
	s.count(func(c *Stats) { c.Chosen++ })
	stopped := slices.Contains(q.request.Stop, q.next)
	if stopped || q.chosen == q.request.MaxNew {
		s.end(q, Event{Stopped: stopped})
	}
}

// read appends tokens to the cache; in a window the oldest make room.
func (q *sequence) read(ids ...int32) ([]float32, error) {
	d := q.slot.decoder
	var logits []float32
	for len(ids) > 0 {
		n := len(ids)
		if q.request.Window != 0 {
			n = min(n, max(q.request.Window/2, 1))
			if over := d.Len() + n - d.Capacity(); over > 0 {
				if err := d.Forget(q.request.Sinks, q.request.Sinks+over); err != nil {
					return nil, err
				}
			}
		}
		var err error
		if logits, err = d.Read(ids[:n]...); err != nil {
			return nil, err
		}
		q.slot.ids = append(q.slot.ids, ids[:n]...)
		ids = ids[n:]
	}
	return logits, nil
}

// end takes a generation out of the turn and keeps what it read.
func (s *Server) end(q *sequence, e Event) {
	s.active = slices.DeleteFunc(s.active, func(other *sequence) bool { return other == q })
	keep := q.request.Window == 0 && q.slot.decoder.Len() == len(q.slot.ids)
	err := s.cache.give(q.slot, keep)
	e.Err = errors.Join(e.Err, err)
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
