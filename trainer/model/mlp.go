package model

import "longlora/kernels"

// defaultMLPRows is the number of tokens whose MLP is computed at a time: its activations, the
// widest of a layer, exist for no more of them unless they are kept.
const defaultMLPRows = 2048

// mlpActivations are what the gradient of the MLP needs of some tokens' forward pass.
type mlpActivations struct {
	stats    stats                   // [n]
	gate, up kernels.Tensor          // [n, F]; gate is absent if there is none
	h, a     kernels.Tensor          // normalised [n, D], the activation's output [n, F]; may be absent
	u        [linears]kernels.Tensor // [n, r], absent without adapter
	// down is what the last projection gives before it is normalised, [n, D]; absent if it is not.
	down      kernels.Tensor
	downStats stats
}

// kept reports whether there are any.
func (a *mlpActivations) kept() bool { return !a.up.IsZero() }

// cutMLP makes room for the activations of n tokens, those that take no product if rows.
func (m *Model) cutMLP(y *layer, a *mlpActivations, n int, rows bool) {
	a.stats = m.stats(n)
	if m.config.Arch.Activation.gated() {
		a.gate = m.act(n, m.config.FFN)
	}
	a.up = m.act(n, m.config.FFN)
	if m.config.Arch.PostNorms {
		a.down, a.downStats = m.act(n, m.config.Hidden), m.stats(n)
	}
	for _, i := range mlpLinears {
		a.u[i] = m.low(&y.linear[i], n)
	}
	if rows {
		m.cutRows(a, n)
	}
}

func (m *Model) cutRows(a *mlpActivations, n int) {
	a.h, a.a = m.act(n, m.config.Hidden), m.act(n, m.config.FFN)
}

// part returns the activations of tokens [from, to) with room for all: where none are kept, it is
// new.
func (m *Model) part(y *layer, kept *mlpActivations, from, to int) (n mlpActivations) {
	if !kept.kept() {
		m.cutMLP(y, &n, to-from, true)
		return n
	}
	n.stats, n.gate, n.up = kept.stats.rows(from, to), part(kept.gate, from, to),
		kept.up.Slice(0, from, to)
	if n.down = part(kept.down, from, to); !n.down.IsZero() {
		n.downStats = kept.downStats.rows(from, to)
	}
	for i, u := range kept.u {
		if !u.IsZero() {
			n.u[i] = u.Slice(0, from, to)
		}
	}
	if kept.h.IsZero() {
		m.cutRows(&n, to-from)
	} else {
		n.h, n.a = kept.h.Slice(0, from, to), kept.a.Slice(0, from, to)
	}
	return n
}

// mlp computes a layer's second half, some tokens at a time: out = x1 + down(activation(norm(x1))), of
// x in place of norm's x1 where it is parallel, and normalised before it is added with PostNorms.
func (m *Model) mlp(p *pass, y *layer, a *activations) {
	if !m.config.Arch.PostNorms {
		m.b.Copy(a.out, a.x1)
	}
	for from := 0; from < p.tokens; from += m.mlpRows {
		to := min(from+m.mlpRows, p.tokens)
		mark := m.work.arena.Mark()
		n := m.part(y, &a.mlp, from, to)
		m.gateAndUp(p, y, a, &n, from, to)
		out := a.out.Slice(0, from, to)
		if m.config.Arch.PostNorms {
			m.apply(p, y, downProj, n.down, n.a, n.u[downProj], from, false)
			m.normalize(out, n.downStats, n.down, y.norms[mlpPost])
			m.b.Add(out, a.x1.Slice(0, from, to))
		} else {
			m.apply(p, y, downProj, out, n.a, n.u[downProj], from, true)
		}
		m.work.arena.Release(mark)
	}
}

// mlpInput returns tokens [from, to) of what the second half reads.
func (m *Model) mlpInput(a *activations, from, to int) kernels.Tensor {
	if m.config.Arch.Parallel {
		return a.x.Slice(0, from, to)
	}
	return a.x1.Slice(0, from, to)
}

// gateAndUp computes the activations of tokens [from, to), that of the down projection's adapter
// excepted.
func (m *Model) gateAndUp(p *pass, y *layer, a *activations, n *mlpActivations, from, to int) {
	m.normalize(n.h, n.stats, m.mlpInput(a, from, to), y.norms[mlpNorm])
	if !n.gate.IsZero() {
		m.apply(p, y, gateProj, n.gate, n.h, n.u[gateProj], from, false)
	}
	m.apply(p, y, upProj, n.up, n.h, n.u[upProj], from, false)
	m.activate(n)
}

// activate computes the activation's output.
func (m *Model) activate(n *mlpActivations) {
	switch m.config.Arch.Activation {
	case SwiGLU:
		m.b.SwiGLU(n.a, n.gate, n.up)
	case GeGLU:
		m.b.GELU(n.a, n.gate, n.up, kernels.GELUTanh)
	case GELU:
		m.b.GELU(n.a, n.up, kernels.Tensor{}, kernels.GELUErf)
	case GELUTanh:
		m.b.GELU(n.a, n.up, kernels.Tensor{}, kernels.GELUTanh)
	}
}

// activateGrad turns gate and up into their gradients, da being that of the activation's output.
func (m *Model) activateGrad(n *mlpActivations, da kernels.Tensor) {
	none := kernels.Tensor{}
	switch m.config.Arch.Activation {
	case SwiGLU:
		m.b.SwiGLUGrad(n.gate, n.up, da, n.gate, n.up)
	case GeGLU:
		m.b.GELUGrad(n.gate, n.up, da, n.gate, n.up, kernels.GELUTanh)
	case GELU:
		m.b.GELUGrad(n.up, none, da, n.up, none, kernels.GELUErf)
	case GELUTanh:
		m.b.GELUGrad(n.up, none, da, n.up, none, kernels.GELUTanh)
	}
}

// mlpBackward adds to dx what dy, the gradient of the layer's output, is to the input of the second
// half. dx may be dy. What was not kept is computed again.
func (m *Model) mlpBackward(p *pass, y *layer, a *activations, dy, dx kernels.Tensor) {
	for from := 0; from < p.tokens; from += m.mlpRows {
		to := min(from+m.mlpRows, p.tokens)
		mark := m.work.arena.Mark()
		n := m.part(y, &a.mlp, from, to)
		switch {
		case !a.mlp.kept():
			m.gateAndUp(p, y, a, &n, from, to)
			m.downAgain(p, y, &n, from, to)
		case a.mlp.h.IsZero():
			m.normalize(n.h, n.stats, m.mlpInput(a, from, to), y.norms[mlpNorm])
			m.activate(&n)
		}
		m.derivePart(p, y, a, &n, dy, dx, from, to)
		m.work.arena.Release(mark)
	}
}

// downAgain computes what the gradient needs of the last projection: the inner activation of its
// adapter, if it has one, and what it gives, if that is normalised.
func (m *Model) downAgain(p *pass, y *layer, n *mlpActivations, from, to int) {
	if m.config.Arch.PostNorms {
		m.apply(p, y, downProj, n.down, n.a, n.u[downProj], from, false)
		m.normalize(m.act(to-from, m.config.Hidden), n.downStats, n.down, y.norms[mlpPost])
		return
	}
	if down := &y.linear[downProj]; down.a != nil {
		unused := m.act(to-from, m.config.Hidden)
		m.b.Linear(unused, n.a, down.operand(p.seed, from), n.u[downProj], false)
	}
}

// derivePart is mlpBackward for tokens [from, to), whose activations are there.
func (m *Model) derivePart(p *pass, y *layer, a *activations, n *mlpActivations,
	dy, dx kernels.Tensor, from, to int) {
	d := dy.Slice(0, from, to)
	if m.config.Arch.PostNorms {
		d = m.postBackward(n.down, n.downStats, d, y.norms[mlpPost])
	}
	dh, da := m.cleared(to-from, m.config.Hidden), m.cleared(to-from, m.config.FFN)
	m.derivePartOf(p, y, downProj, n, da, d, n.a, from)
	m.activateGrad(n, da)
	if !n.gate.IsZero() {
		m.derivePartOf(p, y, gateProj, n, dh, n.gate, n.h, from)
	}
	m.derivePartOf(p, y, upProj, n, dh, n.up, n.h, from)
	m.normalizeGrad(dx.Slice(0, from, to), dh, m.mlpInput(a, from, to), n.stats, y.norms[mlpNorm])
}

// derivePartOf is derive for a linear layer of the MLP and tokens that begin at from.
func (m *Model) derivePartOf(p *pass, y *layer, i int, n *mlpActivations, dx, dy, x kernels.Tensor,
	from int) {
	l := &y.linear[i]
	m.b.LinearGrad(dx, l.gradients(), dy, x, l.operand(p.seed, from), n.u[i])
	m.deriveBias(l, dy)
}
