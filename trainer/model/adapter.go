package model

import "longlora/kernels"

// plain is the operand with A and B alone: without dropout, and without the magnitude.
func (l *linear) plain() kernels.Linear {
	k := l.operand(0, 0)
	k.Magnitude, k.Norm = kernels.Tensor{}, kernels.Tensor{}
	return k
}

// magnitudes returns the linear layers with DoRA.
func (m *Model) magnitudes() []*linear {
	var all []*linear
	add := func(l *linear) {
		if l.m != nil {
			all = append(all, l)
		}
	}
	for i := range m.layers {
		for j := range m.layers[i].linear {
			add(&m.layers[i].linear[j])
		}
	}
	add(&m.headLinear)
	return all
}

// refresh computes what follows from parameters alone. A model for training does so in every call: its
// parameters are changed from outside.
func (m *Model) refresh() {
	if m.fresh && !m.options.Training {
		return
	}
	if len(m.norms) > 0 {
		for _, l := range m.magnitudes() {
			m.b.AdapterNorms(l.norm, l.plain())
		}
	}
	put := func(own, place kernels.Tensor) { m.b.Copy(place, own) }
	m.embedRows.each(put)
	m.headRows.each(put)
	m.fresh = true
}

// embedding is the adapter of the embedding: a is [vocab, r], b [hidden, r]; both nil: there is none.
type embedding struct {
	a, b  *Param
	scale float32
}

// lookUp gathers the tokens' embeddings: x = E[ids] + scale·a[ids] bᵀ, times the family's factor.
func (m *Model) lookUp(x kernels.Tensor, p *pass) {
	m.b.Embedding(x, m.embed.Value, p.ids)
	if m.embedding.a != nil {
		mark := m.work.arena.Mark()
		m.b.Linear(x, m.lookUpLow(p), m.embedding.up(), kernels.Tensor{}, true)
		m.work.arena.Release(mark)
	}
	if scale := m.config.embedScale(); scale != 1 {
		m.b.Scale(x, scale)
	}
}

// lookUpLow returns scale·a[ids].
func (m *Model) lookUpLow(p *pass) kernels.Tensor {
	u := m.f32(p.tokens, m.embedding.a.shape[1])
	m.b.Embedding(u, m.embedding.a.Value, p.ids)
	m.b.Scale(u, m.embedding.scale)
	return u
}

// up is the product with b.
func (e *embedding) up() kernels.Linear {
	return kernels.Linear{W: kernels.Dense{Tensor: e.b.Value}}
}

// deriveEmbedding adds to the gradients of the embedding and of its adapter. dx is the gradient of
// what lookUp gave, and is lost.
func (m *Model) deriveEmbedding(dx kernels.Tensor, p *pass, ids []int32) {
	if scale := m.config.embedScale(); scale != 1 {
		m.b.Scale(dx, scale)
	}
	m.deriveRows(dx, ids)
	if m.embed.Trainable {
		m.b.EmbeddingGrad(m.embed.Grad, dx, p.ids)
	}
	if m.embedding.a == nil {
		return
	}
	mark := m.work.arena.Mark()
	u, du := m.lookUpLow(p), m.f32(p.tokens, m.embedding.a.shape[1])
	m.b.Zero(du)
	m.b.LinearGrad(du, kernels.LinearGrad{DW: m.embedding.b.Grad}, dx, u, m.embedding.up(),
		kernels.Tensor{})
	m.b.Scale(du, m.embedding.scale)
	m.b.EmbeddingGrad(m.embedding.a.Grad, du, p.ids)
	m.work.arena.Release(mark)
}

// inner is an adapter's inner activation for some rows, absent without adapter.
type inner struct{ all kernels.Tensor }

// rows returns that of the first n rows.
func (u inner) rows(n int) kernels.Tensor {
	if u.all.IsZero() {
		return u.all
	}
	return u.all.Slice(0, 0, n)
}

// lossGradient computes the losses of the scored rows and, if dh is present, overwrites it with the
// gradient of scale·Σ weights·losses and adds to the head's.
func (m *Model) lossGradient(h *head, dh kernels.Tensor, scale float32, seed uint64) {
	if m.headLinear.a == nil {
		l := m.headLinear.operand(0, 0)
		l.Cap = m.config.Arch.LogitCap
		if dh.IsZero() {
			m.b.CrossEntropy(h.losses, dh, dh, h.h, l, h.targets, h.weights, scale)
			return
		}
		dw, done := m.headGradientOf()
		m.b.CrossEntropy(h.losses, dh, dw, h.h, l, h.targets, h.weights, scale)
		done()
		return
	}
	if !dh.IsZero() {
		m.b.Zero(dh)
	}
	n := h.h.Dim(0)
	z := m.f32(min(n, logitRows), m.config.Vocab)
	low := inner{m.low(&m.headLinear, min(n, logitRows))}
	for from := 0; from < n; from += logitRows {
		m.adaptedLoss(h, dh, z, low, scale, seed, from, min(from+logitRows, n))
	}
}

// adaptedLoss is lossGradient for rows [from, to) and a head with an adapter, whose logits z exist.
func (m *Model) adaptedLoss(h *head, dh, z kernels.Tensor, low inner, scale float32, seed uint64,
	from, to int) {
	l, rows := m.headLinear.operand(seed, from), to-from
	z = z.Slice(0, 0, rows)
	x, u := h.h.Slice(0, from, to), low.rows(rows)
	m.b.Linear(z, x, l, u, false)
	losses, targets := h.losses.Slice(0, from, to), h.targets.Slice(0, from, to)
	if dh.IsZero() {
		m.b.LogitLoss(losses, z, targets, kernels.Tensor{}, scale)
		return
	}
	m.b.LogitLoss(losses, z, targets, h.weights.Slice(0, from, to), scale)
	m.b.LinearGrad(dh.Slice(0, from, to), m.headLinear.gradients(), z, x, l, u)
}
