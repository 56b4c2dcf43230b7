package layernorm

import (
	"math"

	"longlora/kernels"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// CPU computes y = (x-mean)·rstd·w + b and keeps mean and rstd, one a row. w and b are F32.
func CPU(m *machine.Machine, y, mean, rstd, x, w, b kernels.Tensor, eps float32) {
	out, in := machine.View(y), machine.View(x)
	machine.Want("LayerNorm", "y", y, in.N, in.D)
	machine.Want("LayerNorm", "mean", mean, in.N)
	machine.Want("LayerNorm", "rstd", rstd, in.N)
	machine.Want("LayerNorm", "w", w, in.D)
	machine.Want("LayerNorm", "b", b, in.D)
	f := forward{m.Ops, out, in, machine.F32(mean), machine.F32(rstd), machine.View(w).Row(0),
		machine.View(b).Row(0), ones(m.Shared(in.D)), eps}
	machine.Rows(m, in.N, 2*in.D, f, (*forward).rows)
}

// ones makes all elements 1.
func ones(s []float32) []float32 {
	for i := range s {
		s[i] = 1
	}
	return s
}

// forward is one call of CPU.
type forward struct {
	ops              *simd.Ops
	y, x             machine.Matrix
	mean, rstd, w, b []float32
	ones             []float32
	eps              float32
}

func (f *forward) rows(_, from, to int) {
	for t := from; t < to; t++ {
		row, out := f.x.Row(t), f.y.Row(t)
		mean := float32(float64(f.ops.Dot(row, f.ones)) / float64(f.x.D))
		copy(out, row)
		f.ops.Axpy(out, -mean, f.ones)
		variance := float64(f.ops.Dot(out, out)) / float64(f.x.D)
		r := float32(1 / math.Sqrt(variance+float64(f.eps)))
		f.mean[t], f.rstd[t] = mean, r
		f.ops.Multiply(out, out, f.w, r)
		f.ops.Axpy(out, 1, f.b)
	}
}

// chunk is the rows whose parts of dw and db are summed together, whatever the number of threads.
const chunk = 128

// CPUGrad computes dx +=, and dw += and db += unless they are absent.
func CPUGrad(m *machine.Machine, dx, dw, db, dy, x, w, mean, rstd kernels.Tensor) {
	in := machine.View(x)
	machine.Want("LayerNormGrad", "dx", dx, in.N, in.D)
	machine.Want("LayerNormGrad", "dy", dy, in.N, in.D)
	machine.Want("LayerNormGrad", "w", w, in.D)
	chunks := machine.Chunks(in.N, chunk)
	scratch := m.Shared((2*chunks + 1) * in.D)
	g := gradient{m: m, ones: ones(scratch[:in.D]), dx: machine.View(dx), dy: machine.View(dy),
		x: in, w: machine.View(w).Row(0), mean: machine.F32(mean), rstd: machine.F32(rstd)}
	if !dw.IsZero() {
		machine.Want("LayerNormGrad", "dw", dw, in.D)
		machine.Want("LayerNormGrad", "db", db, in.D)
		g.parts = machine.Matrix{Data: scratch[in.D:], N: 2 * chunks, D: in.D, Stride: in.D}
	}
	machine.Tasks(m, chunks, 6*in.N*in.D, g, (*gradient).rows)
	for i := 0; i < g.parts.N; i += 2 {
		m.Ops.Axpy(machine.View(dw).Row(0), 1, g.parts.Row(i))
		m.Ops.Axpy(machine.View(db).Row(0), 1, g.parts.Row(i+1))
	}
}

// gradient is one call of CPUGrad.
type gradient struct {
	m             *machine.Machine
	ones          []float32
	dx, dy, x     machine.Matrix
	w, mean, rstd []float32
	parts         machine.Matrix // dw and db of each chunk in turn, no rows if not wanted
}

// rows does the rows of chunk i.
func (g *gradient) rows(worker, i int) {
	ops, centred, d := g.m.Ops, g.m.Own(worker, g.x.D), float32(g.x.D)
	var dw, db []float32
	if g.parts.N > 0 {
		dw, db = g.parts.Row(2*i), g.parts.Row(2*i+1)
		clear(dw)
		clear(db)
	}
	for t := i * chunk; t < min((i+1)*chunk, g.x.N); t++ {
		dy, r := g.dy.Row(t), g.rstd[t]
		copy(centred, g.x.Row(t))
		ops.Axpy(centred, -g.mean[t], g.ones)
		along := ops.Dot3(dy, g.w, centred) * r * r * r / d
		ops.NormGrad(g.dx.Row(t), dw, dy, centred, g.w, r, along)
		ops.Axpy(g.dx.Row(t), -r*ops.Dot(dy, g.w)/d, g.ones)
		if db != nil {
			ops.Axpy(db, 1, dy)
		}
	}
}
