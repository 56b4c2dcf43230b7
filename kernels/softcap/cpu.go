package softcap

import (
	"longlora/kernels"
	"longlora/kernels/machine"
)

// CPU computes y = limit·tanh(y/limit).
func CPU(m *machine.Machine, y kernels.Tensor, limit float32) {
	v := machine.View(y)
	machine.Rows(m, v.N, 8*v.D, forward{m, v, limit}, (*forward).rows)
}

// forward is one call of CPU.
type forward struct {
	m     *machine.Machine
	y     machine.Matrix
	limit float32
}

func (f *forward) rows(worker, from, to int) {
	e := f.m.Own(worker, f.y.D)
	for t := from; t < to; t++ {
		f.m.Ops.SoftCap(f.y.Row(t), f.y.Row(t), e, 1, f.limit)
	}
}
