package model

import (
	"fmt"

	"longlora/kernels"
)

// Gradient runs a micro-batch forward and backward and adds the gradient of
// scale·Σ Weights[t]·loss[t] to every trained parameter's Grad. It returns Σ Weights[t]·loss[t],
// summed in order of t, so that it does not depend on the number of threads.
func (m *Model) Gradient(b *Batch, scale float32) (float64, error) {
	p, err := m.GradientLater(b, scale)
	if err != nil {
		return 0, err
	}
	return p.Loss()
}

// readyFor checks a batch and makes room for its gradient.
func (m *Model) readyFor(b *Batch) error {
	if err := m.Check(b); err != nil {
		return err
	}
	if !m.options.Training {
		return fmt.Errorf("model: gradients of a model that was not made for training")
	}
	return m.reserve(useGradient, len(b.IDs))
}

// gradientNow is Gradient with everything checked and reserved.
func (m *Model) gradientNow(b *Batch, scale float32) (float64, error) {
	losses := grow(&m.work.losses, len(b.IDs))
	clear(losses)
	if err := m.gradient(b, scale, losses); err != nil {
		return 0, err
	}
	var sum float64
	for t, l := range losses {
		sum += float64(b.Weights[t]) * float64(l)
	}
	return sum, nil
}

// Losses returns -log p(Targets[t]) of each token, 0 without a target.
func (m *Model) Losses(b *Batch) ([]float32, error) {
	if err := m.Check(b); err != nil {
		return nil, err
	}
	if err := m.reserve(useLosses, len(b.IDs)); err != nil {
		return nil, err
	}
	losses := make([]float32, len(b.IDs))
	return losses, m.losses(b, losses)
}

// Logits computes the logits after each token and hands them over in order, one row [Vocab] a
// token; the row is valid during the call only. Targets are ignored.
func (m *Model) Logits(b *Batch, row func(token int, logits []float32) error) error {
	if err := m.Check(b); err != nil {
		return err
	}
	if err := m.reserve(useLogits, len(b.IDs)); err != nil {
		return err
	}
	return m.logits(b, row)
}

// ZeroGrads clears the gradients.
func (m *Model) ZeroGrads() {
	for _, p := range m.params {
		if p.Trainable {
			m.b.Zero(p.Grad)
		}
	}
}

// begin copies a batch's integers to the backend.
func (m *Model) begin(b *Batch, seed uint64) pass {
	m.refresh()
	n := len(b.IDs)
	p := pass{tokens: n, segments: b.Segments, each: b.Layers, seed: seed,
		ids: m.ints(n), pos: m.ints(n)}
	m.b.WriteInts(p.ids, b.IDs)
	m.b.WriteInts(p.pos, b.Positions)
	return p
}

// gradient computes gradients and losses (nil: not wanted, or pending). What is kept of a layer lies
// on the arena above that of those before it, and is given back as soon as the layer is derived.
func (m *Model) gradient(b *Batch, scale float32, losses []float32) error {
	arena := m.work.arena
	defer arena.Release(arena.Mark())
	p := m.begin(b, b.Seed)
	dx := m.act(p.tokens, m.config.Hidden)
	if f := &m.work.offload; f.b != nil {
		defer f.arena.Release(f.arena.Mark())
		m.cutOffload(p.tokens)
	}
	x := m.input(0, p.tokens)
	m.lookUp(x, &p)
	m.addNoise(b, x)
	if m.work.layers == nil {
		m.work.layers = make([]activations, len(m.layers))
	}
	for l := range m.layers {
		a := &m.work.layers[l]
		a.below = arena.Mark()
		a.x, a.out = x, m.input(l+1, p.tokens)
		m.keepLayer(&p, &m.layers[l], a, m.options.again(l))
		x = a.out
	}
	m.work.kept = arena.Mark()
	m.b.Zero(dx)
	if err := m.headGradient(b, x, dx, scale, losses); err != nil {
		return err
	}
	for l := len(m.layers) - 1; l >= 0; l-- {
		m.work.offload.arrive(l)
		m.work.offload.fetch(l - 1)
		m.deriveLayer(&p, &m.layers[l], &m.work.layers[l], dx)
		arena.Release(m.work.layers[l].below)
	}
	m.deriveEmbedding(dx, &p, b.IDs)
	if m.work.pending != nil {
		return nil
	}
	return m.b.Sync()
}

// hidden runs all layers and returns the last one's output; memory is that of one layer.
func (m *Model) hidden(p *pass) kernels.Tensor {
	x, next := m.act(p.tokens, m.config.Hidden), m.act(p.tokens, m.config.Hidden)
	m.lookUp(x, p)
	for l := range m.layers {
		mark := m.work.arena.Mark()
		a := activations{x: x, out: next}
		m.keepLayer(p, &m.layers[l], &a, Again{Attention: true, MLP: true})
		m.work.arena.Release(mark)
		x, next = next, x
	}
	return x
}

// losses is Losses with everything checked and reserved. losses nil: not wanted.
func (m *Model) losses(b *Batch, losses []float32) error {
	arena := m.work.arena
	defer arena.Release(arena.Mark())
	p := m.begin(b, 0)
	return m.headLosses(b, m.hidden(&p), losses)
}

func (m *Model) logits(b *Batch, row func(int, []float32) error) error {
	arena := m.work.arena
	defer arena.Release(arena.Mark())
	p := m.begin(b, 0)
	return m.headLogits(m.hidden(&p), row)
}
