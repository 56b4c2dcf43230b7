package gelu

import (
	"longlora/kernels"
	"longlora/kernels/machine"
)

// CPU computes y = gelu(x)·up, or gelu(x) if up is absent.
func CPU(m *machine.Machine, y, x, up kernels.Tensor, form kernels.GELU) {
	f := forward{m: m, y: machine.View(y), x: machine.View(x), tanh: form == kernels.GELUTanh}
	machine.Want("GELU", "x", x, f.y.N, f.y.D)
	if !up.IsZero() {
		machine.Want("GELU", "up", up, f.y.N, f.y.D)
		f.up = machine.View(up)
	}
	machine.Rows(m, f.y.N, 16*f.y.D, f, (*forward).rows)
}

// forward is one call of CPU.
type forward struct {
	m        *machine.Machine
	y, x, up machine.Matrix // up has no rows if absent
	tanh     bool
}

func (f *forward) rows(worker, from, to int) {
	e := f.m.Own(worker, f.x.D)
	for t := from; t < to; t++ {
		if f.tanh {
			f.m.Ops.GELUTanh(f.y.Row(t), f.x.Row(t), row(f.up, t), e)
		} else {
			f.m.Ops.GELU(f.y.Row(t), f.x.Row(t), row(f.up, t), e)
		}
	}
}

// row returns row t, nil of a matrix without rows.
func row(m machine.Matrix, t int) []float32 {
	if m.N == 0 {
		return nil
	}
	return m.Row(t)
}

// CPUGrad overwrites dx and, if up is present, dup, which may be x's and up's own memory.
func CPUGrad(m *machine.Machine, dx, dup, dy, x, up kernels.Tensor, form kernels.GELU) {
	b := gradient{m: m, dx: machine.View(dx), dy: machine.View(dy), x: machine.View(x),
		tanh: form == kernels.GELUTanh}
	machine.Want("GELUGrad", "dy", dy, b.dx.N, b.dx.D)
	machine.Want("GELUGrad", "x", x, b.dx.N, b.dx.D)
	if !up.IsZero() {
		machine.Want("GELUGrad", "up", up, b.dx.N, b.dx.D)
		machine.Want("GELUGrad", "dup", dup, b.dx.N, b.dx.D)
		b.up, b.dup = machine.View(up), machine.View(dup)
	}
	machine.Rows(m, b.dx.N, 24*b.dx.D, b, (*gradient).rows)
}

// gradient is one call of CPUGrad.
type gradient struct {
	m                  *machine.Machine
	dx, dup, dy, x, up machine.Matrix // dup and up have no rows if absent
	tanh               bool
}

func (b *gradient) rows(worker, from, to int) {
	e := b.m.Own(worker, b.x.D)
	for t := from; t < to; t++ {
		dx, dup, dy, x, up := b.dx.Row(t), row(b.dup, t), b.dy.Row(t), b.x.Row(t), row(b.up, t)
		if b.tanh {
			b.m.Ops.GELUTanhGrad(dx, dup, dy, x, up, e)
		} else {
			b.m.Ops.GELUGrad(dx, dup, dy, x, up, e)
		}
	}
}
