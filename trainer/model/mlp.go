package model

import "longlora/kernels"

// defaultMLPRows is the number of tokens whose MLP is computed at a time: its activations, the
// widest of a layer, exist for no more of them unless they are kept.
const defaultMLPRows = 2048

// mlpActivations are what the gradient of the MLP needs of some tokens' forward pass.
type mlpActivations struct {
	h, rstd     kernels.Tensor          // normalised [n, D], [n]
	gate, up, a kernels.Tensor          // [n, F]
	u           [linears]kernels.Tensor // [n, r], absent without adapter
}

func (m *Model) newMLPActivations(y *layer, n int) *mlpActivations {
	c := m.config
	a := &mlpActivations{
		h: m.f32(n, c.Hidden), rstd: m.f32(n),
		gate: m.f32(n, c.FFN), up: m.f32(n, c.FFN), a: m.f32(n, c.FFN),
	}
	for _, i := range []int{gateProj, upProj, downProj} {
		a.u[i] = y.linear[i].low(m.work.arena, n)
	}
	return a
}

// rows returns the activations of tokens [from, to).
func (a *mlpActivations) rows(from, to int) *mlpActivations {
	part := &mlpActivations{
		h: a.h.Slice(0, from, to), rstd: a.rstd.Slice(0, from, to), gate: a.gate.Slice(0, from, to),
		up: a.up.Slice(0, from, to), a: a.a.Slice(0, from, to),
	}
	for i, u := range a.u {
		if !u.IsZero() {
			part.u[i] = u.Slice(0, from, to)
		}
	}
	return part
}

// eachPart calls f for runs of at most m.mlpRows tokens, with their activations: a part of those
// kept, or new ones that last for the call.
func (m *Model) eachPart(p *pass, y *layer, kept *mlpActivations,
	f func(from, to int, a *mlpActivations)) {
	for from := 0; from < p.tokens; from += m.mlpRows {
		to := min(from+m.mlpRows, p.tokens)
		mark := m.work.arena.Mark()
		if kept != nil {
			f(from, to, kept.rows(from, to))
		} else {
			f(from, to, m.newMLPActivations(y, to-from))
		}
		m.work.arena.Release(mark)
	}
}

// mlpForward computes a layer's second half: out = x1 + down(SwiGLU(norm(x1))).
func (m *Model) mlpForward(p *pass, y *layer, a *activations, out kernels.Tensor, keep bool) {
	if keep {
		a.mlp = m.newMLPActivations(y, p.tokens)
	}
	m.b.Copy(out, a.x1)
	m.eachPart(p, y, a.mlp, func(from, to int, n *mlpActivations) {
		m.mlpInner(p, y, a, n, from, to)
		down := y.linear[downProj].operand(p.seed, from)
		m.b.Linear(out.Slice(0, from, to), n.a, down, n.u[downProj], true)
	})
}

// mlpInner computes the activations of tokens [from, to), that of the down projection's adapter
// excepted.
func (m *Model) mlpInner(p *pass, y *layer, a *activations, n *mlpActivations, from, to int) {
	m.b.RMSNorm(n.h, n.rstd, a.x1.Slice(0, from, to), y.postNorm.Value, m.config.Eps)
	m.b.Linear(n.gate, n.h, y.linear[gateProj].operand(p.seed, from), n.u[gateProj], false)
	m.b.Linear(n.up, n.h, y.linear[upProj].operand(p.seed, from), n.u[upProj], false)
	m.b.SwiGLU(n.a, n.gate, n.up)
}

// mlpBackward turns dx, the gradient of the layer's output, into that of x1. What was not kept is
// computed again.
func (m *Model) mlpBackward(p *pass, y *layer, a *activations, dx kernels.Tensor) {
	c, down := m.config, &y.linear[downProj]
	m.eachPart(p, y, a.mlp, func(from, to int, n *mlpActivations) {
		if a.mlp == nil {
			m.mlpInner(p, y, a, n, from, to)
			if down.a != nil {
				m.b.Linear(m.f32(to-from, c.Hidden), n.a, down.operand(p.seed, from), n.u[downProj], false)
			}
		}
		d := dx.Slice(0, from, to)
		dh, da := m.cleared(to-from, c.Hidden), m.cleared(to-from, c.FFN)
		derive := func(i int, dx, dy, x kernels.Tensor) {
			l := &y.linear[i]
			m.b.LinearGrad(dx, l.gradients(), dy, x, l.operand(p.seed, from), n.u[i])
		}
		derive(downProj, da, d, n.a)
		m.b.SwiGLUGrad(n.gate, n.up, da, n.gate, n.up)
		derive(gateProj, dh, n.gate, n.h)
		derive(upProj, dh, n.up, n.h)
		m.b.RMSNormGrad(d, y.postNorm.Grad, dh, a.x1.Slice(0, from, to), y.postNorm.Value, n.rstd)
	})
}
