package model

import "longlora/kernels"

// defaultMLPRows is the number of tokens whose MLP is computed at a time: its activations, the
// widest of a layer, exist for no more of them unless they are kept.
const defaultMLPRows = 2048

// mlpActivations are what the gradient of the MLP needs of some tokens' forward pass.
type mlpActivations struct {
	rstd     kernels.Tensor          // [n]
	gate, up kernels.Tensor          // [n, F]
	h, a     kernels.Tensor          // normalised [n, D], SwiGLU's output [n, F]; may be absent
	u        [linears]kernels.Tensor // [n, r], absent without adapter
}

// kept reports whether there are any.
func (a *mlpActivations) kept() bool { return !a.gate.IsZero() }

// cutMLP makes room for the activations of n tokens, those that take no product if rows.
func (m *Model) cutMLP(y *layer, a *mlpActivations, n int, rows bool) {
	a.rstd, a.gate, a.up = m.f32(n), m.act(n, m.config.FFN), m.act(n, m.config.FFN)
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
	n.rstd, n.gate, n.up = kept.rstd.Slice(0, from, to), kept.gate.Slice(0, from, to),
		kept.up.Slice(0, from, to)
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

// mlp computes a layer's second half, some tokens at a time: out = x1 + down(SwiGLU(norm(x1))).
func (m *Model) mlp(p *pass, y *layer, a *activations) {
	m.b.Copy(a.out, a.x1)
	for from := 0; from < p.tokens; from += m.mlpRows {
		to := min(from+m.mlpRows, p.tokens)
		mark := m.work.arena.Mark()
		n := m.part(y, &a.mlp, from, to)
		m.gateAndUp(p, y, a, &n, from, to)
		down := y.linear[downProj].operand(p.seed, from)
		m.b.Linear(a.out.Slice(0, from, to), n.a, down, n.u[downProj], true)
		m.work.arena.Release(mark)
	}
}

// gateAndUp computes the activations of tokens [from, to), that of the down projection's adapter
// excepted.
func (m *Model) gateAndUp(p *pass, y *layer, a *activations, n *mlpActivations, from, to int) {
	m.b.RMSNorm(n.h, n.rstd, a.x1.Slice(0, from, to), y.postNorm.Value, m.config.Eps)
	m.b.Linear(n.gate, n.h, y.linear[gateProj].operand(p.seed, from), n.u[gateProj], false)
	m.b.Linear(n.up, n.h, y.linear[upProj].operand(p.seed, from), n.u[upProj], false)
	m.b.SwiGLU(n.a, n.gate, n.up)
}

// mlpBackward turns dx, the gradient of the layer's output, into that of x1. What was not kept is
// computed again.
func (m *Model) mlpBackward(p *pass, y *layer, a *activations, dx kernels.Tensor) {
	for from := 0; from < p.tokens; from += m.mlpRows {
		to := min(from+m.mlpRows, p.tokens)
		mark := m.work.arena.Mark()
		n := m.part(y, &a.mlp, from, to)
		switch {
		case !a.mlp.kept():
			m.gateAndUp(p, y, a, &n, from, to)
			m.downAgain(p, y, &n, from, to)
		case a.mlp.h.IsZero():
			m.b.RMSNorm(n.h, n.rstd, a.x1.Slice(0, from, to), y.postNorm.Value, m.config.Eps)
			m.b.SwiGLU(n.a, n.gate, n.up)
		}
		m.derivePart(p, y, a, &n, dx, from, to)
		m.work.arena.Release(mark)
	}
}

// downAgain computes the inner activation of the down projection's adapter, if it has one.
func (m *Model) downAgain(p *pass, y *layer, n *mlpActivations, from, to int) {
	if down := &y.linear[downProj]; down.a != nil {
		unused := m.act(to-from, m.config.Hidden)
		m.b.Linear(unused, n.a, down.operand(p.seed, from), n.u[downProj], false)
	}
}

// derivePart is mlpBackward for tokens [from, to), whose activations are there.
func (m *Model) derivePart(p *pass, y *layer, a *activations, n *mlpActivations, dx kernels.Tensor,
	from, to int) {
	d := dx.Slice(0, from, to)
	dh, da := m.cleared(to-from, m.config.Hidden), m.cleared(to-from, m.config.FFN)
	m.derivePartOf(p, y, downProj, n, da, d, n.a, from)
	m.b.SwiGLUGrad(n.gate, n.up, da, n.gate, n.up)
	m.derivePartOf(p, y, gateProj, n, dh, n.gate, n.h, from)
	m.derivePartOf(p, y, upProj, n, dh, n.up, n.h, from)
	m.b.RMSNormGrad(d, y.postNorm.Grad, dh, a.x1.Slice(0, from, to), y.postNorm.Value, n.rstd)
}

// derivePartOf is derive for a linear layer of the MLP and tokens that begin at from.
func (m *Model) derivePartOf(p *pass, y *layer, i int, n *mlpActivations, dx, dy, x kernels.Tensor,
	from int) {
	l := &y.linear[i]
	m.b.LinearGrad(dx, l.gradients(), dy, x, l.operand(p.seed, from), n.u[i])
}
