package simd

import "longlora/kernels/bf16"

// RoundBrain computes dst = src rounded to brain floats, to nearest even. NaN stays NaN.
func (o *Ops) RoundBrain(dst, src []float32) {
	dst = dst[:len(src)]
	n := o.wholeIf(o.asm.roundBrain != nil, len(src))
	if n > 0 {
		o.asm.roundBrain(&dst[0], &src[0], int64(n))
	}
	for i := n; i < len(src); i++ {
		dst[i] = bf16.Float(bf16.Round(src[i]))
	}
}
