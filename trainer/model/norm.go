package model

import "longlora/kernels"

// norm is a normalisation's parameters; LayerNorm's alone has a bias.
type norm struct{ w, b *Param }

// stats are what a normalisation of N rows keeps for its gradient: [N] each, mean of LayerNorm alone.
type stats struct{ rstd, mean kernels.Tensor }

// stats cuts room for n rows' off the arena.
func (m *Model) stats(n int) (s stats) {
	if s.rstd = m.f32(n); m.config.Arch.Norm == LayerNorm {
		s.mean = m.f32(n)
	}
	return s
}

// rows are those of rows [from, to).
func (s stats) rows(from, to int) stats {
	return stats{s.rstd.Slice(0, from, to), part(s.mean, from, to)}
}

// normalize computes y, normalised x, and s.
func (m *Model) normalize(y kernels.Tensor, s stats, x kernels.Tensor, n norm) {
	if m.config.Arch.Norm == LayerNorm {
		m.b.LayerNorm(y, s.mean, s.rstd, x, n.w.Value, n.b.Value, m.config.Eps)
		return
	}
	mark := m.work.arena.Mark()
	m.b.RMSNorm(y, s.rstd, x, m.normWeight(n), m.config.Eps)
	m.work.arena.Release(mark)
}

// normalizeGrad adds to dx, and to the gradients of n, what dy is to them.
func (m *Model) normalizeGrad(dx, dy, x kernels.Tensor, s stats, n norm) {
	if m.config.Arch.Norm == LayerNorm {
		m.b.LayerNormGrad(dx, n.w.Grad, n.b.Grad, dy, x, n.w.Value, s.mean, s.rstd)
		return
	}
	mark := m.work.arena.Mark()
	m.b.RMSNormGrad(dx, n.w.Grad, dy, x, m.normWeight(n), s.rstd)
	m.work.arena.Release(mark)
}

// normWeight is what RMSNorm multiplies by; where that is not the parameter, it lies on the arena.
func (m *Model) normWeight(n norm) kernels.Tensor {
	if m.config.Arch.Norm != RMSNormPlus {
		return n.w.Value
	}
	w := m.f32(n.w.shape[0])
	m.b.Copy(w, n.w.Value)
	m.b.Add(w, m.ones.Slice(0, 0, n.w.shape[0]))
	return w
}

// byHead views [T, H·Dh] as [T·H, Dh].
func (m *Model) byHead(x kernels.Tensor) kernels.Tensor {
	return x.Reshape(x.Len()/m.config.HeadDim, m.config.HeadDim)
}
