package generate

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Sampling says how a token is chosen from logits. The zero value is greedy: the largest logit, the
// lowest id of equals. The penalties come first, then Temperature, TopK, TopP and MinP, as in
// transformers and vLLM.
type Sampling struct {
	// Temperature divides the logits; 0 means greedy, and TopK, TopP and MinP do nothing.
	Temperature float64
	// TopK keeps the K largest logits; 0 means all.
	TopK int
	// TopP keeps the smallest set of the most probable tokens whose probabilities, after Temperature
	// and TopK, sum to at least P (arXiv 1904.09751, section 3.1); 0 means all.
	TopP float64
	// MinP keeps the tokens that are at least MinP times as probable as the most probable one (arXiv
	// 2407.01082); 0 means all.
	MinP float64
	// Repetition divides positive logits of tokens that the prompt or the answer has, and multiplies
	// negative ones (arXiv 1909.05858, section 4.1); 0 and 1 change nothing.
	Repetition float64
	// Presence is subtracted from the logit of each token that the answer has, and Frequency as often
	// as it has it, as in OpenAI's API.
	Presence, Frequency float64
	// Bias is added to the logits of tokens.
	Bias map[int32]float64
	// Seed determines the draws.
	Seed uint64
}

// Validate reports every value that cannot be used.
func (s Sampling) Validate() error {
	var all []error
	wrong := func(ok bool, format string, args ...any) {
		if !ok {
			all = append(all, fmt.Errorf(format, args...))
		}
	}
	share := func(name string, p float64) {
		wrong(p >= 0 && p <= 1, "%s is %g, want it in [0, 1]", name, p)
	}
	wrong(s.Temperature >= 0 && finite(s.Temperature),
		"temperature is %g, want it finite and at least 0", s.Temperature)
	wrong(s.TopK >= 0, "top-k is %d, want at least 0", s.TopK)
	share("top-p", s.TopP)
	share("min-p", s.MinP)
	wrong(s.Repetition >= 0 && finite(s.Repetition),
		"repetition penalty is %g, want it finite and more than 0", s.Repetition)
	wrong(finite(s.Presence), "presence penalty is %g, want it finite", s.Presence)
	wrong(finite(s.Frequency), "frequency penalty is %g, want it finite", s.Frequency)
	for _, id := range slices.Sorted(maps.Keys(s.Bias)) {
		wrong(id >= 0, "a bias of token %d, want ids from 0 on", id)
		wrong(!math.IsNaN(s.Bias[id]), "the bias of token %d is %g", id, s.Bias[id])
	}
	return errors.Join(all...)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// repeats reports whether logits depend on what tokens there were.
func (s Sampling) repeats() bool {
	return s.Repetition != 0 && s.Repetition != 1 || s.Presence != 0 || s.Frequency != 0
}
