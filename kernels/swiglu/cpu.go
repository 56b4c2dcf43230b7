package swiglu

import (
	"longlora/kernels"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// CPU computes y = silu(gate)·up.
func CPU(m *machine.Machine, y, gate, up kernels.Tensor) {
	out, g, u := machine.View(y), machine.View(gate), machine.View(up)
	machine.Want("SwiGLU", "gate", gate, out.N, out.D)
	machine.Want("SwiGLU", "up", up, out.N, out.D)
	machine.Rows(m, out.N, 8*out.D, forward{m.Ops, out, g, u}, (*forward).rows)
}

// forward is one call of CPU.
type forward struct {
	ops     *simd.Ops
	y, g, u machine.Matrix
}

func (f *forward) rows(_, from, to int) {
	for t := from; t < to; t++ {
		f.ops.SwiGLU(f.y.Row(t), f.g.Row(t), f.u.Row(t))
	}
}

// CPUGrad overwrites dgate and dup, which may be gate's and up's own memory.
func CPUGrad(m *machine.Machine, dgate, dup, dy, gate, up kernels.Tensor) {
	dg, du, d := machine.View(dgate), machine.View(dup), machine.View(dy)
	g, u := machine.View(gate), machine.View(up)
	for _, t := range [...]kernels.Tensor{dup, dy, gate, up} {
		machine.Want("SwiGLUGrad", "an operand", t, dg.N, dg.D)
	}
	machine.Rows(m, dg.N, 8*dg.D, gradient{m.Ops, dg, du, d, g, u}, (*gradient).rows)
}

// gradient is one call of CPUGrad.
type gradient struct {
	ops              *simd.Ops
	dg, du, dy, g, u machine.Matrix
}

func (b *gradient) rows(_, from, to int) {
	for t := from; t < to; t++ {
		b.ops.SwiGLUGrad(b.dg.Row(t), b.du.Row(t), b.dy.Row(t), b.g.Row(t), b.u.Row(t))
	}
}
