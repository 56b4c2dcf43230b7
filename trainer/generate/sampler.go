package generate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"longlora/trainer/model"
)

// Sampler chooses the tokens of one answer. It must not be used concurrently.
type Sampler struct {
	Sampling
	rng        *rand.Rand
	prompt     map[int32]bool
	answer     map[int32]int // how often the answer has a token
	candidates []Candidate
	adjusted   []float32
}

// Candidate is a token and its probability.
type Candidate struct {
	ID int32
	P  float64
}

// NewSampler returns a Sampler at the beginning of its seed's draws, of an answer to a prompt.
func NewSampler(s Sampling, prompt []int32) (*Sampler, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	out := &Sampler{Sampling: s, rng: rand.New(rand.NewPCG(s.Seed, 0))}
	if s.repeats() {
		out.prompt, out.answer = map[int32]bool{}, map[int32]int{}
		for _, id := range prompt {
			out.prompt[id] = true
		}
	}
	return out, nil
}

// Pick chooses the next token.
func (s *Sampler) Pick(logits []float32) int32 {
	logits = s.adjust(logits)
	var id int32
	if s.Temperature == 0 {
		id = model.Greatest(logits)
	} else {
		id = s.draw(s.distribution(logits))
	}
	if s.answer != nil {
		s.answer[id]++
	}
	return id
}

// draw chooses a candidate; their probabilities sum to 1.
func (s *Sampler) draw(kept []Candidate) int32 {
	at := s.rng.Float64()
	last := kept[0].ID
	for _, c := range kept {
		if at < c.P {
			return c.ID
		}
		at -= c.P
		if c.P > 0 {
			last = c.ID
		}
	}
	return last // rounding
}

// Distribution returns the tokens that may be chosen next, with their probabilities: those are
// valid until the next call.
func (s *Sampler) Distribution(logits []float32) []Candidate {
	return s.distribution(s.adjust(logits))
}

// adjust applies the penalties and biases to a copy, if there are any.
func (s *Sampler) adjust(logits []float32) []float32 {
	if !s.repeats() && len(s.Bias) == 0 {
		return logits
	}
	s.adjusted = append(s.adjusted[:0], logits...)
	out := s.adjusted
	if r := float32(s.Repetition); r != 0 && r != 1 {
		for id := range s.prompt {
			repel(out, id, r)
		}
		for id := range s.answer {
			if !s.prompt[id] {
				repel(out, id, r)
			}
		}
	}
	for id, n := range s.answer {
		out[id] -= float32(s.Presence + float64(n)*s.Frequency)
	}
	for id, b := range s.Bias {
		if int(id) < len(out) {
			out[id] += float32(b)
		}
	}
	return out
}

func repel(logits []float32, id int32, by float32) {
	if logits[id] > 0 {
		logits[id] /= by
	} else {
		logits[id] *= by
	}
}

// distribution returns the tokens that may be chosen with their probabilities: the most probable
// first, the lower id of equals first, if TopK or TopP leaves some out, else in order of ids.
func (s *Sampler) distribution(logits []float32) []Candidate {
	c := s.candidates[:0]
	greatest := float64(logits[model.Greatest(logits)])
	for id, v := range logits {
		c = append(c, Candidate{int32(id), math.Exp((float64(v) - greatest) / s.Temperature)})
	}
	s.candidates = c
	if s.TopK > 0 {
		c = first(c, s.TopK, math.Inf(1))
	}
	if s.TopP > 0 && s.TopP < 1 {
		c = first(c, len(c), s.TopP*sum(c))
	}
	if s.MinP > 0 { // the most probable has 1
		c = slices.DeleteFunc(c, func(x Candidate) bool { return x.P < s.MinP })
	}
	all := sum(c)
	for i := range c {
		c[i].P /= all
	}
	return c
}

func sum(c []Candidate) (p float64) {
	for _, x := range c {
		p += x.P
	}
	return p
}

// first returns the most probable candidates in order: n of them, or as many as together have mass.
func first(c []Candidate, n int, mass float64) []Candidate {
	h := heap(c)
	h.order()
	got := 0.0
	for range n {
		if len(h) == 0 || len(h) < len(c) && got >= mass {
			break
		}
		got += h.pop().P
	}
	taken := c[len(h):] // in order from the back
	slices.Reverse(taken)
	return taken
}

// heap holds the most probable candidate first, the lower id of equals.
type heap []Candidate

func (h heap) before(i, j int) bool {
	return h[i].P > h[j].P || h[i].P == h[j].P && h[i].ID < h[j].ID
}

// order makes a heap of any candidates.
func (h heap) order() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h heap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h.before(child+1, child) {
			child++
		}
		if !h.before(child, i) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// pop takes the first candidate and leaves it behind the heap's new end.
func (h *heap) pop() Candidate {
	last := len(*h) - 1
	first := (*h)[0]
	(*h)[0], (*h)[last] = (*h)[last], first
	*h = (*h)[:last]
	h.down(0)
	return first
}
