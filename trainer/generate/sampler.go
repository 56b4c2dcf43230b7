package generate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"longlora/trainer/model"
)

// Sampling says how a token is chosen from logits. The zero value is greedy: the largest logit, the
// lowest id of equals.
type Sampling struct {
	// Temperature divides the logits; 0 means greedy, and the other fields do nothing.
	Temperature float64
	// TopK keeps the K largest logits; 0 means all.
	TopK int
	// TopP keeps the smallest set of the most probable tokens whose probabilities, after Temperature
	// and TopK, sum to at least P (arXiv 1904.09751, section 3.1); 0 means all.
	TopP float64
	// Seed determines the draws.
	Seed uint64
}

// Validate reports every value that cannot be used.
func (s Sampling) Validate() error {
	var all []error
	if !(s.Temperature >= 0) || math.IsInf(s.Temperature, 0) {
		all = append(all, fmt.Errorf("temperature is %g, want it finite and at least 0", s.Temperature))
	}
	if s.TopK < 0 {
		all = append(all, fmt.Errorf("top-k is %d, want at least 0", s.TopK))
	}
	if !(s.TopP >= 0 && s.TopP <= 1) {
		all = append(all, fmt.Errorf("top-p is %g, want it in [0, 1]", s.TopP))
	}
	return errors.Join(all...)
}

// Sampler chooses tokens. It must not be used concurrently.
type Sampler struct {
	Sampling
	rng        *rand.Rand
	candidates []candidate
}

type candidate struct {
	id int32
	p  float64 // logit, then probability
}

// NewSampler returns a Sampler at the beginning of its seed's draws.
func NewSampler(s Sampling) (*Sampler, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	return &Sampler{Sampling: s, rng: rand.New(rand.NewPCG(s.Seed, 0))}, nil
}

// Pick chooses the next token.
func (s *Sampler) Pick(logits []float32) int32 {
	if s.Temperature == 0 {
		return model.Greatest(logits)
	}
	kept := s.distribution(logits)
	draw := s.rng.Float64()
	for _, c := range kept {
		if draw < c.p {
			return c.id
		}
		draw -= c.p
	}
	return kept[len(kept)-1].id // rounding
}

// distribution returns the tokens that may be chosen with their probabilities, the most probable
// first, the lower id of equals first.
func (s *Sampler) distribution(logits []float32) []candidate {
	c := s.candidates[:0]
	for id, v := range logits {
		c = append(c, candidate{id: int32(id), p: float64(v)})
	}
	s.candidates = c
	slices.SortFunc(c, func(a, b candidate) int {
		switch {
		case a.p > b.p:
			return -1
		case a.p < b.p:
			return 1
		}
		return int(a.id - b.id)
	})
	if s.TopK > 0 {
		c = c[:min(s.TopK, len(c))]
	}
	soften(c, s.Temperature)
	if s.TopP > 0 {
		c = nucleus(c, s.TopP)
	}
	return c
}

// soften replaces sorted logits by the probabilities of softmax(logit/temperature).
func soften(c []candidate, temperature float64) {
	greatest, sum := c[0].p, 0.0
	for i := range c {
		c[i].p = math.Exp((c[i].p - greatest) / temperature)
		sum += c[i].p
	}
	for i := range c {
		c[i].p /= sum
	}
}

// nucleus cuts sorted probabilities behind the first whose sum reaches p, and makes them sum to 1.
func nucleus(c []candidate, p float64) []candidate {
	sum, n := 0.0, 0
	for n < len(c) && (n == 0 || sum < p) {
		sum += c[n].p
		n++
	}
	for i := range c[:n] {
		c[i].p /= sum
	}
	return c[:n]
}
