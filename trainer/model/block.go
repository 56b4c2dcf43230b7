package model

import "longlora/kernels"

// pass is what one forward (and backward) computation over T tokens has in common.
type pass struct {
	tokens   int
	ids, pos kernels.Tensor // I32 [T]
	segments kernels.Segments
	seed     uint64 // of dropout; 0: none
}

// keyValues are a layer's keys and values: those of the pass's tokens [T, Hkv·Dh], and all that its
// queries see [S, Hkv·Dh], which end with them.
type keyValues struct{ k, v, allK, allV kernels.Tensor }

// activations are what a layer's gradient needs of its forward pass. T tokens; x is the layer's
// input.
type activations struct {
	x, h1, rstd1 kernels.Tensor // [T, D], normalised [T, D], [T]
	q, o         kernels.Tensor // [T, H·Dh]
	kv           keyValues
	lse          kernels.Tensor          // [H, T]
	x1           kernels.Tensor          // after attention [T, D]
	u            [linears]kernels.Tensor // [T, r], absent without adapter
	mlp          *mlpActivations         // of all tokens; nil: not kept
}

func (m *Model) f32(shape ...int) kernels.Tensor {
	return m.work.arena.Alloc(kernels.F32, shape...)
}

// newKeyValues cuts a layer's keys and values for a pass without cache.
func (m *Model) newKeyValues(tokens int) keyValues {
	width := m.config.KVHeads * m.config.HeadDim
	k, v := m.f32(tokens, width), m.f32(tokens, width)
	return keyValues{k, v, k, v}
}

// apply computes y = layer(x), or adds it to y, and keeps the adapter's inner activation.
func (m *Model) apply(p *pass, y *layer, i int, a *activations, out, x kernels.Tensor, add bool) {
	l := &y.linear[i]
	a.u[i] = l.low(m.work.arena, p.tokens)
	m.b.Linear(out, x, l.operand(p.seed, 0), a.u[i], add)
}

// forward runs a layer's first half: x1 = x + attention(norm(x)).
func (m *Model) forward(p *pass, y *layer, x kernels.Tensor, kv keyValues) *activations {
	a := &activations{x: x, kv: kv}
	c, t := m.config, p.tokens
	a.h1, a.rstd1 = m.f32(t, c.Hidden), m.f32(t)
	m.b.RMSNorm(a.h1, a.rstd1, a.x, y.inputNorm.Value, c.Eps)
	a.q, a.o, a.lse = m.f32(t, c.Heads*c.HeadDim), m.f32(t, c.Heads*c.HeadDim), m.f32(c.Heads, t)
	m.apply(p, y, qProj, a, a.q, a.h1, false)
	m.apply(p, y, kProj, a, a.kv.k, a.h1, false)
	m.apply(p, y, vProj, a, a.kv.v, a.h1, false)
	m.b.RoPE(m.perHead(a.q), m.cos, m.sin, p.pos, false)
	m.b.RoPE(m.perHead(a.kv.k), m.cos, m.sin, p.pos, false)
	m.b.Attention(m.perHead(a.o), a.lse, m.perHead(a.q), m.perHead(a.kv.allK), m.perHead(a.kv.allV),
		p.segments, c.AttentionScale())
	a.x1 = m.f32(t, c.Hidden)
	m.b.Copy(a.x1, a.x)
	m.apply(p, y, oProj, a, a.x1, a.o, true)
	return a
}

// perHead views [T, H·Dh] as [T, H, Dh].
func (m *Model) perHead(t kernels.Tensor) kernels.Tensor { return t.SplitLast(m.config.HeadDim) }

// backward turns dx, the gradient of a layer's output, into that of its input, and adds to the
// gradients of its parameters.
func (m *Model) backward(p *pass, y *layer, a *activations, dx kernels.Tensor) {
	mark := m.work.arena.Mark()
	m.mlpBackward(p, y, a, dx)
	m.backwardAttention(p, y, a, dx)
	m.work.arena.Release(mark)
}

func (m *Model) backwardAttention(p *pass, y *layer, a *activations, dx kernels.Tensor) {
	c, t := m.config, p.tokens
	do := m.cleared(t, c.Heads*c.HeadDim)
	m.derive(p, y, oProj, a, do, dx, a.o)
	dq := m.f32(t, c.Heads*c.HeadDim)
	dk, dv := m.f32(t, c.KVHeads*c.HeadDim), m.f32(t, c.KVHeads*c.HeadDim)
	m.b.AttentionGrad(m.perHead(dq), m.perHead(dk), m.perHead(dv), m.perHead(do), m.perHead(a.o),
		a.lse, m.perHead(a.q), m.perHead(a.kv.k), m.perHead(a.kv.v), p.segments, c.AttentionScale())
	m.b.RoPE(m.perHead(dq), m.cos, m.sin, p.pos, true)
	m.b.RoPE(m.perHead(dk), m.cos, m.sin, p.pos, true)
	dh := m.cleared(t, c.Hidden)
	m.derive(p, y, qProj, a, dh, dq, a.h1)
	m.derive(p, y, kProj, a, dh, dk, a.h1)
	m.derive(p, y, vProj, a, dh, dv, a.h1)
	m.b.RMSNormGrad(dx, y.inputNorm.Grad, dh, a.x, y.inputNorm.Value, a.rstd1)
}

// derive adds a linear layer's input gradient to dx and those of its parameters to theirs.
func (m *Model) derive(p *pass, y *layer, i int, a *activations, dx, dy, x kernels.Tensor) {
	l := &y.linear[i]
	m.b.LinearGrad(dx, l.gradients(), dy, x, l.operand(p.seed, 0), a.u[i])
}

func (m *Model) cleared(shape ...int) kernels.Tensor {
	t := m.f32(shape...)
	m.b.Zero(t)
	return t
}
