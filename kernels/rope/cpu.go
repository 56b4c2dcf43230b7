package rope

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// CPU rotates x [T, H, Dh] in place, or back if inverse.
func CPU(m *machine.Machine, x, cos, sin, pos kernels.Tensor, inverse bool) {
	half := x.Dim(2) / 2
	machine.Want("RoPE", "pos", pos, x.Dim(0))
	machine.Want("RoPE", "cos", cos, cos.Dim(0), half)
	machine.Want("RoPE", "sin", sin, cos.Dim(0), half)
	r := rotation{
		ops: m.Ops, inverse: inverse, data: machine.F32(x), pos: machine.I32(pos),
		cos: machine.View(cos), sin: machine.View(sin),
		heads: x.Dim(1), stride: x.Stride(0), headStride: x.Stride(1),
	}
	check(r.pos, r.cos.N)
	machine.Rows(m, x.Dim(0), r.heads*x.Dim(2), r, (*rotation).rows)
}

// rotation is one call of CPU.
type rotation struct {
	ops                       *simd.Ops
	inverse                   bool
	data                      []float32
	pos                       []int32
	cos, sin                  machine.Matrix
	heads, stride, headStride int
}

func (r *rotation) rows(_, from, to int) {
	for t := from; t < to; t++ {
		at := int(r.pos[t])
		r.ops.Rotate(r.data[t*r.stride:], r.heads, r.headStride, r.cos.Row(at), r.sin.Row(at), r.inverse)
	}
}

// check panics if a position is outside the table.
func check(pos []int32, positions int) {
	for t, p := range pos {
		if p < 0 || int(p) >= positions {
			panic(fmt.Sprintf("RoPE: token %d at position %d, the table has %d", t, p, positions))
		}
	}
}
