package rmsnorm

import (
	"math"

	"longlora/kernels"
	"longlora/kernels/bf16"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// CPU computes y = x·rstd·w and keeps rstd, one a row. w may be BF16.
func CPU(m *machine.Machine, y, rstd, x, w kernels.Tensor, eps float32) {
	out, in := machine.View(y), machine.View(x)
	machine.Want("RMSNorm", "y", y, in.N, in.D)
	machine.Want("RMSNorm", "rstd", rstd, in.N)
	machine.Want("RMSNorm", "w", w, in.D)
	f := forward{m.Ops, out, in, machine.F32(rstd), weight(w, m.Shared(in.D)), eps}
	machine.Rows(m, in.N, in.D, f, (*forward).rows)
}

// weight returns w as floats, converted to scratch if need be.
func weight(w kernels.Tensor, scratch []float32) []float32 {
	if w.DType() != kernels.BF16 {
		return machine.View(w).Row(0)
	}
	bf16.Expand(scratch[:w.Len()], machine.BF16(w))
	return scratch[:w.Len()]
}

// forward is one call of CPU.
type forward struct {
	ops     *simd.Ops
	y, x    machine.Matrix
	rstd, w []float32
	eps     float32
}

func (f *forward) rows(_, from, to int) {
	for t := from; t < to; t++ {
		row := f.x.Row(t)
		mean := float64(f.ops.Dot(row, row)) / float64(f.x.D)
		r := float32(1 / math.Sqrt(mean+float64(f.eps)))
		f.rstd[t] = r
		f.ops.Multiply(f.y.Row(t), row, f.w, r)
	}
}

// chunk is the rows whose part of dw is summed together, whatever the number of threads.
const chunk = 128

// CPUGrad computes dx += and, if dw is present, dw +=.
func CPUGrad(m *machine.Machine, dx, dw, dy, x, w, rstd kernels.Tensor) {
	in := machine.View(x)
	machine.Want("RMSNormGrad", "dx", dx, in.N, in.D)
	machine.Want("RMSNormGrad", "dy", dy, in.N, in.D)
	chunks := machine.Chunks(in.N, chunk)
	scratch := m.Shared((chunks + 1) * in.D)
	g := gradient{ops: m.Ops, dx: machine.View(dx), dy: machine.View(dy), x: in,
		w: weight(w, scratch), rstd: machine.F32(rstd)}
	if !dw.IsZero() {
		machine.Want("RMSNormGrad", "dw", dw, in.D)
		g.parts = machine.Matrix{Data: scratch[in.D:], N: chunks, D: in.D, Stride: in.D}
	}
	machine.Tasks(m, chunks, 4*in.N*in.D, g, (*gradient).rows)
	for i := range g.parts.N {
		m.Ops.Axpy(machine.View(dw).Row(0), 1, g.parts.Row(i))
	}
}

// gradient is one call of CPUGrad.
type gradient struct {
	ops       *simd.Ops
	dx, dy, x machine.Matrix
	w, rstd   []float32
	parts     machine.Matrix // dw of each chunk, no rows if not wanted
}

// rows does the rows of chunk i.
func (g *gradient) rows(_, i int) {
	ops := g.ops
	if g.parts.N > 0 {
		clear(g.parts.Row(i))
	}
	for t := i * chunk; t < min((i+1)*chunk, g.x.N); t++ {
		x, dy, r := g.x.Row(t), g.dy.Row(t), g.rstd[t]
		along := ops.Dot3(dy, g.w, x) * r * r * r / float32(g.x.D)
		var dw []float32
		if g.parts.N > 0 {
			dw = g.parts.Row(i)
		}
		ops.NormGrad(g.dx.Row(t), dw, dy, x, g.w, r, along)
	}
}
