package decode

import (
	"slices"

	"longlora/trainer/generate"
	"longlora/trainer/model"
)

// sequence is an active generation.
type sequence struct {
	*Generation
	slot    *slot
	sampler *generate.Sampler
	ids     []int32 // the prompt and what was chosen: what is to be read
	at      int     // how many of them were read
	turn    int     // the last step that read more than one
}

// left returns the number of tokens that are known and have not been read.
func (q *sequence) left() int { return len(q.ids) - q.at }

func (q *sequence) windowed() bool { return q.request.Window != 0 }

// room returns how many tokens the slot must hold after n more.
func (q *sequence) room(n int) int {
	if q.windowed() {
		return q.request.Sinks + q.request.Window
	}
	return q.at + n
}

// step computes the next token of every generation that has read all it has, and reads Chunk tokens
// of the others' prompts, in one pass over the model. Prompts take turns in being the first that
// the chunk is for.
func (s *Server) step() {
	s.parts, s.of, s.events = s.parts[:0], s.of[:0], s.events[:0]
	left := s.options.Chunk
	for _, q := range s.active {
		if q.left() == 1 {
			s.plan(q, 1)
		}
	}
	for _, q := range s.readers() {
		if left > 0 {
			left -= s.plan(q, min(left, q.left()))
			q.turn = s.steps
		}
	}
	s.steps++
	s.settle()
	if len(s.parts) == 0 {
		return
	}
	s.events = slices.Grow(s.events, len(s.of))[:len(s.of)]
	clear(s.events)
	err := s.reader.Read(s.parts, s.chosen)
	for i, q := range s.of {
		if err != nil {
			q.slot.n = 0 // whatever was being written there
			s.end(q, Event{Err: err})
			continue
		}
		s.advance(q, s.parts[i].IDs, s.events[i])
	}
	s.count(func(c *Stats) { c.Steps++ })
}

// readers returns the generations with more than one token to read, first who waits longest.
func (s *Server) readers() []*sequence {
	s.reading = s.reading[:0]
	for _, q := range s.active {
		if q.left() > 1 {
			s.reading = append(s.reading, q)
		}
	}
	slices.SortStableFunc(s.reading, func(a, b *sequence) int { return a.turn - b.turn })
	return s.reading
}

// plan puts n tokens of a sequence into the step, fewer if its window is small, and returns how many.
func (s *Server) plan(q *sequence, n int) int {
	if q.windowed() {
		n = min(n, max(q.request.Window/2, 1))
	}
	s.parts = append(s.parts, model.Part{IDs: q.ids[q.at : q.at+n], Quiet: n < q.left()})
	s.of = append(s.of, q)
	return n
}

// settle finds the place in the cache of every part. Where memory is short, the generation that
// began last gives up its own and waits to read again what it had read: its bits will be the same.
func (s *Server) settle() {
	for i := 0; i < len(s.of); i++ {
		q, n := s.of[i], len(s.parts[i].IDs)
		if q == nil {
			continue
		}
		if err := s.makeRoom(q, n); err != nil {
			s.of[i] = nil
			s.end(q, Event{Err: err})
		}
	}
	keep := 0
	for i, q := range s.of {
		if q == nil {
			continue
		}
		part := s.parts[i]
		part.At, part.Known = q.slot.row(), q.slot.n
		s.of[keep], s.parts[keep] = q, part
		keep++
	}
	s.of, s.parts = s.of[:keep], s.parts[:keep]
}

// makeRoom makes room for n more tokens of a sequence.
func (s *Server) makeRoom(q *sequence, n int) error {
	if q.windowed() {
		if over := q.slot.n + n - q.room(n); over > 0 {
			sinks := q.request.Sinks
			if err := s.reader.Forget(q.slot.row(), q.slot.n, sinks, sinks+over); err != nil {
				return err
			}
			q.slot.n -= over
		}
		return nil
	}
	for {
		ok, err := s.pool.grow(q.slot, q.room(n))
		if ok || err != nil {
			return err
		}
		last := s.youngest() // q at least
		if s.suspend(last); last == q {
			return nil
		}
	}
}

// youngest returns the generation that began last among those that can read again what they have.
func (s *Server) youngest() *sequence {
	for i := len(s.active) - 1; i >= 0; i-- {
		if !s.active[i].windowed() {
			return s.active[i]
		}
	}
	return nil
}

// chosen takes the logits after a part's last token and chooses the next.
func (s *Server) chosen(part int, logits []float32) error {
	q := s.of[part]
	e := Event{Token: true, ID: q.sampler.Pick(logits)}
	if q.request.Logprobs {
		e.Logprob, e.Top = generate.Rank(logits, e.ID, q.request.Top)
	}
	s.events[part] = e
	return nil
}

// advance notes what a step has read of a generation, and the token that it chose, if it did.
func (s *Server) advance(q *sequence, read []int32, e Event) {
	again := q.begun
	q.at += len(read)
	q.slot.n += len(read)
	q.slot.ids = append(q.slot.ids, read...)
	if !q.begun {
		q.begun = q.at == len(q.request.Prompt)
		q.tell(Event{Read: q.at})
	}
	if !e.Token {
		s.count(func(c *Stats) { c.Read += int64(len(read)) })
		return
	}
	s.count(func(c *Stats) {
		c.Chosen++
		if !again || len(read) > 1 {
			c.Read += int64(len(read))
		}
	})
	q.ids = append(q.ids, e.ID)
	q.tell(e)
	stopped := slices.Contains(q.request.Stop, e.ID)
	if stopped || len(q.ids) == len(q.request.Prompt)+q.request.MaxNew {
		s.end(q, Event{Stopped: stopped})
	}
}
