package rope

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/machine"
)

// CPU rotates x [T, H, Dh] in place, or back if inverse.
func CPU(m *machine.Machine, x, cos, sin, pos kernels.Tensor, inverse bool) {
	half := x.Dim(2) / 2
	machine.Want("RoPE", "pos", pos, x.Dim(0))
	machine.Want("RoPE", "cos", cos, cos.Dim(0), half)
	machine.Want("RoPE", "sin", sin, cos.Dim(0), half)
	data, p := machine.F32(x), machine.I32(pos)
	c, s := machine.View(cos), machine.View(sin)
	check(p, c.N)
	rotate := m.Ops.Rotate
	if inverse {
		rotate = m.Ops.RotateBack
	}
	heads, stride, headStride := x.Dim(1), x.Stride(0), x.Stride(1)
	m.Rows(x.Dim(0), heads*x.Dim(2), func(_, from, to int) {
		for t := from; t < to; t++ {
			at := int(p[t])
			for h := range heads {
				row := data[t*stride+h*headStride:]
				rotate(row[:half], row[half:2*half], c.Row(at), s.Row(at))
			}
		}
	})
}

// check panics if a position is outside the table.
func check(pos []int32, positions int) {
	for t, p := range pos {
		if p < 0 || int(p) >= positions {
			panic(fmt.Sprintf("RoPE: token %d at position %d, the table has %d", t, p, positions))
		}
	}
}
