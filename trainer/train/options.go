package train

import (
	"errors"
	"fmt"
	"math"
)

// Options are the settings of the loop.
type Options struct {
	Schedule
	// Batch is the number of sequences of a step, over all ranks and micro-batches.
	Batch int
	// MicroTokens bounds the tokens computed together; a longer sequence goes alone. The sum over a
	// step's micro-batches is the same up to rounding.
	MicroTokens int

	// Beta1, Beta2, Eps and WeightDecay are AdamW's. Norms are not decayed.
	Beta1, Beta2, Eps, WeightDecay float64
	Rates                          Rates
	// PerDocument weighs each document by its weight and not by its number of targets.
	PerDocument bool
	// Clip is the greatest norm of the whole gradient; 0: not clipped.
	Clip float64
	// Seed determines the dropout masks and the embedding's noise.
	Seed uint64

	// Checkpoints is the directory of the run's checkpoints. One is saved every SaveEvery steps (0:
	// only at the end); the newest Keep stay (0: all).
	Checkpoints     string
	SaveEvery, Keep int
	// EvalEvery is the number of steps between validations (0: only at the end).
	EvalEvery int
	// EarlyStop ends the run after so many validations in a row that were not better than the best by
	// more than MinDelta (0: never). KeepBest keeps the checkpoint of the best one.
	EarlyStop int
	MinDelta  float64
	KeepBest  bool
}

// Validate reports every value that the loop cannot run with.
func (o Options) Validate() error {
	all := []error{o.Schedule.Validate(), o.Rates.Validate()}
	positive := func(name string, v int) {
		if v <= 0 {
			all = append(all, fmt.Errorf("%s is %d, want more than 0", name, v))
		}
	}
	positive("steps", o.Steps)
	positive("batch", o.Batch)
	positive("micro_tokens", o.MicroTokens)
	fraction := func(name string, v float64) {
		if !(v >= 0 && v < 1) {
			all = append(all, fmt.Errorf("%s is %g, want it in [0, 1)", name, v))
		}
	}
	fraction("beta1", o.Beta1)
	fraction("beta2", o.Beta2)
	if !(o.Eps > 0) {
		all = append(all, fmt.Errorf("eps is %g, want more than 0", o.Eps))
	}
	atLeastZero := func(name string, v float64) {
		if !(v >= 0) || math.IsInf(v, 0) {
			all = append(all, fmt.Errorf("%s is %g, want 0 or more", name, v))
		}
	}
	atLeastZero("weight_decay", o.WeightDecay)
	atLeastZero("clip", o.Clip)
	atLeastZero("save_every", float64(o.SaveEvery))
	atLeastZero("keep", float64(o.Keep))
	atLeastZero("eval_every", float64(o.EvalEvery))
	atLeastZero("early_stop", float64(o.EarlyStop))
	atLeastZero("min_delta", o.MinDelta)
	if o.EvalEvery == 0 && (o.EarlyStop > 0 || o.KeepBest) {
		all = append(all, errors.New("early_stop and keep_best need validations on the way: set eval_every"))
	}
	return errors.Join(all...)
}
