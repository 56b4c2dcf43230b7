//go:build gpu

package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"longlora/kernels"
	"longlora/kernels/cuda"
	"longlora/trainer/model"
)

// begun is a step that was handed to the device.
type begun struct {
	gradient model.Pending
	norm     kernels.Reading
}

// begin hands a step over, as the training loop does.
func begin(b kernels.Later, m *model.Model, batch *model.Batch, n int) (s begun, err error) {
	err = b.Group(func() error {
		m.ZeroGrads()
		s.gradient, err = m.GradientLater(batch, 1/float32(len(batch.IDs)))
		return err
	})
	if err != nil {
		return s, err
	}
	return s, b.Group(func() error {
		var grads []kernels.Tensor
		for _, p := range m.Params().Trainable() {
			grads = append(grads, p.Grad)
		}
		s.norm = b.Clip(1, grads...)
		for _, p := range m.Params().Trainable() {
			b.AdamW(p.Value, p.Grad, p.M, p.V, kernels.AdamWStep{LR: 2e-5, Beta1: 0.9, Beta2: 0.95,
				Eps: 1e-8, GradScale: 1, Step: n, Gate: true})
		}
		return nil
	})
}

// loss waits for the step.
func (s *begun) loss() (float64, error) {
	loss, err := s.gradient.Loss()
	if err != nil {
		return 0, err
	}
	var norm [1]float32
	return loss, s.norm.Wait(norm[:])
}

// warm is the number of steps before those that are timed: one is issued, one captured, one replayed.
const warm = 3

// train makes a model up and steps it. With -longest one step is all.
func (o *options) train(b *cuda.Backend, p *planned) (err error) {
	m, err := model.New(b, o.config, p.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if err := errors.Join(fill(m), m.ReserveGradient(o.context), b.Reserve(p.working)); err != nil {
		return err
	}
	before, steps := warm, o.steps
	if o.longest {
		before, steps = 0, 1
	}
	var start time.Time
	var last *begun
	for n := range before + steps {
		if n == before {
			if err := finish(last); err != nil {
				return err
			}
			last, start = nil, time.Now()
		}
		next, err := begin(b, m, p.batch, n+1)
		if err == nil {
			err = finish(last)
		}
		if err != nil {
			return fmt.Errorf("step %d: %w", n, err)
		}
		last = &next
	}
	if err := finish(last); err != nil {
		return err
	}
	o.step = time.Since(start).Seconds() / float64(steps)
	o.peak, o.used = b.Peak(), b.Used()
	o.captures, o.replays = b.Graphs()
	return nil
}

// finish waits for a step that was begun.
func finish(s *begun) error {
	if s == nil {
		return nil
	}
	loss, err := s.loss()
	if err == nil && (math.IsNaN(loss) || math.IsInf(loss, 0)) {
		err = fmt.Errorf("the loss is %g", loss)
	}
	return err
}

// fill makes values up, fast: pieces of one list of random numbers, and what has the shape of one
// before it is a copy of that on the device. Norms are 1.
func fill(m *model.Model) error {
	const std, prime = 0.02, 1<<20 - 3
	rng := rand.New(rand.NewPCG(1, 0))
	random := make([]float32, prime)
	for i := range random {
		random[i] = float32(std * rng.NormFloat64())
	}
	var values []float32
	first := map[string]kernels.Tensor{}
	for _, p := range m.Params() {
		like := fmt.Sprint(p.Group, p.Shape(), p.DType())
		if before, ok := first[like]; ok && p.Packed == nil {
			m.Backend().Copy(p.Value, before)
			continue
		}
		values = values[:0]
		for p.Group == model.GroupNorm && len(values) < p.Len() {
			values = append(values, 1)
		}
		for len(values) < p.Len() {
			values = append(values, random[:min(prime, p.Len()-len(values))]...)
		}
		if err := m.SetParam(p, values); err != nil {
			return err
		}
		first[like] = p.Value
	}
	return m.Backend().Sync()
}
