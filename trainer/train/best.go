package train

import (
	"math"

	"longlora/trainer/checkpoint"
)

// compare takes a validation loss into account. A loss that is not a number is no better than any, nor
// is it the best where it is the first.
func (l *Loop) compare(loss float64) {
	if l.EarlyStop == 0 && !l.KeepBest {
		return
	}
	switch b := l.State.Best; {
	case b == nil && math.IsNaN(loss):
	case b == nil || loss < b.Loss-l.MinDelta:
		l.State.Best = &checkpoint.Best{Step: l.State.Step, Loss: loss}
	default:
		next := *b // the last checkpoint's stays as it is
		next.Stale++
		l.State.Best = &next
	}
}

// isBest reports whether the last validation, taken after this step, was the best.
func (l *Loop) isBest() bool {
	return l.KeepBest && l.State.Best != nil && l.State.Best.Step == l.State.Step
}

// stale reports whether the run ends because validations do not get better.
func (l *Loop) stale() bool {
	return l.EarlyStop > 0 && l.State.Best != nil && l.State.Best.Stale >= l.EarlyStop
}
