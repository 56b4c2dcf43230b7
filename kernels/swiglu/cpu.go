package swiglu

import (
	"longlora/kernels"
	"longlora/kernels/machine"
)

// CPU computes y = silu(gate)·up.
func CPU(m *machine.Machine, y, gate, up kernels.Tensor) {
	out, g, u := machine.View(y), machine.View(gate), machine.View(up)
	machine.Want("SwiGLU", "gate", gate, out.N, out.D)
	machine.Want("SwiGLU", "up", up, out.N, out.D)
	m.Rows(out.N, 8*out.D, func(_, from, to int) {
		for t := from; t < to; t++ {
			m.Ops.SwiGLU(out.Row(t), g.Row(t), u.Row(t))
		}
	})
}

// CPUGrad overwrites dgate and dup, which may be gate's and up's own memory.
func CPUGrad(m *machine.Machine, dgate, dup, dy, gate, up kernels.Tensor) {
	dg, du, d := machine.View(dgate), machine.View(dup), machine.View(dy)
	g, u := machine.View(gate), machine.View(up)
	for _, t := range []kernels.Tensor{dup, dy, gate, up} {
		machine.Want("SwiGLUGrad", "an operand", t, dg.N, dg.D)
	}
	m.Rows(dg.N, 8*dg.D, func(_, from, to int) {
		for t := from; t < to; t++ {
			m.Ops.SwiGLUGrad(dg.Row(t), du.Row(t), d.Row(t), g.Row(t), u.Row(t))
		}
	})
}
