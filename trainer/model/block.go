package model

import "longlora/kernels"

// pass is what one forward (and backward) computation over T tokens has in common.
type pass struct {
	tokens   int
	ids, pos kernels.Tensor // I32 [T]
	segments kernels.Segments
	each     []kernels.Segments // of each layer; nil: segments
	seed     uint64             // of dropout; 0: none
	reader   *Reader            // keeps keys and values, of tokens before too; nil: there are none
}

// at returns the segments of a layer.
func (p *pass) at(layer int) kernels.Segments {
	if p.each != nil {
		return p.each[layer]
	}
	return p.segments
}

// keyValues are a layer's keys and values [T, Hkv·Dh].
type keyValues struct{ k, v kernels.Tensor }

// activations are what a layer's gradient needs of its forward pass. T tokens; x and out are the
// layer's input and output.
type activations struct {
	x, out kernels.Tensor // [T, D]
	h1     kernels.Tensor // normalised [T, D] or absent
	stats1 stats          // [T]
	q, o   kernels.Tensor // [T, H·Dh]
	kv     keyValues
	lse    kernels.Tensor          // [H, T]
	x1     kernels.Tensor          // after attention [T, D]; absent: none of the above was kept
	u      [linears]kernels.Tensor // [T, r], absent without adapter
	more   extras
	mlp    mlpActivations // of all tokens; absent if not kept
	below  int64          // the arena's height before the layer
}

// keyValues cuts a layer's keys and values.
func (m *Model) keyValues(tokens int) keyValues {
	width := m.config.KVHeads * m.config.HeadDim
	return keyValues{m.act(tokens, width), m.act(tokens, width)}
}

// cut makes room for the activations of a layer's first half, the normalised rows excepted, and what
// the attention gives if there is room for it.
func (m *Model) cut(p *pass, y *layer, a *activations) {
	c, t := m.config, p.tokens
	a.stats1 = m.stats(t)
	if c.Arch.Fused {
		m.cutFused(p, a)
	} else {
		a.kv = m.keyValues(t)
		a.q = m.act(t, c.Heads*c.HeadDim)
	}
	m.cutExtras(p, a)
	if a.o.IsZero() {
		m.cutOutput(p, a)
	}
	a.x1 = m.act(t, c.Hidden)
	for _, i := range attentionLinears {
		a.u[i] = m.low(&y.linear[i], t)
	}
}

// cutOutput makes room for what the attention itself gives.
func (m *Model) cutOutput(p *pass, a *activations) {
	a.o, a.lse = m.act(p.tokens, m.config.Heads*m.config.HeadDim), m.f32(m.config.Heads, p.tokens)
}

// attentionLinears and mlpLinears are the indices of each half's linear layers.
var (
	attentionLinears = [...]int{qProj, kProj, vProj, oProj}
	projections      = [...]int{qProj, kProj, vProj}
	mlpLinears       = [...]int{gateProj, upProj, downProj}
)

// attend runs a layer's first half: x1 = x + attention(norm(x)). output says that what the attention
// itself gives is there already.
func (m *Model) attend(p *pass, y *layer, a *activations, output bool) {
	for from := 0; from < p.tokens; from += m.mlpRows {
		m.project(p, y, a, from, min(from+m.mlpRows, p.tokens))
	}
	m.prepare(y, a)
	m.turn(a.q, p.pos, y, false)
	m.turn(a.kv.k, p.pos, y, false)
	switch {
	case output:
	case p.reader != nil:
		p.reader.attend(y.index, a)
	default:
		m.b.Attention(m.perHead(a.o), a.lse, m.perHead(a.q), m.perHead(a.kv.k), m.perHead(a.kv.v),
			m.bounded(p.at(y.index), y.index), m.config.AttentionScale())
	}
	if m.config.Arch.PostNorms {
		m.apply(p, y, oProj, a.more.attended, a.o, a.u[oProj], 0, false)
		m.normalize(a.x1, a.more.attendedStats, a.more.attended, y.norms[attentionPost])
		m.b.Add(a.x1, a.x)
		return
	}
	m.b.Copy(a.x1, a.x)
	m.apply(p, y, oProj, a.x1, a.o, a.u[oProj], 0, true)
}

// apply computes out = layer(x), or adds it to out, and the adapter's inner activation u, for rows
// that begin at token from.
func (m *Model) apply(p *pass, y *layer, i int, out, x, u kernels.Tensor, from int, add bool) {
	l := &y.linear[i]
	m.b.Linear(out, x, l.operand(p.seed, from), u, add)
	if l.bias != nil {
		m.b.AddBias(out, l.bias.Value)
	}
}

// project computes queries, keys and values of tokens [from, to). The normalised rows exist for no
// more tokens unless they are kept.
func (m *Model) project(p *pass, y *layer, a *activations, from, to int) {
	mark := m.work.arena.Mark()
	h := m.rows(a, from, to)
	m.normalize(h, a.stats1.rows(from, to), a.x.Slice(0, from, to), y.norms[inputNorm])
	for i, out := range m.projected(a) {
		if out.IsZero() {
			continue
		}
		m.apply(p, y, projections[i], out.Slice(0, from, to), h, part(a.u[projections[i]], from, to), from,
			false)
	}
	m.work.arena.Release(mark)
}

// rows is where the normalised rows of tokens [from, to) lie: new memory unless they are kept.
func (m *Model) rows(a *activations, from, to int) kernels.Tensor {
	if a.h1.IsZero() {
		return m.act(to-from, m.config.Hidden)
	}
	return a.h1.Slice(0, from, to)
}

// part is rows [from, to) of a tensor that may be absent.
func part(t kernels.Tensor, from, to int) kernels.Tensor {
	if t.IsZero() {
		return t
	}
	return t.Slice(0, from, to)
}

// perHead views [T, H·Dh] as [T, H, Dh], which it leaves as it is.
func (m *Model) perHead(t kernels.Tensor) kernels.Tensor {
	if t.Rank() == 3 {
		return t
	}
	return t.SplitLast(m.config.HeadDim)
}

// attendBackward adds to dx what dy, the gradient of x1, is to the layer's input by way of attention,
// and to the gradients of the first half's parameters. dx may be dy.
func (m *Model) attendBackward(p *pass, y *layer, a *activations, dy, dx kernels.Tensor) {
	c, t := m.config, p.tokens
	do := m.cleared(t, c.Heads*c.HeadDim)
	if c.Arch.PostNorms {
		dy = m.postBackward(a.more.attended, a.more.attendedStats, dy, y.norms[attentionPost])
	}
	m.derive(p, y, oProj, a, do, dy, a.o, 0)
	d, dq, dk, dv := m.cutProjected(t)
	m.b.AttentionGrad(m.perHead(dq), m.perHead(dk), m.perHead(dv), m.perHead(do), m.perHead(a.o),
		a.lse, m.perHead(a.q), m.perHead(a.kv.k), m.perHead(a.kv.v), m.bounded(p.at(y.index), y.index),
		c.AttentionScale())
	m.turn(dq, p.pos, y, true)
	m.turn(dk, p.pos, y, true)
	m.prepareBackward(y, a, &d)
	for from := 0; from < t; from += m.mlpRows {
		m.projectBackward(p, y, a, dx, d, from, min(from+m.mlpRows, t))
	}
}

// projectBackward turns the gradients of queries, keys and values of tokens [from, to) into what they
// add to dx, and to the gradients of the parameters before them.
func (m *Model) projectBackward(p *pass, y *layer, a *activations, dx kernels.Tensor,
	d [len(projections)]kernels.Tensor, from, to int) {
	mark := m.work.arena.Mark()
	x, s, h := a.x.Slice(0, from, to), a.stats1.rows(from, to), m.rows(a, from, to)
	if a.h1.IsZero() {
		m.normalize(h, s, x, y.norms[inputNorm])
	}
	dh := m.cleared(to-from, m.config.Hidden)
	for i, dy := range d {
		if !dy.IsZero() {
			m.derive(p, y, projections[i], a, dh, dy.Slice(0, from, to), h, from)
		}
	}
	m.normalizeGrad(dx.Slice(0, from, to), dh, x, s, y.norms[inputNorm])
	m.work.arena.Release(mark)
}

// derive adds the input gradient of a linear layer of the first half to dx and those of its parameters
// to theirs, for rows that begin at token from.
func (m *Model) derive(p *pass, y *layer, i int, a *activations, dx, dy, x kernels.Tensor, from int) {
	l := &y.linear[i]
	m.b.LinearGrad(dx, l.gradients(), dy, x, l.operand(p.seed, from),
		part(a.u[i], from, from+x.Dim(0)))
	m.deriveBias(l, dy)
}

// deriveBias adds dy to the gradient of a linear layer's bias, if it has one that is trained.
func (m *Model) deriveBias(l *linear, dy kernels.Tensor) {
	if l.bias != nil && l.bias.Trainable {
		m.b.BiasGrad(l.bias.Grad, dy)
	}
}
