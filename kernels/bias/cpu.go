package bias

import (
	"longlora/kernels"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// CPU computes y[t] += b.
func CPU(m *machine.Machine, y, b kernels.Tensor) {
	out := machine.View(y)
	machine.Want("AddBias", "b", b, out.D)
	machine.Rows(m, out.N, out.D, forward{m.Ops, out, machine.View(b).Row(0)}, (*forward).rows)
}

// forward is one call of CPU.
type forward struct {
	ops *simd.Ops
	y   machine.Matrix
	b   []float32
}

func (f *forward) rows(_, from, to int) {
	for t := from; t < to; t++ {
		f.ops.Axpy(f.y.Row(t), 1, f.b)
	}
}

// chunk is the rows that are summed together, whatever the number of threads.
const chunk = 128

// CPUGrad computes db += Σ dy[t].
func CPUGrad(m *machine.Machine, db, dy kernels.Tensor) {
	in := machine.View(dy)
	machine.Want("BiasGrad", "db", db, in.D)
	chunks := machine.Chunks(in.N, chunk)
	g := gradient{m.Ops, in, machine.Matrix{Data: m.Shared(chunks * in.D), N: chunks, D: in.D,
		Stride: in.D}}
	machine.Tasks(m, chunks, in.N*in.D, g, (*gradient).rows)
	for i := range chunks {
		m.Ops.Axpy(machine.View(db).Row(0), 1, g.parts.Row(i))
	}
}

// gradient is one call of CPUGrad.
type gradient struct {
	ops   *simd.Ops
	dy    machine.Matrix
	parts machine.Matrix // of each chunk
}

// rows does the rows of chunk i.
func (g *gradient) rows(_, i int) {
	sum := g.parts.Row(i)
	clear(sum)
	for t := i * chunk; t < min((i+1)*chunk, g.dy.N); t++ {
		g.ops.Axpy(sum, 1, g.dy.Row(t))
	}
}
