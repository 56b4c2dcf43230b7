package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"longlora/kernels"
	"longlora/trainer/checkpoint"
	"longlora/trainer/data"
	"longlora/trainer/model"
	"longlora/trainer/optimizer"
)

// ErrInterrupted reports that the context ended: the last finished step was saved.
var ErrInterrupted = errors.New("interrupted")

// ErrDiverged reports a loss or gradient that is not finite. Nothing of that step was kept.
var ErrDiverged = errors.New("training diverged")

// Loop is a training run.
type Loop struct {
	Options
	Model *model.Model
	World kernels.World
	// Moments are those that the model does not hold; nil: it holds all.
	Moments *optimizer.Moments
	// Data stands at State.Position.
	Data   *data.Stream
	Layout data.Layout
	// Attention gives the layout of a step, counted from 1; nil: Layout at every step.
	Attention func(step int) data.Layout
	// Gradient adds the gradient of scale·Σ weights·losses to the parameters' and returns the sum
	// without scale; nil: the model's own.
	Gradient func(b *model.Batch, scale float32) (float64, error)
	// Later is Gradient that waits for nothing; nil: every step is waited for.
	Later func(b *model.Batch, scale float32) (model.Pending, error)
	// State is where the run starts: zero but for Backend and Config, or a checkpoint's.
	State checkpoint.State
	// Validate returns the validation loss; nil: there is none.
	Validate func() (float64, error)
	// Observe receives each step's metrics; an error ends the run.
	Observe func(Metrics) error
	// Saved receives the path of each checkpoint; nil: not wanted.
	Saved func(path string)

	grads []kernels.Tensor // of what is trained
	saved int              // step of the last checkpoint, -1: none
	pace  pace

	reached data.Position // by the step under way
	begun   *begun        // the step after it, if it was handed over already
	before  *begun        // the step under way, while the one after it is handed over
	ahead   int           // 1 meanwhile
}

// Run trains from State.Step to Steps, or until validations are no longer better, saves the end and
// returns nil, or ErrInterrupted.
func (l *Loop) Run(ctx context.Context) error {
	if err := l.Options.Validate(); err != nil {
		return err
	}
	l.saved = -1
	if l.State.Step > 0 {
		l.saved = l.State.Step
	}
	l.reached = l.State.Position
	for l.State.Step < l.Steps && !l.stale() {
		if err := l.step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil && l.begun == nil {
			return l.interrupted()
		}
	}
	return l.save()
}

func (l *Loop) interrupted() error {
	if err := l.save(); err != nil {
		return err
	}
	return fmt.Errorf("%w after step %d of %d, which was saved", ErrInterrupted, l.State.Step, l.Steps)
}

// step runs one step with all that is due after it.
func (l *Loop) step(ctx context.Context) error {
	begun, before := time.Now(), l.State.Tokens
	m, err := l.update(ctx)
	if err != nil {
		return fmt.Errorf("step %d: %w%s", l.State.Step+1, err, l.lastGood(err))
	}
	l.State.Step++
	l.State.Position = l.reached
	l.pace.add(time.Since(begun))
	m.Step, m.Tokens = l.State.Step, l.State.Tokens
	m.Seconds = time.Since(begun).Seconds()
	m.TokensPerSecond = float64(l.State.Tokens-before) / m.Seconds
	m.Left = l.pace.left(l.Steps - l.State.Step).Seconds()
	if l.due(l.EvalEvery) && l.Validate != nil {
		loss, err := l.Validate()
		if err != nil {
			return fmt.Errorf("validation after step %d: %w", l.State.Step, err)
		}
		m.Validation = &loss
		l.compare(loss)
	}
	if l.Observe != nil {
		if err := l.Observe(m); err != nil {
			return err
		}
	}
	if l.SaveEvery > 0 && l.State.Step%l.SaveEvery == 0 || l.isBest() {
		return l.save()
	}
	return nil
}

// due reports whether something that is done every so many steps, and at the end, is to be done.
func (l *Loop) due(every int) bool {
	return l.State.Step == l.Steps || every > 0 && l.State.Step%every == 0
}

// lastGood says where a run that failed can be continued.
func (l *Loop) lastGood(err error) string {
	if !errors.Is(err, ErrDiverged) {
		return ""
	}
	if l.saved < 0 {
		return "; no checkpoint was saved before: start again with a lower --lr"
	}
	return fmt.Sprintf("; the last checkpoint, of step %d, is from before: start again with a lower "+
		"--lr, or look at the data of this step", l.saved)
}

// update computes the gradient of a step and applies it.
func (l *Loop) update(ctx context.Context) (Metrics, error) {
	if b, ok := l.later(); ok {
		return l.behind(ctx, b)
	}
	rows, s, err := l.take()
	m := s.metrics
	if err != nil {
		return m, err
	}
	l.State.Tokens, l.reached = s.tokens, s.reached
	if m.Loss, err = l.gradient(rows, s.weight); err != nil {
		return m, err
	}
	if m.GradNorm, err = l.norm(); err != nil {
		return m, err
	}
	if !finite(m.Loss) || !finite(m.GradNorm) {
		return m, fmt.Errorf("%w: loss %g, gradient norm %g", ErrDiverged, m.Loss, m.GradNorm)
	}
	if err := l.apply(m, false); err != nil {
		return m, err
	}
	return m, l.Model.Backend().Sync()
}

// take reads the sequences of the step under way.
func (l *Loop) take() ([]*data.Row, *begun, error) {
	s := &begun{metrics: Metrics{LR: l.At(l.underway())}}
	s.metrics.Epoch, s.tokens = l.reached.Epoch, l.State.Tokens
	if l.ahead > 0 {
		s.metrics.Epoch, s.tokens = l.before.reached.Epoch, l.before.tokens
	}
	s.metrics.Attention = l.layout().Name
	from := l.Data.At()
	rows, err := l.read()
	if err != nil {
		return nil, s, err
	}
	for _, r := range rows {
		s.weight += r.Weight()
		s.metrics.Targets += int64(r.Scored())
		s.tokens += int64(len(r.IDs))
	}
	s.reached = l.Data.At()
	if s.weight, err = l.World.AllReduceScalar(s.weight); err != nil {
		return nil, s, err
	}
	if !(s.weight > 0) {
		return nil, s, fmt.Errorf("the %d sequences from %v on have no target with a weight: "+
			"check the shards' loss spans", l.Batch, from)
	}
	return rows, s, nil
}

// underway is the number of the step under way, from 1.
func (l *Loop) underway() int { return l.State.Step + 1 + l.ahead }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// read returns this rank's sequences of the next step.
func (l *Loop) read() ([]*data.Row, error) {
	var mine []*data.Row
	for i := range l.Batch {
		r, err := l.Data.Next()
		if err != nil {
			return nil, err
		}
		if l.PerDocument {
			r.PerDocument()
		}
		if i%l.World.Size() == l.World.Rank() {
			mine = append(mine, r)
		}
	}
	return mine, nil
}

// gradient leaves the gradient of the step's loss, Σ weights·losses / Σ weights over all ranks, in
// the model and returns the loss.
func (l *Loop) gradient(rows []*data.Row, weight float64) (float64, error) {
	if l.Gradient == nil {
		l.Gradient = l.Model.Gradient
	}
	l.Model.ZeroGrads()
	var sum float64
	layout := l.layout()
	for i, group := range data.Groups(rows, l.MicroTokens) {
		b := layout.Join(group)
		b.Seed = l.dropoutSeed(i)
		s, err := l.Gradient(b, float32(1/weight))
		if err != nil {
			return 0, err
		}
		sum += s
	}
	if err := l.World.AllReduceSum(l.gradients()...); err != nil {
		return 0, err
	}
	sum, err := l.World.AllReduceScalar(sum)
	return sum / weight, err
}

// layout is that of the step under way.
func (l *Loop) layout() data.Layout {
	if l.Attention != nil {
		return l.Attention(l.underway())
	}
	return l.Layout
}

// dropoutSeed differs for every micro-batch of every step and rank; it is never 0.
func (l *Loop) dropoutSeed(micro int) uint64 {
	x := l.Seed
	for _, n := range []int{l.underway() - 1, l.World.Rank(), micro} {
		x = (x ^ uint64(n) + 1) * 0x9E3779B97F4A7C15
		x ^= x >> 29
	}
	return x | 1
}

func (l *Loop) gradients() []kernels.Tensor {
	if l.grads == nil {
		for _, p := range l.Model.Params().Trainable() {
			l.grads = append(l.grads, p.Grad)
		}
	}
	return l.grads
}

func (l *Loop) norm() (float64, error) {
	squares := l.Model.Backend().SumSquares(l.gradients()...)
	return math.Sqrt(squares), l.Model.Backend().Sync()
}

// apply updates every trained parameter; gated, as the backend's gate says (kernels.Later).
func (l *Loop) apply(m Metrics, gated bool) error {
	scale := 1.0
	if !gated && l.Clip > 0 && m.GradNorm > l.Clip {
		scale = l.Clip / m.GradNorm
	}
	for _, p := range l.Model.Params() {
		if !p.Trainable {
			continue
		}
		s := kernels.AdamWStep{
			LR: float32(l.rate(p, m.LR)), Beta1: float32(l.Beta1), Beta2: float32(l.Beta2),
			Eps: float32(l.Eps), WeightDecay: float32(l.decay(p)), GradScale: float32(scale),
			Step: l.underway(), Gate: gated,
		}
		if l.Moments == nil {
			l.Model.Backend().AdamW(p.Value, p.Grad, p.M, p.V, s)
		} else if err := l.Moments.Step(p, s); err != nil {
			return err
		}
	}
	return nil
}

// save writes a checkpoint of the last finished step unless there is one. All ranks hold the same
// state; the first writes it.
func (l *Loop) save() error {
	if l.saved == l.State.Step || l.World.Rank() > 0 {
		return nil
	}
	path, err := checkpoint.Save(l.Checkpoints, l.Model, l.Moments, l.State, l.Keep)
	if err != nil {
		return err
	}
	l.saved = l.State.Step
	if l.Saved != nil {
		l.Saved(path)
	}
	return nil
}

// pace is the mean time of the latest steps.
type pace struct{ mean time.Duration }

func (p *pace) add(d time.Duration) {
	if p.mean == 0 {
		p.mean = d
		return
	}
	p.mean += (d - p.mean) / 8
}

func (p *pace) left(steps int) time.Duration { return time.Duration(steps) * p.mean }
