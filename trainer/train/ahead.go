package train

import (
	"context"
	"fmt"

	"longlora/kernels"
	"longlora/trainer/data"
	"longlora/trainer/model"
)

// begun is a step that was handed to the device: what it comes to is on its way.
type begun struct {
	metrics Metrics
	weight  float64
	tokens  int64         // of the run, with this step's
	reached data.Position // after it
	losses  []model.Pending
	norm    kernels.Reading
	failed  error // why it could not be handed over
}

// later returns the backend if steps can be handed to it without waiting for them.
func (l *Loop) later() (kernels.Later, bool) {
	b, ok := l.Model.Backend().(kernels.Later)
	return b, ok && l.Later != nil && l.Moments == nil && l.World.Size() == 1
}

// behind returns the results of the next step. The one after it has been handed over by then, unless
// something is due between the two, so that the device always has work.
func (l *Loop) behind(ctx context.Context, b kernels.Later) (Metrics, error) {
	now := l.begun
	if l.begun = nil; now == nil {
		var err error
		if now, err = l.begin(b); err != nil {
			return Metrics{}, err
		}
	}
	if now.failed == nil && !l.pauses(ctx) {
		l.before, l.ahead = now, 1
		next, err := l.begin(b)
		if l.begun = next; err != nil {
			l.begun = &begun{failed: err} // which is the next step's
		}
		l.before, l.ahead = nil, 0
	}
	m, err := now.finish()
	if err != nil {
		l.begun = nil
		return m, err
	}
	l.State.Tokens, l.reached = now.tokens, now.reached
	return m, nil
}

// pauses reports whether something needs the model as the step under way leaves it.
func (l *Loop) pauses(ctx context.Context) bool {
	n := l.State.Step + 1
	every := func(k int) bool { return k > 0 && n%k == 0 }
	return n == l.Steps || every(l.SaveEvery) || every(l.EvalEvery) && l.Validate != nil ||
		ctx.Err() != nil
}

// begin hands the step under way over: gradients, their norm and the update, which the device itself
// leaves out where a loss or the norm is no number.
func (l *Loop) begin(b kernels.Later) (*begun, error) {
	rows, s, err := l.take()
	if err != nil {
		return nil, err
	}
	layout := l.layout()
	for i, group := range data.Groups(rows, l.MicroTokens) {
		batch := layout.Join(group)
		batch.Seed = l.dropoutSeed(i)
		err := b.Group(func() error {
			if i == 0 {
				l.Model.ZeroGrads()
			}
			p, err := l.Later(batch, float32(1/s.weight))
			s.losses = append(s.losses, p)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s, b.Group(func() error {
		s.norm = b.Clip(l.Clip, l.gradients()...)
		return l.apply(s.metrics, true)
	})
}

// finish waits for a step's results.
func (s *begun) finish() (Metrics, error) {
	m, sum := s.metrics, 0.0
	if s.failed != nil {
		return m, s.failed
	}
	for i := range s.losses {
		loss, err := s.losses[i].Loss()
		if err != nil {
			return m, err
		}
		sum += loss
	}
	var norm [1]float32
	if err := s.norm.Wait(norm[:]); err != nil {
		return m, err
	}
	m.Loss, m.GradNorm = sum/s.weight, float64(norm[0])
	if !finite(m.Loss) || !finite(m.GradNorm) {
		return m, fmt.Errorf("%w: loss %g, gradient norm %g", ErrDiverged, m.Loss, m.GradNorm)
	}
	return m, nil
}
