package linear

import (
	"longlora/kernels"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// CPU computes y = x Wᵀ + s·u Bᵀ with u = x' Aᵀ, or adds it to y.
func CPU(m *machine.Machine, y, x kernels.Tensor, l kernels.Linear, u kernels.Tensor,
	accumulate bool) {
	if !l.Magnitude.IsZero() {
		DoRACPU(m, y, x, l, u, accumulate)
		return
	}
	out, in := machine.View(y), machine.View(x)
	machine.Want("Linear", "x", x, out.N, l.W.In())
	machine.Want("Linear", "y", y, in.N, l.W.Out())
	if w := machine.Weights(l.W, true); out.N == 1 && w.Coded.Rows != nil {
		oneRow(m, out, in, w.Coded.Rows, accumulate)
	} else {
		m.Gemm.Multiply(out.C(), in.A(), w, out.N, out.D, in.D, accumulate)
	}
	if l.A.IsZero() {
		return
	}
	a, b, down := machine.View(l.A), machine.View(l.B), machine.View(u)
	machine.Want("Linear", "A", l.A, down.D, in.D)
	machine.Want("Linear", "B", l.B, out.D, down.D)
	machine.Want("Linear", "u", u, in.N, down.D)
	eachDropped(m, in, l, func(kept machine.Matrix, from int) {
		part := down.Rows(from, from+kept.N)
		m.Gemm.Multiply(part.C(), kept.A(), a.BT(1), kept.N, down.D, in.D, false)
	})
	m.Gemm.Multiply(out.C(), down.A(), b.BT(l.Scale), out.N, out.D, down.D, true)
}

// CPUGrad computes dx += dy W + s·((dy B) A)', and the members of g that are present.
func CPUGrad(m *machine.Machine, dx kernels.Tensor, g kernels.LinearGrad, dy, x kernels.Tensor,
	l kernels.Linear, u kernels.Tensor) {
	if !l.Magnitude.IsZero() {
		DoRACPUGrad(m, dx, g, dy, x, l, u)
		return
	}
	up, in := machine.View(dy), machine.View(x)
	machine.Want("LinearGrad", "dy", dy, in.N, l.W.Out())
	machine.Want("LinearGrad", "x", x, in.N, l.W.In())
	if !dx.IsZero() {
		machine.Want("LinearGrad", "dx", dx, in.N, in.D)
		m.Gemm.Multiply(machine.View(dx).C(), up.A(), machine.Weights(l.W, false),
			in.N, in.D, up.D, true)
	}
	if !g.DW.IsZero() {
		machine.Want("LinearGrad", "dW", g.DW, up.D, in.D)
		m.Gemm.Multiply(machine.View(g.DW).C(), up.T(), in.B(1), up.D, in.D, in.N, true)
	}
	if !l.A.IsZero() {
		adapterGrad(m, dx, g, up, in, l, u)
	}
}

// adapterGrad adds the adapter's part of the gradients. With v = s·dy B: dA += vᵀ x',
// dB += s·dyᵀ u, dx += (v A)'.
func adapterGrad(m *machine.Machine, dx kernels.Tensor, g kernels.LinearGrad, dy, x machine.Matrix,
	l kernels.Linear, u kernels.Tensor) {
	a, b, down := machine.View(l.A), machine.View(l.B), machine.View(u)
	rank := a.N
	if !g.DB.IsZero() {
		machine.Want("LinearGrad", "dB", g.DB, dy.D, rank)
		m.Gemm.Multiply(machine.View(g.DB).C(), dy.T(), down.B(l.Scale), dy.D, rank, dy.N, true)
	}
	if dx.IsZero() && g.DA.IsZero() {
		return
	}
	scratch := m.Shared(dy.N*rank + maskedRows*x.D)
	v := machine.Matrix{Data: scratch, N: dy.N, D: rank, Stride: rank}
	m.Gemm.Multiply(v.C(), dy.A(), b.B(l.Scale), dy.N, rank, dy.D, false)
	masked := machine.Matrix{Data: scratch[dy.N*rank:], D: x.D, Stride: x.D}
	if !g.DA.IsZero() {
		machine.Want("LinearGrad", "dA", g.DA, rank, x.D)
		dA := machine.View(g.DA)
		eachMasked(m, x, l, masked, func(kept machine.Matrix, from int) {
			part := v.Rows(from, from+kept.N)
			m.Gemm.Multiply(dA.C(), part.T(), kept.B(1), rank, x.D, kept.N, true)
		})
	}
	if dx.IsZero() {
		return
	}
	if l.Dropout == 0 {
		m.Gemm.Multiply(machine.View(dx).C(), v.A(), a.B(1), dy.N, x.D, rank, true)
		return
	}
	for from := 0; from < dy.N; from += maskedRows {
		part := masked
		part.N = min(maskedRows, dy.N-from)
		m.Gemm.Multiply(part.C(), v.Rows(from, from+part.N).A(), a.B(1), part.N, x.D, rank, false)
		addMasked(m, machine.View(dx).Rows(from, from+part.N), part, l, from)
	}
}

// maskedRows is the number of rows of x' that exist at a time.
const maskedRows = 256

// eachDropped calls f with x', and the row at which it begins: once with x itself without dropout,
// else for chunks of masked rows in shared memory.
func eachDropped(m *machine.Machine, x machine.Matrix, l kernels.Linear,
	f func(kept machine.Matrix, from int)) {
	var masked machine.Matrix
	if l.Dropout > 0 {
		masked = machine.Matrix{Data: m.Shared(maskedRows * x.D), D: x.D, Stride: x.D}
	}
	eachMasked(m, x, l, masked, f)
}

// eachMasked is eachDropped with memory for maskedRows rows.
func eachMasked(m *machine.Machine, x machine.Matrix, l kernels.Linear, masked machine.Matrix,
	f func(kept machine.Matrix, from int)) {
	if l.Dropout == 0 {
		f(x, 0)
		return
	}
	for from := 0; from < x.N; from += maskedRows {
		masked.N = min(maskedRows, x.N-from)
		part := x.Rows(from, from+masked.N)
		machine.Rows(m, masked.N, 8*x.D, dropping{masked, part, m.Ops, l, from}, (*dropping).rows)
		f(masked, from)
	}
}

// addMasked computes dx += the mask of x's rows from from on times part, divided by 1-p.
func addMasked(m *machine.Machine, dx, part machine.Matrix, l kernels.Linear, from int) {
	machine.Rows(m, part.N, 8*part.D, dropping{dx, part, m.Ops, l, from}, (*dropping).add)
}

// dropping is x' of the rows from from on, which x holds.
type dropping struct {
	to, x machine.Matrix
	ops   *simd.Ops
	l     kernels.Linear
	from  int
}

// rows writes x'.
func (d *dropping) rows(_, i, end int) {
	for ; i < end; i++ {
		dropRow(d.to.Row(i), d.x.Row(i), d.l, d.from+i)
	}
}

// add adds x', which takes x's place.
func (d *dropping) add(_, i, end int) {
	for ; i < end; i++ {
		dropRow(d.x.Row(i), d.x.Row(i), d.l, d.from+i)
		d.ops.Axpy(d.to.Row(i), 1, d.x.Row(i))
	}
}

// dropRow writes row t of x' to dst.
func dropRow(dst, x []float32, l kernels.Linear, t int) {
	index, scale := uint64(t)*uint64(len(x)), 1/(1-l.Dropout)
	for j, v := range x {
		if Keep(l.Seed, index+uint64(j), l.Dropout) {
			dst[j] = v * scale
		} else {
			dst[j] = 0
		}
	}
}
