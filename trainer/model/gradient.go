package model

import (
	"fmt"

	"longlora/kernels"
)

// Gradient runs a micro-batch forward and backward and adds the gradient of
// scale·Σ Weights[t]·loss[t] to every trained parameter's Grad. It returns Σ Weights[t]·loss[t],
// summed in order of t, so that it does not depend on the number of threads.
func (m *Model) Gradient(b *Batch, scale float32) (float64, error) {
	if err := m.Check(b); err != nil {
		return 0, err
	}
	if !m.options.Training {
		return 0, fmt.Errorf("model: gradients of a model that was not made for training")
	}
	if err := m.reserve(useGradient, len(b.IDs)); err != nil {
		return 0, err
	}
	losses := make([]float32, len(b.IDs))
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
	for _, p := range m.params.Trainable() {
		m.b.Zero(p.Grad)
	}
}

// begin copies a batch's integers to the backend.
func (m *Model) begin(b *Batch, seed uint64) *pass {
	n := len(b.IDs)
	p := &pass{
		tokens: n, segments: b.Segments, seed: seed,
		ids: m.work.arena.Alloc(kernels.I32, n), pos: m.work.arena.Alloc(kernels.I32, n),
	}
	m.b.WriteInts(p.ids, b.IDs)
	m.b.WriteInts(p.pos, b.Positions)
	return p
}

// gradient is Gradient with everything checked and reserved. losses nil: not wanted.
func (m *Model) gradient(b *Batch, scale float32, losses []float32) error {
	arena := m.work.arena
	defer arena.Release(arena.Mark())
	p := m.begin(b, b.Seed)
	inputs := make([]kernels.Tensor, m.config.Layers+1)
	for l := range inputs {
		inputs[l] = m.f32(p.tokens, m.config.Hidden)
	}
	m.b.Embedding(inputs[0], m.embed.Value, p.ids)
	kept := make([]*activations, m.config.Layers)
	for l := range m.layers {
		mark := arena.Mark()
		kept[l] = m.forward(p, &m.layers[l], inputs[l], m.newKeyValues(p.tokens))
		m.mlpForward(p, &m.layers[l], kept[l], inputs[l+1], !m.options.Recompute)
		if m.options.Recompute {
			arena.Release(mark)
			kept[l] = nil
		}
	}
	m.work.kept = arena.Mark()
	dx := m.cleared(p.tokens, m.config.Hidden)
	if err := m.headGradient(b, inputs[m.config.Layers], dx, scale, losses); err != nil {
		return err
	}
	for l := m.config.Layers - 1; l >= 0; l-- {
		m.backwardLayer(p, &m.layers[l], kept[l], inputs[l], dx)
	}
	if m.embed.Trainable {
		m.b.EmbeddingGrad(m.embed.Grad, dx, p.ids)
	}
	return m.b.Sync()
}

// backwardLayer derives a layer, computing it again first if nothing of it was kept.
func (m *Model) backwardLayer(p *pass, y *layer, a *activations, x, dx kernels.Tensor) {
	mark := m.work.arena.Mark()
	if a == nil {
		a = m.forward(p, y, x, m.newKeyValues(p.tokens))
	}
	m.backward(p, y, a, dx)
	m.work.arena.Release(mark)
}

// hidden runs all layers and returns the last one's output; memory is that of one layer.
func (m *Model) hidden(p *pass, kv func(layer int) keyValues) kernels.Tensor {
	x, next := m.f32(p.tokens, m.config.Hidden), m.f32(p.tokens, m.config.Hidden)
	m.b.Embedding(x, m.embed.Value, p.ids)
	for l := range m.layers {
		mark := m.work.arena.Mark()
		a := m.forward(p, &m.layers[l], x, kv(l))
		m.mlpForward(p, &m.layers[l], a, next, false)
		m.work.arena.Release(mark)
		x, next = next, x
	}
	return x
}

// uncached gives each layer keys and values of its own.
func (m *Model) uncached(p *pass) func(int) keyValues {
	return func(int) keyValues { return m.newKeyValues(p.tokens) }
}

// losses is Losses with everything checked and reserved. losses nil: not wanted.
func (m *Model) losses(b *Batch, losses []float32) error {
	arena := m.work.arena
	defer arena.Release(arena.Mark())
	p := m.begin(b, 0)
	return m.headLosses(b, m.hidden(p, m.uncached(p)), losses)
}

func (m *Model) logits(b *Batch, row func(int, []float32) error) error {
	arena := m.work.arena
	defer arena.Release(arena.Mark())
	p := m.begin(b, 0)
	return m.headLogits(m.hidden(p, m.uncached(p)), row)
}
