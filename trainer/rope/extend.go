package rope

import (
	"errors"
	"fmt"
)

// Methods are the kinds that Extend can apply, the usual one first.
func Methods() []Kind { return []Kind{Linear, Dynamic, YaRN, Llama3} }

// Extend returns the embedding of a model that shall read target positions and reads current ones
// now, extended by method: its factor is f = f_old · max(1, ceil(target/current)). A target within
// the current context changes nothing. A method on top of another is refused: frequencies that were
// changed in one way cannot be changed again in another.
func Extend(s Spec, method Kind, current, target int) (Spec, error) {
	if current <= 0 || target <= 0 {
		return Spec{}, fmt.Errorf("rope: cannot extend a context of %d to %d", current, target)
	}
	if target <= current {
		return s, nil
	}
	if err := extendable(s, method); err != nil {
		return Spec{}, fmt.Errorf("rope: extend %d positions to %d: %w", current, target, err)
	}
	if s.Kind == Default {
		s.Kind, s.Factor, s.Original = method, 1, current
		switch method {
		case YaRN:
			s.BetaFast, s.BetaSlow = 32, 1 // section 3.2 of the paper, for LLaMA
		case Llama3:
			s.LowFreq, s.HighFreq = 1, 4 // LLaMA 3.1's own
		}
	}
	s.Factor *= float64((target + current - 1) / current)
	s.Max = target
	return s, nil
}

func extendable(s Spec, method Kind) error {
	known := false
	for _, m := range Methods() {
		known = known || m == method
	}
	switch {
	case !known:
		return fmt.Errorf("no method %q; the methods are linear, dynamic, yarn and llama3", method)
	case s.Kind != Default && s.Kind != method && s.Kind == LongRoPE:
		return fmt.Errorf("the model has %s, whose factors come from a search: no method extends them; "+
			"use a context within the present one", s.Kind)
	case s.Kind != Default && s.Kind != method:
		return fmt.Errorf("the model has %s already, %s on top of it is not possible; choose %s, or a "+
			"context within the present one", s.Kind, method, s.Kind)
	case s.AttentionFactor != 0 || s.MScale != 0 && s.MScaleAllDim != 0:
		return errors.New("attention_factor or mscale is fixed by hand for the present factor; remove " +
			"it from config.json so that it follows the new one")
	}
	return nil
}
