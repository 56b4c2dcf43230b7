package model

import "longlora/kernels"

// extras are the activations of a layer's first half that LLaMA has not.
type extras struct {
	fused kernels.Tensor // queries, keys and values of a fused projection [T, H·3·Dh]
	// queries and keys before their heads are normalised, [T, H·Dh] and [T, Hkv·Dh].
	q, k           kernels.Tensor
	qStats, kStats stats // [T·H], [T·Hkv]
	// attended is what the attention's last projection gives, before it is normalised [T, D].
	attended      kernels.Tensor
	attendedStats stats
}

// cutExtras makes room for those that the model has, a fused projection excepted.
func (m *Model) cutExtras(p *pass, a *activations) {
	c, t := m.config, p.tokens
	if c.Arch.QKNorm {
		a.more.q, a.more.k = m.act(t, c.Heads*c.HeadDim), m.act(t, c.KVHeads*c.HeadDim)
		a.more.qStats, a.more.kStats = m.stats(t*c.Heads), m.stats(t*c.KVHeads)
	}
	if c.Arch.PostNorms {
		a.more.attended, a.more.attendedStats = m.act(t, c.Hidden), m.stats(t)
	}
}

// cutFused makes room for a fused projection, of which queries, keys and values are views.
func (m *Model) cutFused(p *pass, a *activations) {
	a.more.fused = m.act(p.tokens, 3*m.config.Heads*m.config.HeadDim)
	a.q = m.third(a.more.fused, 0)
	a.kv = keyValues{m.third(a.more.fused, 1), m.third(a.more.fused, 2)}
}

// third is the i-th part of each head's output of a fused projection, [T, H, Dh].
func (m *Model) third(fused kernels.Tensor, i int) kernels.Tensor {
	d := m.config.HeadDim
	return fused.SplitLast(3*d).Slice(2, i*d, (i+1)*d)
}

// projected are the outputs of the projections; those that the model has not are absent.
func (m *Model) projected(a *activations) [len(projections)]kernels.Tensor {
	switch {
	case m.config.Arch.Fused:
		return [...]kernels.Tensor{a.more.fused, {}, {}}
	case m.config.Arch.QKNorm:
		return [...]kernels.Tensor{a.more.q, a.more.k, a.kv.v}
	}
	return [...]kernels.Tensor{a.q, a.kv.k, a.kv.v}
}

// prepare makes queries and keys of what the projections gave, where that is not the same.
func (m *Model) prepare(y *layer, a *activations) {
	if m.config.Arch.QKNorm {
		m.normalize(m.byHead(a.q), a.more.qStats, m.byHead(a.more.q), y.norms[queryNorm])
		m.normalize(m.byHead(a.kv.k), a.more.kStats, m.byHead(a.more.k), y.norms[keyNorm])
	}
}

// cutProjected makes room for the gradients of the projections' outputs: d, and those of queries,
// keys and values, which are d's or views of it.
func (m *Model) cutProjected(t int) (d [len(projections)]kernels.Tensor, q, k, v kernels.Tensor) {
	c := m.config
	if c.Arch.Fused {
		d[0] = m.act(t, 3*c.Heads*c.HeadDim)
		return d, m.third(d[0], 0), m.third(d[0], 1), m.third(d[0], 2)
	}
	d[0] = m.act(t, c.Heads*c.HeadDim)
	d[1], d[2] = m.act(t, c.KVHeads*c.HeadDim), m.act(t, c.KVHeads*c.HeadDim)
	return d, d[0], d[1], d[2]
}

// prepareBackward turns the gradients of queries and keys into those of the projections' outputs.
func (m *Model) prepareBackward(y *layer, a *activations, d *[len(projections)]kernels.Tensor) {
	if !m.config.Arch.QKNorm {
		return
	}
	for i, x := range [...]struct {
		raw   kernels.Tensor
		stats stats
		norm  norm
	}{{a.more.q, a.more.qStats, y.norms[queryNorm]}, {a.more.k, a.more.kStats, y.norms[keyNorm]}} {
		before := m.cleared(x.raw.Dim(0), x.raw.Dim(1))
		m.normalizeGrad(m.byHead(before), m.byHead(d[i]), m.byHead(x.raw), x.stats, x.norm)
		d[i] = before
	}
}

// postBackward returns the gradient of x, of which a norm after attention or MLP has the gradient dy.
func (m *Model) postBackward(x kernels.Tensor, s stats, dy kernels.Tensor, n norm) kernels.Tensor {
	dx := m.cleared(x.Dim(0), x.Dim(1))
	m.normalizeGrad(dx, dy, x, s, n)
	return dx
}
