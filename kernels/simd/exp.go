package simd

import "math"

// ExpSum computes dst = exp(src·scale - shift) and returns its sum. Results below 2^-126 are 0;
// the relative error is at most 2^-22. Elements outside whole vectors are summed in float64:
// without vectors that is a whole row, and one by one in float32 its error would grow with its
// length.
func (o *Ops) ExpSum(dst, src []float32, scale, shift float32) float32 {
	dst = dst[:len(src)]
	var sum float64
	n := o.whole(len(src))
	if n > 0 {
		sum = float64(o.asm.expSum(&dst[0], &src[0], int64(n), scale, shift))
	}
	for i := n; i < len(src); i++ {
		dst[i] = exp(src[i]*scale - shift)
		sum += float64(dst[i])
	}
	return float32(sum)
}

// exp has results below 2^-126 as 0, as the assembly has it.
func exp(x float32) float32 {
	if x < -87.33654 {
		return 0
	}
	return float32(math.Exp(float64(min(x, 88.37626))))
}

// SwiGLU computes dst = silu(gate)·up.
func (o *Ops) SwiGLU(dst, gate, up []float32) {
	gate, up = gate[:len(dst)], up[:len(dst)]
	n := o.wholeIf(o.asm.swiglu != nil, len(dst))
	if n > 0 {
		o.asm.swiglu(&dst[0], &gate[0], &up[0], int64(n))
	}
	for i := n; i < len(dst); i++ {
		dst[i] = gate[i] * sigmoid(gate[i]) * up[i]
	}
}

// SwiGLUGrad computes the gradients of SwiGLU by its operands. dgate may be gate, dup may be up.
func (o *Ops) SwiGLUGrad(dgate, dup, dy, gate, up []float32) {
	dup, dy, gate, up = dup[:len(dgate)], dy[:len(dgate)], gate[:len(dgate)], up[:len(dgate)]
	n := o.wholeIf(o.asm.swigluGrad != nil, len(dgate))
	if n > 0 {
		o.asm.swigluGrad(&dgate[0], &dup[0], &dy[0], &gate[0], &up[0], int64(n))
	}
	for i := n; i < len(dgate); i++ {
		g, d := gate[i], dy[i]
		s := sigmoid(g)
		dgate[i], dup[i] = d*up[i]*(s+g*s*(1-s)), d*g*s
	}
}

// sigmoid returns 1/(1+exp(-x)).
func sigmoid(x float32) float32 {
	return float32(1 / (1 + math.Exp(-float64(x))))
}
