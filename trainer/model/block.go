package model

import "longlora/kernels"

// pass is what one forward (and backward) computation over T tokens has in common.
type pass struct {
	tokens   int
	ids, pos kernels.Tensor // I32 [T]
	segments kernels.Segments
	seed     uint64   // of dropout; 0: none
	cache    *Decoder // keys and values of the tokens before; nil: there are none
}

// keyValues are a layer's keys and values: those of the pass's tokens [T, Hkv·Dh], and all that its
// queries see [S, Hkv·Dh], which end with them.
type keyValues struct{ k, v, allK, allV kernels.Tensor }

// activations are what a layer's gradient needs of its forward pass. T tokens; x and out are the
// layer's input and output.
type activations struct {
	x, out    kernels.Tensor // [T, D]
	h1, rstd1 kernels.Tensor // normalised [T, D] or absent, [T]
	q, o      kernels.Tensor // [T, H·Dh]
	kv        keyValues
	lse       kernels.Tensor          // [H, T]
	x1        kernels.Tensor          // after attention [T, D]; absent: none of the above was kept
	u         [linears]kernels.Tensor // [T, r], absent without adapter
	mlp       mlpActivations          // of all tokens; absent if not kept
	below     int64                   // the arena's height before the layer
}

// keyValues cuts a layer's keys and values, or finds their place in the cache.
func (m *Model) keyValues(p *pass, layer int) keyValues {
	if p.cache != nil {
		return p.cache.keyValues(layer, p.tokens)
	}
	width := m.config.KVHeads * m.config.HeadDim
	k, v := m.act(p.tokens, width), m.act(p.tokens, width)
	return keyValues{k, v, k, v}
}

// cut makes room for the activations of a layer's first half, the normalised rows excepted.
func (m *Model) cut(p *pass, y *layer, a *activations) {
	c, t := m.config, p.tokens
	a.rstd1, a.kv = m.f32(t), m.keyValues(p, y.index)
	a.q, a.o, a.lse = m.act(t, c.Heads*c.HeadDim), m.act(t, c.Heads*c.HeadDim), m.f32(c.Heads, t)
	a.x1 = m.act(t, c.Hidden)
	for _, i := range attentionLinears {
		a.u[i] = m.low(&y.linear[i], t)
	}
}

// attentionLinears and mlpLinears are the indices of each half's linear layers.
var (
	attentionLinears = [...]int{qProj, kProj, vProj, oProj}
	mlpLinears       = [...]int{gateProj, upProj, downProj}
)

// attend runs a layer's first half: x1 = x + attention(norm(x)).
func (m *Model) attend(p *pass, y *layer, a *activations) {
	m.b.RMSNorm(a.h1, a.rstd1, a.x, y.inputNorm.Value, m.config.Eps)
	m.apply(p, y, qProj, a, a.q, a.h1, false)
	m.apply(p, y, kProj, a, a.kv.k, a.h1, false)
	m.apply(p, y, vProj, a, a.kv.v, a.h1, false)
	m.b.RoPE(m.perHead(a.q), m.cos, m.sin, p.pos, false)
	m.b.RoPE(m.perHead(a.kv.k), m.cos, m.sin, p.pos, false)
	m.b.Attention(m.perHead(a.o), a.lse, m.perHead(a.q), m.perHead(a.kv.allK), m.perHead(a.kv.allV),
		p.segments, m.config.AttentionScale())
	m.b.Copy(a.x1, a.x)
	m.apply(p, y, oProj, a, a.x1, a.o, true)
}

// apply computes out = layer(x), or adds it to out, and the adapter's inner activation.
func (m *Model) apply(p *pass, y *layer, i int, a *activations, out, x kernels.Tensor, add bool) {
	m.b.Linear(out, x, y.linear[i].operand(p.seed, 0), a.u[i], add)
}

// perHead views [T, H·Dh] as [T, H, Dh].
func (m *Model) perHead(t kernels.Tensor) kernels.Tensor { return t.SplitLast(m.config.HeadDim) }

// attendBackward turns dx, the gradient of x1, into that of the layer's input, and adds to the
// gradients of the first half's parameters.
func (m *Model) attendBackward(p *pass, y *layer, a *activations, dx kernels.Tensor) {
	c, t := m.config, p.tokens
	do := m.cleared(t, c.Heads*c.HeadDim)
	m.derive(p, y, oProj, a, do, dx, a.o)
	dq := m.act(t, c.Heads*c.HeadDim)
	dk, dv := m.act(t, c.KVHeads*c.HeadDim), m.act(t, c.KVHeads*c.HeadDim)
	m.b.AttentionGrad(m.perHead(dq), m.perHead(dk), m.perHead(dv), m.perHead(do), m.perHead(a.o),
		a.lse, m.perHead(a.q), m.perHead(a.kv.k), m.perHead(a.kv.v), p.segments, c.AttentionScale())
	m.b.RoPE(m.perHead(dq), m.cos, m.sin, p.pos, true)
	m.b.RoPE(m.perHead(dk), m.cos, m.sin, p.pos, true)
	h1 := a.h1
	if h1.IsZero() {
		h1 = m.act(t, c.Hidden)
		m.b.RMSNorm(h1, a.rstd1, a.x, y.inputNorm.Value, c.Eps)
	}
	dh := m.cleared(t, c.Hidden)
	m.derive(p, y, qProj, a, dh, dq, h1)
	m.derive(p, y, kProj, a, dh, dk, h1)
	m.derive(p, y, vProj, a, dh, dv, h1)
	m.b.RMSNormGrad(dx, y.inputNorm.Grad, dh, a.x, y.inputNorm.Value, a.rstd1)
}

// derive adds a linear layer's input gradient to dx and those of its parameters to theirs.
func (m *Model) derive(p *pass, y *layer, i int, a *activations, dx, dy, x kernels.Tensor) {
	l := &y.linear[i]
	m.b.LinearGrad(dx, l.gradients(), dy, x, l.operand(p.seed, 0), a.u[i])
}
